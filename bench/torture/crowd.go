package torture

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/bench/measure"
	"sluice/bench/process"
)

// The crowd, and the limits of the server that it meets.
const (
	slowClients = 500 // half of them slow with the header, half with the body
	uploads     = 200 // at once, of uploadRows each
	uploadRows  = 8_000
	queuedJobs  = 1000 // of one tenant, behind one of hogRows
	hogRows     = 1_000_000
	hogSenders  = 8
	maxConns    = 1000

	askEvery    = 10 * time.Millisecond
	askConns    = 32
	crowdMemory = 400 << 20 // what the server may hold
)

// Crowd puts a crowd on a server: slow clients, uploads at once, a tenant with a
// thousand queued jobs. It reports what somebody with a single job and 100 requests
// a second notices of it, and what the server's memory comes to. An answer that is
// wrong, a limit that does not hold, or more memory than stated is an error; so is,
// where cfg.Goal is set, a p99 over it.
func Crowd(ctx context.Context, cfg Config) error {
	r, err := newRun(cfg)
	if err != nil {
		return err
	}
	p, err := process.Start(ctx, r.Binary, r.data, "--max-connections", fmt.Sprint(maxConns), "--max-queued-jobs", fmt.Sprint(queuedJobs))
	if err != nil {
		return r.cleanUp(err)
	}
	defer p.Kill()
	s := newServer(p.URL, &r.stats)
	defer s.ended()
	if err := r.crowd(ctx, p, s); err != nil {
		return withLog(fmt.Errorf("crowd: %w", err), p)
	}
	return r.cleanUp(errors.Join(p.Stop(), r.check(ctx, p)))
}

func (r *run) crowd(ctx context.Context, p *process.Server, s *server) error {
	if err := r.readAdmin(); err != nil {
		return err
	}
	tokens := map[string]string{}
	for _, tenant := range []string{"other", "slow", "many", "hog"} {
		var err error
		if tokens[tenant], err = r.key(ctx, s, tenant); err != nil {
			return err
		}
	}
	own := newServer(p.URL, &r.stats) // with connections that nobody else uses
	defer own.ended()
	own.http.Transport = &http.Transport{MaxConnsPerHost: askConns, MaxIdleConnsPerHost: askConns}
	other := &asker{s: own, token: tokens["other"]}
	if err := other.prepare(ctx); err != nil {
		return err
	}
	alone, err := other.ask(ctx, r.Life/2)
	if err != nil {
		return err
	}
	var bodies []request // made before, so that their making is not measured
	for i := range uploads / 10 {
		bodies = append(bodies, csvRequest(uploadRows, fmt.Sprintf("u%d", i)))
	}
	watch, err := measure.StartWatch(p.PID())
	if err != nil {
		return err
	}
	defer watch.Close()
	busy, stop := context.WithCancel(ctx)
	defer stop()
	var crowd errgroup.Group
	full, err := r.hog(busy, &crowd, s, tokens["hog"])
	if err != nil {
		return err
	}
	for i := range slowClients {
		crowd.Go(func() error { return dawdle(busy, s, tokens["slow"], i%2 == 0) })
	}
	select {
	case <-full:
	case <-time.After(progressWait):
		return errors.New("no job past the limit was refused")
	}
	queued, err := other.ask(ctx, r.Life/2)
	if err != nil {
		return err
	}
	for i := range uploads {
		crowd.Go(func() error { return crowdUpload(busy, s, tokens["many"], bodies[i%len(bodies)]) })
	}
	beside, err := other.ask(ctx, r.Life)
	if err != nil {
		return err
	}
	refused, err := tooMany(ctx, s)
	stop()
	if err := errors.Join(err, crowd.Wait()); err != nil {
		return err
	}
	peak := watch.Peak()
	fmt.Fprintf(r.Out, "crowd: %d slow clients, %d uploads at once, %d jobs queued by one tenant (%d more refused), %d connections over the limit refused\n",
		slowClients, uploads, queuedJobs, r.stats.limited.Load(), refused)
	fmt.Fprintf(r.Out, "crowd: another tenant's requests, 100 a second: alone %s; beside the slow and the queue %s; beside the uploads, too, %s; at most %d MB of memory, of %d\n",
		alone, queued, beside, peak>>20, crowdMemory>>20)
	switch {
	case peak > crowdMemory:
		return fmt.Errorf("the server holds %d MB, more than %d", peak>>20, crowdMemory>>20)
	case r.Goal > 0 && beside.p99() > r.Goal:
		return fmt.Errorf("the p99 is %v, the goal %v", beside.p99(), r.Goal)
	}
	return nil
}

