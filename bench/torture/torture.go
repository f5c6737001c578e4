package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/bench/process"
)

// Config says what to torture, and how long.
type Config struct {
	Binary string // sluice
	Module string // the cleaner's .wasm
	Dir    string // for the data; empty: a temporary folder, kept if it fails
	Seed   uint64
	Rounds int           // kills at most
	For    time.Duration // no round is begun after this time; 0: no such end
	Fills  int           // rounds on a full disk
	Life   time.Duration // of a crowd
	Goal   time.Duration // for the p99 of others beside it; 0: it is only told
	Out    io.Writer

	Tenants int
	Lanes   int // of each tenant
	Domains int // of each lane
	MaxRows int // of a queued import
	Check   int // every how many rounds sluice check runs on the dead folder
	MaxLife time.Duration
}

// DefaultConfig is a run of a few minutes.
func DefaultConfig() Config {
	return Config{Binary: "bin/sluice", Module: "plugins/examples/cleaner/cleaner.wasm", Seed: 1, Rounds: 60, Fills: 6, Life: 15 * time.Second,
		Out: os.Stdout, Tenants: 3, Lanes: 3, Domains: 1500, MaxRows: 12_000, Check: 5, MaxLife: 1500 * time.Millisecond}
}

// stats count what a run did.
type stats struct {
	kills, early, stops                                                  atomic.Int64
	syncs, jobs, cancels, singles, offices, cuts, open, applied, replays atomic.Int64
	refused, limited                                                     atomic.Int64 // 503, 429
}

func (s *stats) String() string {
	return fmt.Sprintf("%d kills under load, %d during start, %d orderly stops; acknowledged: %d small imports, %d queued ones, "+
		"%d canceled, %d single changes, %d of plugins and keys; %d cut off; %d requests without an answer, of which %d were applied; %d replays",
		s.kills.Load(), s.early.Load(), s.stops.Load(), s.syncs.Load(), s.jobs.Load(), s.cancels.Load(), s.singles.Load(),
		s.offices.Load(), s.cuts.Load(), s.open.Load(), s.applied.Load(), s.replays.Load())
}

// run is one Run under way.
type run struct {
	Config
	dir     string
	data    string // in dir
	admin   string
	rng     *rand.Rand
	stats   stats
	tenants []*tenant
}

// Run tortures a server. It returns an error at the first violation.
func Run(ctx context.Context, cfg Config) (err error) {
	r, err := newRun(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.Out, "torture: seed %d, folder %s\n", cfg.Seed, r.dir)
	began := time.Now()
	round := 0
	for ; round < cfg.Rounds && (cfg.For == 0 || time.Since(began) < cfg.For) && err == nil; round++ {
		if err = r.round(ctx, round); err != nil {
			err = fmt.Errorf("seed %d, round %d: %w\nthe folder is kept: %s", cfg.Seed, round, err, r.dir)
		}
	}
	if err == nil {
		err = r.last(ctx)
	}
	fmt.Fprintf(r.Out, "torture: %d rounds in %s: %s\n", round, time.Since(began).Round(time.Second), &r.stats)
	return r.cleanUp(err)
}

func newRun(cfg Config) (*run, error) {
	r := &run{Config: cfg, dir: cfg.Dir, rng: rand.New(rand.NewPCG(cfg.Seed, 0))}
	if r.dir == "" {
		var err error
		if r.dir, err = os.MkdirTemp("", "sluice-torture-"); err != nil {
			return nil, err
		}
	}
	r.data = filepath.Join(r.dir, "data")
	return r, nil
}

// cleanUp removes the folder of a run without a violation.
func (r *run) cleanUp(err error) error {
	if err == nil && r.Dir == "" {
		err = os.RemoveAll(r.dir)
	}
	return err
}

// round starts the server, compares, loads and kills it.
func (r *run) round(ctx context.Context, n int) error {
	if err := r.killEarly(ctx); err != nil {
		return err
	}
	p, err := process.Start(ctx, r.Binary, r.data)
	if err != nil {
		return err
	}
	err = r.live(ctx, p, n == 0, func(*server, *errgroup.Group) (orderly bool, err error) {
		life := time.Duration(r.rng.Int64N(int64(r.MaxLife)))
		if r.rng.IntN(3) == 0 {
			life /= 10
		}
		orderly = r.rng.IntN(12) == 0
		time.Sleep(life)
		return orderly, nil
	})
	if err != nil {
		return err
	}
	if n%20 == 19 {
		fmt.Fprintf(r.Out, "torture: round %d: %s\n", n+1, &r.stats)
	}
	if r.Check > 0 && n%r.Check == r.Check-1 {
		return r.check(ctx, p)
	}
	return nil
}

