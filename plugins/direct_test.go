package plugins

import (
	"context"
	"testing"

	"sluice/engine/batch"
	"sluice/plugins/meter"
)

// direct opens a module without the child process and the cache, which tests of
// running guests don't need. limits nil: the defaults.
func direct(tb testing.TB, wasm []byte, limits *Limits, columns ...string) (*Session, error) {
	tb.Helper()
	if limits == nil {
		l := DefaultLimits()
		limits = &l
	}
	m := metered(tb, wasm, *limits)
	box := &Sandbox{limits: *limits, events: Events{}.withDefaults(), gate: newGate(2), instances: newPool(4)}
	return openIn(tb, box, m, "acme", jobOf(wasm, columns...))
}

// metered compiles a module in this process; it is closed after the test.
func metered(tb testing.TB, wasm []byte, limits Limits) *module {
	tb.Helper()
	ctx := context.Background()
	out, _, err := meter.Rewrite(wasm, limits.meter())
	if err != nil {
		tb.Fatal(err)
	}
	m, err := compileModule(ctx, out, moduleConfig{memoryPages: limits.MemoryBytes / pageBytes})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.close(ctx) })
	return m
}

func openIn(tb testing.TB, box *Sandbox, m *module, tenant string, job Job) (*Session, error) {
	tb.Helper()
	ctx := context.Background()
	s := &Session{box: box, tenant: tenant, job: job, log: newLog(box.limits), lease: &lease{m, func(context.Context) {}}}
	tb.Cleanup(func() { _ = s.Close(ctx) })
	g, err := s.newGeneration(job.Columns)
	if err != nil {
		return nil, err
	}
	return s, s.reopen(ctx, g)
}

func mustDirect(tb testing.TB, wasm []byte, limits *Limits, columns ...string) *Session {
	tb.Helper()
	s, err := direct(tb, wasm, limits, columns...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// process runs one batch and returns the answer as text, the faults as text, and
// the error.
func process(s *Session, in *batch.Batch) (answer, problems string, err error) {
	out := &batch.Batch{}
	_, err = s.Process(context.Background(), in, out)
	return lines(out), faults(in), err
}
