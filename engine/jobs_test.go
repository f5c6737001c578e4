package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sluice/engine"
	"sluice/engine/batch"
	"sluice/engine/enginetest"
	"sluice/engine/fault"
)

// queue queues an upload and returns the job's id.
func (h *harness) queue(tenant, body string, opts engine.Options) string {
	h.t.Helper()
	u := h.NewUpload(engine.CSV)
	if _, err := u.Write([]byte(body)); err != nil {
		h.t.Fatal(err)
	}
	d, err := h.Import(context.Background(), engine.Request{Tenant: tenant, Upload: u, Options: opts})
	if err != nil || d.Status != engine.Queued {
		h.t.Fatalf("import: %v %v, want a queued job", d, err)
	}
	return d.JobID
}

// A job goes on after a stop wherever that comes, to the same counts, errors
// and companies, whatever the sizes of commits and the number of workers.
func TestResume(t *testing.T) {
	const n = 20_000
	body, created, skipped, failed := manyRows(n)
	want := fmt.Sprintf("%d/%d: %d 0 %d %d", n, n, created, skipped, failed)
	reference := newHarness(t, nil)
	reference.must(engine.CSV, body, options())
	stored := reference.companies()
	for _, opts := range []engine.Options{options(), options(func(o *engine.Options) { o.MaxErrors = failed })} {
		for stops := range 4 {
			h := &harness{t: t, store: enginetest.NewStore(), spool: enginetest.NewSpool()}
			h.store.MaxOps = 700 + 300*stops
			change := func(c *engine.Config) { c.Workers = 1 + stops }
			h.start(change, nil)
			id := h.queue(tenant, body, opts)
			for range stops {
				time.Sleep(time.Duration(5*stops) * time.Millisecond)
				h.close()
				h.start(change, nil)
			}
			j := h.wait(id)
			if j.Status != engine.Completed || counts(&j.Data) != want {
				t.Fatalf("%d stops: %s %s %v, want %s", stops, j.Status, counts(&j.Data), j.Failure, want)
			}
			if h.companies() != stored {
				t.Errorf("%d stops: other companies are stored", stops)
			}
			errs := 0
			if err := h.Errors(context.Background(), tenant, id, func(engine.RowError) error { errs++; return nil }); err != nil || errs != failed {
				t.Errorf("%d stops: %d errors in the report (%v), want %d", stops, errs, err, failed)
			}
			if h.spool.Files() != 0 {
				t.Errorf("%d stops: the upload stays in the spool", stops)
			}
		}
	}
}

// Every write that fails for good ends the job, its counts those of the rows
// that are stored.
func TestFailingStore(t *testing.T) {
	body, _, _, _ := manyRows(3000)
	boom := errors.New("boom")
	for n := int64(1); ; n++ {
		h := newHarness(t, nil)
		h.store.MaxOps = 1000
		h.store.FailAt, h.store.Err = n, boom
		u := h.NewUpload(engine.CSV)
		if _, err := u.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
		d, err := h.Import(context.Background(), engine.Request{Tenant: tenant, Upload: u, Options: options()})
		if err != nil {
			if !errors.Is(err, boom) {
				t.Fatalf("write %d: %v", n, err)
			}
			h.close() // until then the job may be there
			h.start(nil, nil)
			if h.spool.Files() != 0 {
				t.Errorf("write %d: an upload without a job stays in the spool", n)
			}
			h.close()
			continue
		}
		j := h.wait(d.JobID)
		if got := strings.Count(h.companies(), "\n"); uint64(got) != j.CreatedCount {
			t.Errorf("write %d: %d companies are stored, the job says %d", n, got, j.CreatedCount)
		}
		if j.Status == engine.Failed && j.Failure.Code != fault.Internal {
			t.Errorf("write %d: failure %v", n, j.Failure)
		}
		done := j.Status == engine.Completed && h.store.Writes() < n
		h.close()
		if done {
			return
		}
		if n > 100 {
			t.Fatal("no run without a fault")
		}
	}
}

// An overloaded store is waited for.
func TestOverloadedStore(t *testing.T) {
	body, created, _, _ := manyRows(2000)
	h := newHarness(t, nil)
	h.store.FailAt, h.store.Err = 3, fault.New(fault.Overloaded, "the disk is full")
	d := h.must(engine.CSV, body, options())
	if d.Status != engine.Completed || int(d.CreatedCount) != created {
		t.Errorf("%s %s", d.Status, counts(d))
	}
}