// hog queues one large job, and behind it as many as the server takes, until ctx
// ends. full is closed once it takes no more.
func (r *run) hog(ctx context.Context, crowd *errgroup.Group, s *server, token string) (full <-chan struct{}, err error) {
	large := csvRequest(hogRows, "hog")
	rep, err := s.once(ctx, token, large)
	if err == nil {
		err = rep.want(large, http.StatusAccepted)
	}
	if err != nil {
		return nil, err
	}
	small, limited := csvRequest(minQueue, "hog"), make(chan struct{})
	first := sync.OnceFunc(func() { close(limited) })
	for range hogSenders {
		crowd.Go(func() error {
			for ctx.Err() == nil {
				rep, err := s.once(ctx, token, small)
				if err != nil {
					return gone(ctx, err)
				}
				if rep.status != http.StatusTooManyRequests {
					if err := rep.want(small, http.StatusAccepted); err != nil {
						return err
					}
					continue
				}
				r.stats.limited.Add(1)
				first()
				if err := s.refused(rep); err != nil {
					return err
				}
				time.Sleep(time.Second) // as Retry-After asks
			}
			return nil
		})
	}
	return limited, nil
}

// gone is nil for what failed because the crowd was sent home.
func gone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func csvRequest(n int, name string) request {
	var b strings.Builder
	b.WriteString("Company,Domain,City\n")
	for i := range n {
		fmt.Fprintf(&b, "%s %d,c%d.%s.example,Ulm\n", name, i, i, name)
	}
	return request{method: http.MethodPost, path: "/v1/import/companies", media: "text/csv", body: []byte(b.String())}
}

func crowdUpload(ctx context.Context, s *server, token string, upload request) error {
	rep, err := s.once(ctx, token, upload)
	if err != nil {
		return gone(ctx, fmt.Errorf("upload: %w", err))
	}
	if rep.status == http.StatusServiceUnavailable {
		return s.refused(rep)
	}
	return rep.want(upload, http.StatusAccepted)
}

// asker sends requests at a fixed pace, whatever becomes of those before.
type asker struct {
	s     *server
	token string
}

// prepare stores a company to ask for.
func (a *asker) prepare(ctx context.Context) error {
	im := csvRequest(1, "other")
	rep, err := a.s.do(ctx, a.token, im)
	if err != nil {
		return err
	}
	return rep.want(im, http.StatusOK)
}

// times are sorted.
type times []time.Duration

func (t times) at(share float64) time.Duration { return t[int(share*float64(len(t)-1))] }
func (t times) p99() time.Duration             { return t.at(0.99) }

func (t times) String() string {
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms (%d)", ms(t.at(0.5)), ms(t.p99()), len(t))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// ask sends reads, and each fifth time a small import, and returns how long each
// took from the moment at which it was due. Half of the time a job of its own runs.
func (a *asker) ask(ctx context.Context, long time.Duration) (times, error) {
	var mu sync.Mutex
	var took times
	var all errgroup.Group
	all.Go(func() error {
		job := csvRequest(20_000, "other")
		rep, err := a.s.do(ctx, a.token, job)
		if err != nil {
			return err
		}
		return rep.want(job, http.StatusAccepted)
	})
	requests := []request{csvRequest(1, "other")}
	for range 4 {
		requests = append(requests, request{method: http.MethodGet, path: "/v1/companies?domain=c0.other.example"})
	}
	due := time.Now()
	for n := 0; n < int(long/askEvery); n++ {
		due = due.Add(askEvery)
		time.Sleep(time.Until(due))
		due, req := due, requests[n%len(requests)]
		all.Go(func() error {
			rep, err := a.s.once(ctx, a.token, req)
			if err != nil {
				return err
			}
			mu.Lock()
			took = append(took, time.Since(due))
			mu.Unlock()
			return rep.want(req, http.StatusOK)
		})
	}
	err := all.Wait()
	slices.Sort(took)
	return took, err
}
