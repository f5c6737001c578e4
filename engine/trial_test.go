package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// reporting queues a job with a limit of errors and returns its id once its trial
// has reported failed rows.
func reporting(t *testing.T, h *harness, gate chan struct{}) string {
	t.Helper()
	id := h.queue(tenant, badRows(40_000), options(func(o *engine.Options) { o.MaxErrors, o.Results = 1_000_000, true }))
	for deadline := time.Now().Add(hang); h.reported(id) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the trial reports nothing")
		}
		select {
		case gate <- struct{}{}:
		default:
			time.Sleep(time.Millisecond)
		}
	}
	return id
}

func badRows(n int) string {
	var b strings.Builder
	b.WriteString("name,domain\n")
	for i := range n {
		fmt.Fprintf(&b, "n,bad%d\n", i)
	}
	return b.String()
}

// reported counts the errors that are stored of a job.
func (h *harness) reported(id string) (n int) {
	h.t.Helper()
	err := h.Errors(context.Background(), tenant, id, func(engine.RowError) error { n++; return nil })
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// check fails on anything that CheckJobs finds.
func (h *harness) check() {
	h.t.Helper()
	_, err := engine.CheckJobs(context.Background(), h.store, tenant, h.spool, func(_ tuple.Key, problem string) { h.t.Error(problem) })
	if err != nil {
		h.t.Fatal(err)
	}
}

// A job that ends in its own trial keeps none of what that reported.
func TestTrialLeavesNoReport(t *testing.T) {
	ctx := context.Background()
	bare := func(h *harness, j *engine.Job) {
		t.Helper()
		if n := h.reported(j.JobID); n != 0 || j.FailedCount != 0 || j.ReportBytes != 0 || len(j.Errors) != 0 {
			t.Errorf("%s: %d failed rows, %d bytes, %d errors in the answer; %d are stored", j.Status, j.FailedCount, j.ReportBytes, len(j.Errors), n)
		}
		h.check()
	}
	canceled := func(h *harness, id string) {
		t.Helper()
		j, err := h.Cancel(ctx, tenant, id)
		if err != nil || j.Status != engine.Canceled {
			t.Fatalf("%v %v", j, err)
		}
		bare(h, j)
	}
	t.Run("canceled", func(t *testing.T) {
		h, gate := gated(t)
		canceled(h, reporting(t, h, gate))
	})
	t.Run("canceled while it waits", func(t *testing.T) {
		h, gate := gated(t)
		id := reporting(t, h, gate)
		h.close()
		h.start(func(c *engine.Config) { c.RunningJobs = 0 }, gatePlugin{gate})
		canceled(h, id)
	})
	t.Run("upload lost", func(t *testing.T) {
		h, gate := gated(t)
		id := reporting(t, h, gate)
		h.close()
		if err := h.spool.Remove(id); err != nil {
			t.Fatal(err)
		}
		h.start(nil, gatePlugin{gate})
		j := h.wait(id)
		if j.Status != engine.Failed || j.Failure.Code != fault.Internal {
			t.Fatalf("%s %v", j.Status, j.Failure)
		}
		bare(h, j)
	})
}

// An old job's report goes with it, also one that the job knows nothing of.
func TestRetentionOfUnknownReport(t *testing.T) {
	ctx := context.Background()
	h := newHarness(t, nil)
	id := h.queue(tenant, badRows(5000), options())
	j := h.wait(id)
	if j.ReportBytes == 0 {
		t.Fatal("nothing is reported")
	}
	h.close()
	j.ReportBytes = 0
	value, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	err = h.store.Records(ctx, tuple.New(tenant, "job"), nil, func(key tuple.Key, _ []byte) (bool, error) {
		return false, h.store.Write(ctx, []engine.Change{{Key: append(tuple.Key(nil), key...), Value: value}})
	})
	if err != nil {
		t.Fatal(err)
	}
	h.start(func(c *engine.Config) { c.Now = func() time.Time { return time.Now().Add(c.Retention + time.Hour) } }, nil)
	if err := h.RemoveOld(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Job(ctx, tenant, id); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("the job is still there: %v", err)
	}
	h.check()
}

// A trial goes on in its job's next turn when another tenant's job had one.
func TestTrialTakesTurns(t *testing.T) {
	for name, opts := range map[string]engine.Options{
		"dry run": options(dryRun),
		"limit":   options(func(o *engine.Options) { o.MaxErrors = 9000 }),
	} {
		h := newHarness(t, nil)
		h.close()
		gate := make(chan struct{})
		h.start(func(c *engine.Config) { c.RunningJobs, c.Workers, c.Turn = 1, 1, 1 }, gatePlugin{gate})
		body, _, _, _ := manyRows(9000)
		id := h.queue(tenant, body, opts)
		h.queue("other", body, options())
		gate <- struct{}{} // the first batch alone is one turn
		changed, stop := h.Watch(id)
		for {
			j, err := h.Job(context.Background(), tenant, id)
			if err != nil {
				t.Fatal(err)
			}
			if j.Progress.BytesRead > 0 {
				break
			}
			<-changed
		}
		stop()
		close(gate)
		if j := h.wait(id); j.Status != engine.Completed || j.RowCount != 9000 {
			t.Errorf("%s: %s %s %v", name, j.Status, counts(&j.Data), j.Failure)
		}
		h.close()
	}
}
