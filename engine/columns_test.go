package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/engine"
	"sluice/engine/batch"
)

// cellsPlugin notes the most cells of a batch.
type cellsPlugin struct {
	gatePlugin
	most *atomic.Int64
}

func (p cellsPlugin) Open(context.Context, string, engine.PluginJob) (engine.Transformer, error) {
	return p, nil
}

func (p cellsPlugin) Extend(context.Context, []string) error { return nil }

func (p cellsPlugin) Process(_ context.Context, in, out *batch.Batch) ([]string, error) {
	for n := int64(len(in.Cells)); ; {
		if most := p.most.Load(); n <= most || p.most.CompareAndSwap(most, n) {
			break
		}
	}
	out.Reset(0)
	out.Source = []uint32{}
	return nil, nil
}

// Rows that are short and have many columns don't make huge batches.
func TestWideBatches(t *testing.T) {
	const columns, rows = 4000, 5000
	header, object := "c0", `{"c0":1`
	for i := 1; i < columns; i++ {
		header += fmt.Sprintf(",c%d", i)
		object += fmt.Sprintf(`,"c%d":1`, i)
	}
	f := func(format engine.Format, body string) {
		t.Helper()
		h := newHarness(t, nil)
		h.close()
		p := cellsPlugin{most: new(atomic.Int64)}
		h.start(nil, p)
		d := h.must(format, body, options())
		if d.RowCount != rows || p.most.Load() > 300_000 {
			t.Errorf("%s: %d rows, %d cells in a batch", format, d.RowCount, p.most.Load())
		}
		h.check()
	}
	f(engine.CSV, header+"\n"+strings.Repeat("x\n", rows))
	f(engine.NDJSON, strings.Repeat(object+"}\n", 200)+strings.Repeat("{}\n", rows-200))
}

// keysPlugin must be told of all columns of a batch before it gets one. Each
// number of columns has an answer of its own, whose texts it makes up.
type keysPlugin struct {
	gatePlugin
	told    *sync.Map // numbers of columns
	answers map[int][]string
}

func (p keysPlugin) Open(_ context.Context, _ string, job engine.PluginJob) (engine.Transformer, error) {
	p.told.Store(len(job.Columns), true)
	return p, nil
}

func (p keysPlugin) Extend(_ context.Context, columns []string) error {
	p.told.Store(len(columns), true)
	return nil
}

func (p keysPlugin) Process(_ context.Context, in, out *batch.Batch) ([]string, error) {
	if _, told := p.told.Load(in.Cols); !told {
		return nil, fmt.Errorf("a batch of %d columns that the plugin was not told of", in.Cols)
	}
	names := p.answers[in.Cols]
	out.Reset(len(names))
	for i := range in.Rows {
		if in.Rows[i].Failed {
			continue
		}
		for _, name := range names {
			out.Cells = append(out.Cells, out.Append(batch.Text, []byte(name)))
		}
		out.Source = append(out.Source, uint32(i))
	}
	return names, nil
}

// run runs a job of NDJSON through the plugin, a batch at a time.
func (p keysPlugin) run(t *testing.T, lines string) (*harness, *engine.Data) {
	h := newHarness(t, nil)
	h.close()
	p.told = new(sync.Map)
	h.start(func(c *engine.Config) { c.Workers = 1 }, p)
	return h, h.must(engine.NDJSON, lines, options())
}

// The first columns may come late: of a batch all of whose rows are malformed
// there is none.
func TestPluginIsToldOfLateColumns(t *testing.T) {
	_, d := keysPlugin{answers: map[int][]string{1: {"name"}}}.run(t, strings.Repeat("x\n", 2500)+`{"name":"N"}`)
	if d.Status != engine.Completed || counts(d) != "2501/2501: 1 0 0 2500" {
		t.Errorf("%s %s %v", d.Status, counts(d), d.Failure)
	}
}

// What a plugin calls its columns is its own choice, and so is how one list of
// them differs from another.
func TestPluginAnswersDiffer(t *testing.T) {
	h, d := keysPlugin{answers: map[int][]string{
		1: {"name", "custom.a", "custom.b"},
		2: {"name", "custom.a\x00custom.b"},
	}}.run(t, strings.Repeat("{\"k\":1}\n", 2500)+`{"l":1}`)
	if d.Status != engine.Completed || counts(d) != "2501/2501: 2501 0 0 0" {
		t.Fatalf("%s %s %v", d.Status, counts(d), d.Failure)
	}
	if all := h.companies(); strings.Count(all, "a\x00custom.b:") != 501 || strings.Count(all, " b:") != 2000 {
		t.Errorf("companies have other fields than the plugin answered: %.300q … %.300q", all, all[len(all)-300:])
	}
}
