package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/engine"
	"sluice/engine/company"
	"sluice/engine/enginetest"
	"sluice/engine/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "acme"

// hang is when a test gives up on what does not come. Nothing that a test proves
// depends on it, however slow the machine is.
const hang = 5 * time.Minute

// harness is an engine on fakes.
type harness struct {
	*engine.Engine
	t     testing.TB
	store *enginetest.Store
	spool *enginetest.Spool
}

func newHarness(t testing.TB, change func(*engine.Config)) *harness {
	h := &harness{t: t, store: enginetest.NewStore(), spool: enginetest.NewSpool()}
	h.start(change, nil)
	return h
}

// start runs an engine on the harness's store and spool, as after a restart.
func (h *harness) start(change func(*engine.Config), plugins engine.Plugins) {
	h.t.Helper()
	cfg := engine.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	log := slog.New(slog.DiscardHandler)
	h.Engine = engine.New(cfg, h.store, h.spool, plugins, log)
	if err := h.Start(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(h.close)
}

func (h *harness) close() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		h.t.Error(err)
	}
}

// send imports one upload; the data is that of its end.
func (h *harness) send(f engine.Format, body string, opts engine.Options) (*engine.Data, error) {
	h.t.Helper()
	u := h.NewUpload(f)
	u.Encoding = "utf-8"
	for p := range strings.SplitSeq(body, "\n") { // in pieces
		if _, err := u.Write([]byte(p + "\n")); err != nil {
			h.t.Fatal(err)
		}
	}
	data, err := h.Import(context.Background(), engine.Request{Tenant: tenant, KeyID: "k", Upload: u, Options: opts})
	if err != nil || data.Status.Ended() {
		return data, err
	}
	return &h.wait(data.JobID).Data, nil
}

func (h *harness) wait(id string) *engine.Job {
	h.t.Helper()
	changed, stop := h.Watch(id)
	defer stop()
	deadline := time.After(hang)
	for {
		j, err := h.Job(context.Background(), tenant, id)
		if err != nil {
			h.t.Fatal(err)
		}
		if j.Status.Ended() {
			return j
		}
		select {
		case <-changed:
		case <-deadline:
			h.t.Fatalf("job %s is still %s", id, j.Status)
		}
	}
}

// must is send without an error.
func (h *harness) must(f engine.Format, body string, opts engine.Options) *engine.Data {
	h.t.Helper()
	d, err := h.send(f, body, opts)
	if err != nil {
		h.t.Fatalf("import: %v", err)
	}
	return d
}

// counts shows a job's counts: rows, records: created updated skipped failed.
func counts(d *engine.Data) string {
	return fmt.Sprintf("%d/%d: %d %d %d %d", d.RowCount, d.RecordCount, d.CreatedCount, d.UpdatedCount, d.SkippedCount, d.FailedCount)
}

// errorLines shows errors one a line.
func errorLines(errs []engine.RowError) string {
	var b strings.Builder
	for _, e := range errs {
		fmt.Fprintf(&b, "%d %d %s %s: %s\n", e.RowNumber, e.Line, e.Column, e.Code, e.Message)
	}
	return b.String()
}

// companies shows the stored companies, one a line, fields in order.
func (h *harness) companies() string {
	var b strings.Builder
	for _, r := range h.store.Companies(tenant) {
		b.WriteString(show(h.t, r) + "\n")
	}
	return b.String()
}

func show(t testing.TB, r company.Record) string {
	var v company.View
	if err := v.Decode(r); err != nil {
		t.Fatal(err)
	}
	var parts []string
	for f, text := range v.Text {
		if text != nil {
			parts = append(parts, fmt.Sprintf("%s=%s", company.Field(f), text))
		}
	}
	for _, tag := range v.Tags {
		parts = append(parts, "#"+string(tag))
	}
	for _, c := range v.Custom {
		parts = append(parts, fmt.Sprintf("%s:%d=%s", c.Key, c.Kind, c.Value))
	}
	return strings.Join(parts, " ")
}

func wantCode(t testing.TB, err error, code fault.Code, message string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Fatalf("got %v, want an error of code %s", err, code)
	}
	if f := err.(*fault.Error); f.Message != message {
		t.Errorf("got message\n%s\nwant\n%s", f.Message, message)
	}
}
