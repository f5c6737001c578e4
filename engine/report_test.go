package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/engine/batch"
)

// errorsPlugin fails each row with as many errors as the row's first cell says.
type errorsPlugin struct {
	gatePlugin
	message string
}

func (p errorsPlugin) Open(context.Context, string, engine.PluginJob) (engine.Transformer, error) {
	return p, nil
}

func (p errorsPlugin) Process(_ context.Context, in, out *batch.Batch) ([]string, error) {
	out.Reset(1)
	out.Source = []uint32{}
	for i := range in.Rows {
		n, err := strconv.Atoi(string(in.Bytes(in.Row(i)[0])))
		if err != nil {
			return nil, err
		}
		for e := range n {
			in.Fail(i, 1, "odd", fmt.Sprint(e, p.message))
		}
	}
	return []string{"name"}, nil
}

// However many errors a row has, of a long message, under a long column, and with
// cells as long as they may be, its report is read back, in order.
func TestManyErrorsOfARow(t *testing.T) {
	f := func(column string, message int, rows ...int) {
		t.Helper()
		h := newHarness(t, nil)
		h.close()
		h.start(nil, errorsPlugin{message: strings.Repeat("m", message)})
		var b strings.Builder
		fmt.Fprintf(&b, "n,%s\n", column)
		cell := strings.Repeat("x", 1<<20-10)
		for _, n := range rows {
			fmt.Fprintf(&b, "%d,%s\n", n, cell)
		}
		d := h.must(engine.CSV, b.String(), options())
		if d.FailedCount != uint64(len(rows)) {
			t.Fatalf("%s %s %v", d.Status, counts(d), d.Failure)
		}
		shown := column
		if len(shown) > 1024 {
			shown = shown[:1024] + "…"
		}
		row, next := 0, 0
		err := h.Errors(context.Background(), tenant, d.JobID, func(e engine.RowError) error {
			if next == rows[row] {
				row, next = row+1, 0
			}
			if e.RowNumber != uint64(row+1) || e.Column != shown || !strings.HasPrefix(e.Message, fmt.Sprint(next, "m")) {
				return fmt.Errorf("error %d of row %d is of row %d: %.20s", next, row+1, e.RowNumber, e.Message)
			}
			next++
			return nil
		})
		if err != nil || row != len(rows)-1 || next != rows[row] {
			t.Errorf("%v: %d rows and %d errors are read back: %v", rows, row, next, err)
		}
		var csv bytes.Buffer
		if err := h.ErrorsCSV(context.Background(), tenant, d.JobID, false, &csv); err != nil {
			t.Errorf("%v: %v", rows, err)
		}
		if got := bytes.Count(csv.Bytes(), []byte(cell)); got != len(rows) {
			t.Errorf("%v: the CSV has the cells of %d rows", rows, got)
		}
		h.check()
	}
	f("c", 1024, 220, 1024, 1)
	f("c", 1024, 20_000, 3, 700, 300)
	f("c", 1, 100_000)
	f(strings.Repeat("c", 1<<20-10), 1024, 3, 1)
}