// gatePlugin holds every batch until it is let through.
type gatePlugin struct{ gate chan struct{} }

func (p gatePlugin) Pin(_ context.Context, _ string, ref engine.PluginRef) (*engine.PluginInfo, error) {
	return &engine.PluginInfo{Name: "gate", Version: 1}, nil
}

func (p gatePlugin) Open(context.Context, string, engine.PluginJob) (engine.Transformer, error) {
	return p, nil
}

func (p gatePlugin) Extend(context.Context, []string) error { return nil }
func (p gatePlugin) Close(context.Context) error            { return nil }

func (p gatePlugin) Process(ctx context.Context, in, out *batch.Batch) ([]string, error) {
	select {
	case <-p.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out.Reset(2)
	for i := range in.Rows {
		if in.Rows[i].Failed {
			continue
		}
		row := in.Row(i)
		out.Cells = append(out.Cells, out.Append(batch.Text, in.Bytes(row[0])), out.Append(batch.Text, in.Bytes(row[1])))
		out.Source = append(out.Source, uint32(i))
	}
	return []string{"name", "domain"}, nil
}

func gated(t *testing.T) (*harness, chan struct{}) {
	h := newHarness(t, nil)
	h.close()
	gate := make(chan struct{})
	// One worker, so that batches are let through in order.
	h.start(func(c *engine.Config) { c.RunningJobs, c.Workers = 2, 1 }, gatePlugin{gate})
	return h, gate
}

func TestCancel(t *testing.T) {
	h, gate := gated(t)
	body, _, _, _ := manyRows(9000)
	running := h.queue(tenant, body, options())
	waiting := h.queue(tenant, body, options())
	ctx := context.Background()
	j, err := h.Cancel(ctx, tenant, waiting)
	if err != nil || j.Status != engine.Canceled || j.RowCount != 0 {
		t.Fatalf("cancel a waiting job: %v %v", j, err)
	}
	if _, err := h.Cancel(ctx, tenant, waiting); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("cancel it again: %v", err)
	}
	gate <- struct{}{} // one batch passes
	for deadline := time.Now().Add(hang); ; {
		if j, err := h.Job(ctx, tenant, running); err != nil || j.RowCount > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no batch was committed")
		}
		time.Sleep(time.Millisecond)
	}
	j, err = h.Cancel(ctx, tenant, running)
	if err != nil || j.Status != engine.Canceled {
		t.Fatalf("cancel a running job: %v %v", j, err)
	}
	if got := strings.Count(h.companies(), "\n"); uint64(got) != j.CreatedCount || got == 0 {
		t.Errorf("%d companies are stored, the canceled job says %d", got, j.CreatedCount)
	}
	if h.spool.Files() != 0 {
		t.Error("uploads of canceled jobs stay in the spool")
	}
	if _, err := h.Cancel(ctx, "other", running); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("another tenant's cancel: %v", err)
	}
}

