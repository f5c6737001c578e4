package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// lane sends requests about domains of its own, one at a time, and knows what
// they must come to.
type lane struct {
	name    string
	token   string
	domains int // how many it has
	maxRows int // of a queued import
	rng     *rand.Rand
	stats   *stats
	steps   atomic.Int64 // that are done

	state  state       // after everything acknowledged that has ended
	jobs   []*job      // acknowledged and not yet seen to have ended, in order
	open   *unanswered // the request that a kill left without an answer
	made   int         // requests so far
	ended  []done      // imports that have ended, the newest last
	stored []kept      // answers that are replayed
}

// job is an acknowledged queued import.
type job struct {
	id       string
	im       *importing
	cleaned  bool
	canceled bool // cancelling was asked for
}

// unanswered is a request whose outcome is not known, and the outcomes it may have.
type unanswered struct {
	what     string
	im       *importing // to be sent again; nil: it is no import, or has no key
	outcomes []outcome
}

type outcome struct {
	name    string
	after   state
	applied bool
	cleaned bool
}

// done is an ended import, to be asked for again later.
type done struct {
	id     string
	status string
	counts counts
}

// kept is an acknowledged request with an idempotency key.
type kept struct {
	request
	status int
	answer []byte
}

// run sends requests until the server is killed. An error is a violation.
func (l *lane) run(ctx context.Context, s *server) error {
	err := s.whileAlive(func() error {
		if err := l.step(ctx, s); err != nil {
			return err
		}
		l.steps.Add(1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("lane %s: %w", l.name, err)
	}
	return nil
}

func (l *lane) step(ctx context.Context, s *server) error {
	l.made++
	stamp := fmt.Sprintf("%s-%d", l.name, l.made)
	if len(l.jobs) > 0 {
		switch n := l.rng.IntN(10); {
		case n < 3 && len(l.jobs) < 3 && !l.jobs[len(l.jobs)-1].canceled:
			return l.importRows(ctx, s, l.queued(stamp))
		case n < 5 && len(l.jobs) == 1 && l.jobs[0].cancelable():
			return l.cancel(ctx, s)
		default:
			return l.drain(ctx, s)
		}
	}
	switch n := l.rng.IntN(100); {
	case n < 20:
		return l.importRows(ctx, s, l.queued(stamp))
	case n < 35:
		return l.importRows(ctx, s, newImport(l.rng, l.name, stamp, 1, l.domains))
	case n < 50:
		return l.importRows(ctx, s, newImport(l.rng, l.name, stamp, 1+l.rng.IntN(20), l.domains))
	case n < 60:
		return l.importRows(ctx, s, newImport(l.rng, l.name, stamp, 100, l.domains))
	case n < 63:
		return l.importRows(ctx, s, newImport(l.rng, l.name, stamp, syncRows, l.domains))
	case n < 66:
		im := newImport(l.rng, l.name, stamp, 1+l.rng.IntN(2*syncRows), l.domains)
		im.key = stamp
		l.stats.cuts.Add(1)
		return s.cut(ctx, l.token, im.request, l.rng.IntN(len(im.body)))
	case n < 76:
		return l.create(ctx, s, stamp)
	case n < 88:
		return l.patch(ctx, s, stamp)
	default:
		return l.remove(ctx, s)
	}
}

func (l *lane) queued(stamp string) *importing {
	n := minQueue + l.rng.IntN(200)
	if l.rng.IntN(3) > 0 {
		n = minQueue + l.rng.IntN(l.maxRows)
	}
	return newImport(l.rng, l.name, stamp, n, l.domains)
}

// importRows sends an import and keeps what became of it.
func (l *lane) importRows(ctx context.Context, s *server, im *importing) error {
	l.open = &unanswered{what: "import " + im.path, outcomes: l.outcomes(im)}
	if im.key != "" {
		l.open.im = im
	}
	rep, err := s.do(ctx, l.token, im.request)
	if err != nil {
		return err
	}
	if rep.replayed {
		return fmt.Errorf("the first request under the key %s is answered as a replay", im.key)
	}
	l.open = nil
	return l.answered(ctx, s, im, rep)
}

// outcomes are the states that an import may leave if it is never answered. Of
// jobs before it, all have ended by then.
func (l *lane) outcomes(im *importing) []outcome {
	var list []outcome
	for _, before := range l.settled() {
		list = append(list, outcome{name: "not applied", after: before})
		for _, cleaned := range im.plugins() {
			r := im.run(before, cleaned, im.all())
			list = append(list, outcome{name: "applied", after: r.after, applied: true, cleaned: cleaned})
		}
	}
	return list
}

// settled are the states when all jobs have ended. There is but one: while a
// canceled job is under way nothing else is sent.
func (l *lane) settled() []state {
	at := l.state
	for _, j := range l.jobs {
		at = j.im.run(at, j.cleaned, j.im.all()).after
	}
	return []state{at}
}

// answered takes the answer of an import.
func (l *lane) answered(ctx context.Context, s *server, im *importing, rep *reply) error {
	var a answered
	if rep.status == http.StatusUnprocessableEntity {
		if !im.abort {
			return fmt.Errorf("import: %d %.300s", rep.status, rep.body)
		}
		var failed struct {
			Error struct{ Details json.RawMessage }
		}
		if err := json.Unmarshal(rep.body, &failed); err != nil {
			return fmt.Errorf("import: %d %.300s: %w", rep.status, rep.body, err)
		}
		if err := json.Unmarshal(failed.Error.Details, &a); err != nil {
			return fmt.Errorf("import: %d %.300s: %w", rep.status, rep.body, err)
		}
	} else if rep.status != http.StatusOK && rep.status != http.StatusAccepted {
		return fmt.Errorf("import: %d %.300s", rep.status, rep.body)
	} else if err := rep.data(&a); err != nil {
		return err
	}
	if im.key != "" && !im.dry && rep.status < 300 {
		l.stored = append(l.stored, kept{im.request, rep.status, rep.body})
		if len(l.stored) > 4 {
			l.stored = slices.Delete(l.stored, 0, 1)
		}
	}
	j := &job{id: a.ID, im: im, cleaned: a.cleaned()}
	l.jobs = append(l.jobs, j)
	if len(im.rows) > syncRows {
		l.stats.jobs.Add(1)
		return nil
	}
	l.stats.syncs.Add(1)
	if len(l.jobs) > 1 || rep.status == http.StatusAccepted {
		return fmt.Errorf("import of %d rows: %d %.300s", len(im.rows), rep.status, rep.body)
	}
	return l.end(ctx, s, j, &a)
}

// end settles the oldest job by what is said of it.
func (l *lane) end(ctx context.Context, s *server, j *job, a *answered) error {
	n := j.im.all()
	if a.Status == "canceled" {
		if !j.canceled || a.Rows > n {
			return fmt.Errorf("job %s was canceled by nobody, after %d rows", j.id, a.Rows)
		}
		n = a.Rows
	}
	want := j.im.run(l.state, j.cleaned, n)
	if err := a.check(want); err != nil {
		return err
	}
	l.state, l.jobs = want.after, l.jobs[1:]
	if !want.whole {
		// Where judging ended is not promised.
		want.counts, want.failed = a.counts, nil
	}
	l.ended = append(l.ended, done{j.id, a.Status, want.counts})
	if len(want.failed) == 0 || l.rng.IntN(4) > 0 {
		return nil
	}
	return l.report(ctx, s, j.id, want.failed)
}

// report holds the error report of an import to the rows that failed.
func (l *lane) report(ctx context.Context, s *server, id string, want []uint64) error {
	rep, err := s.do(ctx, l.token, request{method: http.MethodGet, path: "/v1/import/jobs/" + id + "/errors"})
	if err != nil {
		return err
	}
	var rows []uint64
	for line := range bytes.Lines(rep.body) {
		var e struct {
			Row uint64 `json:"row_number"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("report of %s: %.300s: %w", id, line, err)
		}
		rows = append(rows, e.Row)
	}
	if rows = slices.Compact(rows); !slices.Equal(rows, want) {
		return fmt.Errorf("report of %s: rows %v; want %v", id, rows, want)
	}
	return nil
}

// jobWait is how long a job may take to end.
const jobWait = 2 * time.Minute

// drain waits for the oldest job.
func (l *lane) drain(ctx context.Context, s *server) error {
	j := l.jobs[0]
	for until := time.Now().Add(jobWait); ; {
		var a answered
		if err := s.get(ctx, l.token, "/v1/import/jobs/"+j.id, &a); err != nil {
			return err
		}
		if a.ended() {
			return l.end(ctx, s, j, &a)
		}
		if time.Now().After(until) {
			return fmt.Errorf("job %s does not end: %s after %d rows", j.id, a.Status, a.Rows)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// cancelable reports whether what a canceled job has applied can be told from
// its row count.
func (j *job) cancelable() bool { return !j.im.abort && !j.im.dry && !j.canceled }

func (l *lane) cancel(ctx context.Context, s *server) error {
	j := l.jobs[0]
	j.canceled = true
	time.Sleep(time.Duration(l.rng.IntN(20)) * time.Millisecond)
	rep, err := s.do(ctx, l.token, request{method: http.MethodDelete, path: "/v1/import/jobs/" + j.id})
	if err != nil {
		return err
	}
	switch rep.status {
	case http.StatusConflict: // it was over
		return nil
	case http.StatusOK:
		l.stats.cancels.Add(1)
		var a answered
		if err := rep.data(&a); err != nil {
			return err
		}
		if a.Status != "canceled" {
			return fmt.Errorf("canceled job %s is %s", j.id, a.Status)
		}
		return l.end(ctx, s, j, &a)
	}
	return fmt.Errorf("cancel %s: %d %.300s", j.id, rep.status, rep.body)
}

// with returns the state after c has taken the place of what is at key.
func (s state) with(key string, c *company) state {
	after := maps.Clone(s)
	delete(after, key)
	if c != nil {
		after[c.key()] = *c
	}
	return after
}
