package plugins

import (
	"testing"

	"sluice/engine/batch"
	"sluice/plugins/abi"
)

// Cells that share their bytes take as much memory as these, not each its own.
func TestCopyOutShared(t *testing.T) {
	const rows, n = 64, 1 << 20
	in, out := &batch.Batch{}, &batch.Batch{}
	in.Reset(1)
	o := outgoing{in: in}
	for i := range uint32(rows) {
		in.Cells = append(in.Cells, batch.NewCell(batch.Text, 0, 0))
		o.rows = append(o.rows, i)
	}
	cells := make([]byte, rows*abi.CellSize)
	for p := cells; len(p) > 0; p = p[abi.CellSize:] {
		abi.PutU32(p[4:], n)
	}
	g := incoming{mem: make([]byte, n), cells: cells, columns: 1, rows: rows, failed: make([]bool, rows),
		result: abi.Result{Rows: rows}, low: 0, high: n, pointed: rows * n}
	out.Reset(1)
	g.copyOut(&o, out, nil)
	if len(out.Arena) != n || cap(out.Arena) > 2*n {
		t.Fatalf("%d bytes of %d for %d that are shared", len(out.Arena), cap(out.Arena), n)
	}
}