// One tenant's many jobs don't keep another's single one waiting.
func TestFairTurns(t *testing.T) {
	h := newHarness(t, func(c *engine.Config) { c.RunningJobs = 1; c.Turn = time.Millisecond })
	body, _, _, _ := manyRows(20_000)
	var many []string
	for range 8 {
		many = append(many, h.queue("busy", body, options()))
	}
	one := h.queue(tenant, body, options())
	single, first := h.wait(one).Timings, 0
	for _, id := range many {
		j, err := h.Job(context.Background(), "busy", id)
		if err != nil {
			t.Fatal(err)
		}
		// On a busy machine some end while the others are queued.
		if at := j.Timings.EndedAt; at != nil && at.After(single.CreatedAt) && at.Before(*single.EndedAt) {
			first++
		}
	}
	if first > 3 {
		t.Errorf("%d of the other tenant's 8 jobs ended first", first)
	}
	for i, id := range many { // in order of acceptance
		for {
			j, err := h.Job(context.Background(), "busy", id)
			if err != nil {
				t.Fatal(err)
			}
			if j.Status.Ended() {
				break
			}
			if i+1 < len(many) {
				if next, _ := h.Job(context.Background(), "busy", many[i+1]); next.Status != engine.Queued {
					j, _ = h.Job(context.Background(), "busy", id)
					if !j.Status.Ended() {
						t.Fatal("two jobs of a tenant run at once")
					}
				}
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func TestJobsList(t *testing.T) {
	h := newHarness(t, nil)
	var ids []string
	for range 5 {
		ids = append(ids, h.must(engine.CSV, "name\nA\n", options()).JobID)
	}
	ctx := context.Background()
	var got []string
	after := ""
	for {
		jobs, next, err := h.Jobs(ctx, tenant, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			got = append(got, j.JobID)
		}
		if next == "" {
			break
		}
		after = next
	}
	for i := range ids {
		if got[i] != ids[len(ids)-1-i] {
			t.Fatalf("got %v, want %v backwards", got, ids)
		}
	}
	if _, err := h.Job(ctx, "other", ids[0]); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("another tenant's job: %v", err)
	}
	if _, err := h.Job(ctx, tenant, "nonsense"); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("no job id: %v", err)
	}
}

// Rule 2.94: jobs and their errors stay 7 days.
func TestRetention(t *testing.T) {
	now := time.Now()
	h := newHarness(t, func(c *engine.Config) { c.Now = func() time.Time { return now } })
	old := h.must(engine.CSV, "name,domain\nA,bad\n", options()).JobID
	now = now.Add(6 * 24 * time.Hour)
	young := h.must(engine.CSV, "name\nA\n", options()).JobID
	now = now.Add(25 * time.Hour)
	ctx := context.Background()
	if err := h.RemoveOld(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Job(ctx, tenant, old); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("a job of 8 days: %v", err)
	}
	if _, err := h.Job(ctx, tenant, young); err != nil {
		t.Errorf("a job of a day: %v", err)
	}
}

// The sealed records commit with the rows, or not at all.
func TestSeal(t *testing.T) {
	h := newHarness(t, nil)
	u := h.NewUpload(engine.Rows)
	if _, err := u.Write([]byte(`{"name":"A"}` + "\n")); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	_, err := h.Import(context.Background(), engine.Request{Tenant: tenant, Upload: u, Options: options(),
		Seal: func(d *engine.Data) ([]engine.Change, error) {
			if d.Status != engine.Completed || d.CreatedCount != 1 {
				t.Errorf("sealed %s %s", d.Status, counts(d))
			}
			return nil, boom
		}})
	if !errors.Is(err, boom) || h.companies() != "" {
		t.Errorf("%v, stored %q", err, h.companies())
	}
}

// splitPlugin makes two records of each row and rejects those named "no".
type splitPlugin struct{ gatePlugin }

func (p splitPlugin) Open(context.Context, string, engine.PluginJob) (engine.Transformer, error) {
	return p, nil
}

func (p splitPlugin) Process(_ context.Context, in, out *batch.Batch) ([]string, error) {
	out.Reset(1)
	for i := range in.Rows {
		switch name := string(in.Bytes(in.Row(i)[0])); name {
		case "no":
			in.Fail(i, 0, "not_wanted", "not wanted")
		case "skip":
		default:
			for _, s := range []string{"-a", strings.Repeat("x", 300)} {
				out.Cells = append(out.Cells, out.Append(batch.Text, []byte(name+s)))
				out.Source = append(out.Source, uint32(i))
			}
		}
	}
	return []string{"name"}, nil
}

func TestPluginAnswers(t *testing.T) {
	h := newHarness(t, nil)
	h.close()
	h.start(nil, splitPlugin{})
	d := h.must(engine.CSV, "Firm,x\nA,1\nno,2\nskip,3\nB,4\n", options(results))
	if got := counts(d); got != "4/6: 2 0 1 3" {
		t.Errorf("counts %s", got)
	}
	want := "1 2 name too_long: name has 301 bytes; at most 255 are allowed\n" +
		"2 3 Firm not_wanted: not wanted\n" +
		"4 5 name too_long: name has 301 bytes; at most 255 are allowed\n"
	if got := errorLines(d.Errors); got != want {
		t.Errorf("errors\n%swant\n%s", got, want)
	}
	var outcomes []string
	for _, r := range d.Results {
		outcomes = append(outcomes, fmt.Sprintf("%d %s", r.RowNumber, r.Outcome))
	}
	if got := strings.Join(outcomes, ", "); got != "1 created, 1 failed, 2 failed, 3 skipped, 4 created, 4 failed" {
		t.Errorf("results %s", got)
	}
	d = h.must(engine.CSV, "Firm,x\nA,1\nno,2\n", options(func(o *engine.Options) { o.Mapping = map[string]string{"x": "name"} }))
	if d.RecordCount != 4 || d.FailedCount != 2 {
		t.Errorf("with a mapping the plugin sees the mapped column: %s", counts(d))
	}
}

// cutPlugin makes three records of each row, of cells that share bytes: all of
// them, those up to the middle, and those from there.
type cutPlugin struct{ gatePlugin }

func (p cutPlugin) Open(context.Context, string, engine.PluginJob) (engine.Transformer, error) {
	return p, nil
}

func (p cutPlugin) Process(_ context.Context, in, out *batch.Batch) ([]string, error) {
	out.Reset(1)
	for i := range in.Rows {
		whole := out.Append(batch.Text, in.Bytes(in.Row(i)[0]))
		at, n := int(whole.Off), whole.Len()
		out.Cells = append(out.Cells, whole, batch.NewCell(batch.Text, at, n/2), batch.NewCell(batch.Text, at+n/2, n-n/2))
		out.Source = append(out.Source, uint32(i), uint32(i), uint32(i))
	}
	return []string{"name"}, nil
}

// All that a plugin answers may be UTF-8, and yet not each cell.
func TestPluginCutsCharacters(t *testing.T) {
	h := newHarness(t, nil)
	h.close()
	h.start(nil, cutPlugin{})
	d := h.must(engine.CSV, "Firm\nabcd\nabü\naüb\n", options())
	if got := counts(d); got != "3/9: 7 0 0 2" {
		t.Errorf("counts %s", got)
	}
	const want = "3 4 name invalid_encoding: not valid UTF-8\n3 4 name invalid_encoding: not valid UTF-8\n"
	if got := errorLines(d.Errors); got != want {
		t.Errorf("errors\n%swant\n%s", got, want)
	}
}

// endPlugin ends the import at a row named "end".
type endPlugin struct{ gatePlugin }

func (p endPlugin) Open(context.Context, string, engine.PluginJob) (engine.Transformer, error) {
	return p, nil
}

func (p endPlugin) Process(_ context.Context, in, out *batch.Batch) ([]string, error) {
	out.Reset(1)
	for i := range in.Rows {
		name := in.Bytes(in.Row(i)[0])
		if string(name) == "end" {
			return nil, fault.New(fault.ImportFailed, "the end")
		}
		out.Cells = append(out.Cells, out.Append(batch.Text, name))
		out.Source = append(out.Source, uint32(i))
	}
	return []string{"name"}, nil
}

// A job that fails in its own trial has done nothing, whatever that counted; one
// that fails in its real run keeps what was committed.
func TestFailedTrial(t *testing.T) {
	body := "name\n" + strings.Repeat("A\n", 50_000) + "end\n"
	f := func(limit int, done bool) {
		t.Helper()
		h := newHarness(t, nil)
		h.close()
		h.start(nil, endPlugin{})
		d := h.must(engine.CSV, body, options(results, func(o *engine.Options) { o.MaxErrors = limit }))
		if d.Status != engine.Failed || d.Failure.Message != "the end" || d.RowCount == 0 || (d.CreatedCount > 0) != done ||
			len(h.store.Companies(tenant)) != int(d.CreatedCount) {
			t.Errorf("limit %d: %s %s %v, %d companies", limit, d.Status, counts(d), d.Failure, len(h.store.Companies(tenant)))
		}
		outcomes := map[string]uint64{}
		if err := h.Results(context.Background(), tenant, d.JobID, func(r engine.RowResult) error { outcomes[r.Outcome]++; return nil }); err != nil {
			t.Fatal(err)
		}
		if outcomes["created"] != d.CreatedCount || outcomes["created"]+outcomes["skipped"] != d.RowCount {
			t.Errorf("limit %d: %s, results %v", limit, counts(d), outcomes)
		}
	}
	f(engine.Unlimited, true)
	f(10, false)
}

// hugePlugin makes ten megabytes of each batch, all of one company.
type hugePlugin struct{ gatePlugin }

func (p hugePlugin) Open(context.Context, string, engine.PluginJob) (engine.Transformer, error) {
	return p, nil
}

func (p hugePlugin) Process(_ context.Context, in, out *batch.Batch) ([]string, error) {
	out.Reset(2)
	text := out.Append(batch.Text, []byte("a.com"+strings.Repeat("x", 10<<20/len(in.Rows))))
	name := batch.NewCell(batch.Text, int(text.Off), len("a.com"))
	for i := range in.Rows {
		out.Cells = append(out.Cells, name, text)
		out.Source = append(out.Source, uint32(i))
	}
	return []string{"domain", "description"}, nil
}

// An import of which far more is made than may be held at once comes to its end.
func TestHugeAnswers(t *testing.T) {
	for _, rows := range []int{400, 30_000} {
		h := newHarness(t, nil)
		h.close()
		h.start(nil, hugePlugin{})
		d := h.must(engine.CSV, "Firm\n"+strings.Repeat("A\n", rows), options())
		if d.RowCount != uint64(rows) || d.FailedCount != d.RowCount {
			t.Errorf("%s %s %v", d.Status, counts(d), d.Failure)
		}
		h.check()
	}
}

// pairPlugin makes two records of each row.
type pairPlugin struct{ gatePlugin }

func (p pairPlugin) Open(context.Context, string, engine.PluginJob) (engine.Transformer, error) {
	return p, nil
}

func (p pairPlugin) Process(_ context.Context, in, out *batch.Batch) ([]string, error) {
	out.Reset(1)
	for i := range in.Rows {
		for _, s := range []string{"-a", "-b"} {
			out.Cells = append(out.Cells, out.Append(batch.Text, append(in.Bytes(in.Row(i)[0]), s...)))
			out.Source = append(out.Source, uint32(i))
		}
	}
	return []string{"name"}, nil
}

// What a commit can't hold is given in smaller steps, down to a row, whose
// records stay together.
func TestFullCommits(t *testing.T) {
	const n = 600
	body := "Firm\n" + strings.Repeat("A\n", n)
	for _, max := range []int{1, 2, 3, 100, n, 2*n - 1} {
		h := newHarness(t, nil)
		h.close()
		h.start(nil, pairPlugin{})
		h.store.MaxOps = max
		d := h.must(engine.CSV, body, options())
		if max == 1 {
			const why = "row 1 asks for more than one commit can hold"
			if d.Failure == nil || d.Failure.Code != fault.ImportFailed || d.Failure.Message != why || d.RowCount != 0 {
				t.Errorf("%d ops a commit: %v, %s", max, d.Failure, counts(d))
			}
			continue
		}
		if got, want := counts(d), fmt.Sprintf("%d/%d: %d 0 0 0", n, 2*n, 2*n); got != want || strings.Count(h.companies(), "\n") != 2*n {
			t.Errorf("%d ops a commit: %s, want %s", max, got, want)
		}
	}
}

// A tenant's imports past the limit are refused, leave nothing, and hold nobody
// else up.
func TestQueueIsBounded(t *testing.T) {
	h := &harness{t: t, store: enginetest.NewStore(), spool: enginetest.NewSpool()}
	cfg := engine.DefaultConfig()
	cfg.QueuedJobs = 2
	h.Engine = engine.New(cfg, h.store, h.spool, nil, slog.New(slog.DiscardHandler)) // never started: all wait
	body, _, _, _ := manyRows(600)
	h.queue(tenant, body, options())
	h.queue(tenant, body, options())
	u := h.NewUpload(engine.CSV)
	if _, err := u.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	_, err := h.Import(context.Background(), engine.Request{Tenant: tenant, Upload: u, Options: options()})
	const want = "rate_limited: 2 imports are queued, and no more than that may be; send this one again when some have ended"
	if fault.CodeOf(err) != fault.RateLimited || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	if n := h.spool.Files(); n != 2 {
		t.Errorf("%d uploads are kept, of 2 jobs", n)
	}
	h.queue("another", body, options())
	h.must(engine.CSV, "name,domain\nA,a.example\n", options()) // at once
}