// live is one life of a server that was started: what is stored is compared, the
// load begins, and when during returns the server is stopped, or killed where that
// is not orderly. It must have lived until then, without a panic.
func (r *run) live(ctx context.Context, p *process.Server, first bool, during func(*server, *errgroup.Group) (orderly bool, err error)) error {
	defer p.Kill()
	s := newServer(p.URL, &r.stats)
	defer s.ended()
	if err := r.compare(ctx, s, first); err != nil {
		return withLog(err, p)
	}
	load := r.load(ctx, s)
	orderly, err := during(s, load)
	alive := p.Alive()
	s.killed.Store(true)
	if orderly {
		err = errors.Join(err, p.Stop())
		r.stats.stops.Add(1)
	} else {
		p.Kill()
		r.stats.kills.Add(1)
	}
	if err := errors.Join(err, load.Wait()); err != nil {
		return withLog(err, p)
	}
	if !alive {
		return withLog(errors.New("the server ended by itself"), p)
	}
	if strings.Contains(p.Log(), "panic") {
		return withLog(errors.New("the server panicked"), p)
	}
	return nil
}

// load has all lanes and offices send until the server is killed.
func (r *run) load(ctx context.Context, s *server) *errgroup.Group {
	load := new(errgroup.Group)
	for _, t := range r.tenants {
		for _, l := range t.lanes {
			load.Go(func() error { return l.run(ctx, s) })
		}
		load.Go(func() error { return t.office.run(ctx, s) })
	}
	return load
}

// killEarly kills, now and then, a server while it starts.
func (r *run) killEarly(ctx context.Context) error {
	if len(r.tenants) == 0 || r.rng.IntN(4) > 0 {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(r.rng.IntN(250))*time.Millisecond)
	defer stop()
	p, err := process.Start(ctx, r.Binary, r.data)
	if ctx.Err() == nil && err != nil {
		return err
	}
	if err == nil {
		p.Kill()
	}
	r.stats.early.Add(1)
	return nil
}

// compare makes the tenants at first, and else holds what is stored to what was
// promised.
func (r *run) compare(ctx context.Context, s *server, first bool) error {
	if first {
		return r.populate(ctx, s)
	}
	var all errgroup.Group
	for _, t := range r.tenants {
		all.Go(func() error { return t.verify(ctx, s) })
	}
	return all.Wait()
}

func (r *run) populate(ctx context.Context, s *server) error {
	if err := r.readAdmin(); err != nil {
		return err
	}
	wasm, err := os.ReadFile(r.Module)
	if err != nil {
		return err
	}
	for i := range r.Tenants {
		t := &tenant{name: fmt.Sprintf("t%d", i)}
		if t.token, err = r.key(ctx, s, t.name); err != nil {
			return err
		}
		t.office = &office{tenant: t.name, token: t.token, admin: r.admin, wasm: wasm, stats: &r.stats,
			rng: rand.New(rand.NewPCG(r.Seed, uint64(100+i))), at: desk{keys: map[string]string{}}}
		if err := t.office.upload(ctx, s); err != nil {
			return err
		}
		for k := range r.Lanes {
			t.lanes = append(t.lanes, &lane{name: fmt.Sprintf("t%dl%d", i, k), token: t.token, domains: r.Domains,
				maxRows: r.MaxRows, rng: rand.New(rand.NewPCG(r.Seed, uint64(1000+100*i+k))), stats: &r.stats, state: state{}})
		}
		r.tenants = append(r.tenants, t)
	}
	return nil
}

// readAdmin takes up the key that the server has left in its folder.
func (r *run) readAdmin() error {
	admin, err := os.ReadFile(filepath.Join(r.data, "admin.key"))
	r.admin = strings.TrimSpace(string(admin))
	return err
}

// key makes an API key of a tenant.
func (r *run) key(ctx context.Context, s *server, tenant string) (string, error) {
	rep, err := s.do(ctx, r.admin, keyRequest(tenant))
	if err != nil {
		return "", err
	}
	var made struct{ Key string }
	err = rep.data(&made)
	return made.Key, err
}

// last compares once more, tells every import and has the folder checked.
func (r *run) last(ctx context.Context) error {
	p, err := process.Start(ctx, r.Binary, r.data)
	if err != nil {
		return err
	}
	defer p.Kill()
	s := newServer(p.URL, &r.stats)
	defer s.ended()
	if err := r.compare(ctx, s, len(r.tenants) == 0); err != nil {
		return withLog(err, p)
	}
	for _, t := range r.tenants {
		for _, l := range t.lanes {
			for _, d := range l.ended {
				if err := l.told(ctx, s, d); err != nil {
					return withLog(err, p)
				}
			}
		}
	}
	if err := p.Stop(); err != nil {
		return err
	}
	return r.check(ctx, p)
}

// check runs sluice check on the folder of a server that is gone.
func (r *run) check(ctx context.Context, p *process.Server) error {
	var out strings.Builder
	code, err := p.Sluice(ctx, "", &out, &out, "check", "--data", r.data)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit %d\n%s", code, &out)
	}
	if err != nil {
		return fmt.Errorf("sluice check: %w", err)
	}
	return nil
}

// withLog adds the end of the server's log to a violation.
func withLog(err error, p *process.Server) error {
	log := p.Log()
	return fmt.Errorf("%w\nthe server's log ends with:\n%s", err, log[max(0, len(log)-4000):])
}
