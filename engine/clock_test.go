package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/engine"
	"sluice/engine/enginetest"
	"sluice/engine/fault"
)

// backwards is a clock that is set back now and then, by a millisecond up to days.
func backwards() func() time.Time {
	var mu sync.Mutex
	now, n := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), 0
	const days = 3 * 24 * time.Hour
	steps := []time.Duration{time.Millisecond, 0, -time.Millisecond, time.Second, -time.Hour, 0, time.Hour, -days, days + time.Minute}
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(steps[n%len(steps)])
		n++
		return now
	}
}

// A clock that is set back gives no id twice, and a list of jobs has each once,
// however it is paged, also while the clock jumps.
func TestClockBackIDs(t *testing.T) {
	clock := backwards()
	h := newHarness(t, func(c *engine.Config) { c.Now = clock })
	var ids []string
	for i := range 50 {
		d := h.must(engine.CSV, fmt.Sprintf("name\nN%d\n", i), options())
		if d.Timings.DurationMS < 0 {
			t.Fatalf("%+v", d.Timings)
		}
		ids = append(ids, d.JobID)
	}
	slices.Sort(ids)
	if n := len(slices.Compact(slices.Clone(ids))); n != 50 {
		t.Fatalf("%d different ids", n)
	}
	for _, limit := range []int{1, 3, 50} {
		var listed []string
		for after, first := "", true; first || after != ""; first = false {
			jobs, next, err := h.Jobs(context.Background(), tenant, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range jobs {
				if slices.Contains(ids, j.JobID) { // others come in between
					listed = append(listed, j.JobID)
				}
			}
			after = next
			h.must(engine.CSV, "name\nLater\n", options())
		}
		slices.Sort(listed)
		if !slices.Equal(listed, ids) {
			t.Fatalf("pages of %d: %d jobs of 50", limit, len(listed))
		}
	}
}

// Jobs run as they were accepted after a restart, too, whatever the clock said and
// whenever their uploads had begun.
func TestClockBackOrder(t *testing.T) {
	h := &harness{t: t, store: enginetest.NewStore(), spool: enginetest.NewSpool()}
	clock := backwards()
	cfg := engine.DefaultConfig()
	cfg.Now = clock
	const jobs = 12
	var last string
	// Two processes, neither of which begins a job: only one starts, and none runs.
	for half := range 2 {
		e := engine.New(cfg, h.store, h.spool, nil, slog.New(slog.DiscardHandler))
		if half == 1 {
			cfg := cfg
			cfg.RunningJobs = 0
			e = engine.New(cfg, h.store, h.spool, nil, slog.New(slog.DiscardHandler))
			if err := e.Start(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		uploads := make([]*engine.Upload, jobs)
		for i := range uploads {
			uploads[i] = e.NewUpload(engine.CSV)
		}
		for i, u := range slices.Backward(uploads) { // the last begun is accepted first
			last = fmt.Sprintf("N%d.%d", half, i)
			if _, err := u.Write([]byte("name,domain\n" + strings.Repeat(last+",a.example\n", 501))); err != nil {
				t.Fatal(err)
			}
			opts := options()
			opts.UpdateExisting = true
			d, err := e.Import(context.Background(), engine.Request{Tenant: tenant, KeyID: "k", Upload: u, Options: opts})
			if err != nil || d.Status != engine.Queued {
				t.Fatalf("%+v, %v", d, err)
			}
		}
		if err := e.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	h.start(func(c *engine.Config) { c.Now = clock }, nil)
	all, _, err := h.Jobs(context.Background(), tenant, "", 3*jobs)
	if err != nil || len(all) != 2*jobs {
		t.Fatalf("%d jobs, %v", len(all), err)
	}
	for _, j := range all {
		if d := h.wait(j.JobID); d.Status != engine.Completed || d.Timings.DurationMS < 0 {
			t.Fatalf("%+v", d)
		}
	}
	if got, want := h.companies(), "domain=a.example name="+last+"\n"; got != want {
		t.Fatalf("stored %q, want %q", got, want)
	}
}

// A clock that is set back makes no job older than it is.
func TestClockBackRetention(t *testing.T) {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	now := start
	h := newHarness(t, func(c *engine.Config) { c.Now = func() time.Time { return now } })
	ctx := context.Background()
	job := h.must(engine.CSV, "name,domain\nA,bad\n", options()).JobID
	there := func(at time.Time, want bool) {
		t.Helper()
		now = at
		if err := h.RemoveOld(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Job(ctx, tenant, job); (err == nil) != want || err != nil && fault.CodeOf(err) != fault.NotFound {
			t.Fatalf("at %v: %v", at, err)
		}
	}
	there(start.Add(-10*24*time.Hour), true)
	there(start.Add(-time.Hour), true)
	there(start.Add(6*24*time.Hour), true)
	there(start.Add(-30*24*time.Hour), true)
	there(start.Add(7*24*time.Hour+time.Second), false)
}
