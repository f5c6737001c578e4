package engine

import (
	"slices"
	"sync"

	"sluice/engine/batch"
	"sluice/engine/company"
	"sluice/engine/fault"
)

// work is one batch on its way through the pure stages: what they made of it is
// ready to be applied in file order. It is reused.
type work struct {
	in, out batch.Batch
	arena   []byte // the patches
	ops     []company.Op
	results []company.Result
	records []outcome // in row order
	errs    []RowError
	ignored []string
	sent    *plan      // of the columns as sent; what a plugin answers has its own
	plan    *plan      // of the records
	columns []string   // as sent, known at the end of this batch
	end     Checkpoint // the border after its last row
	err     error      // ends the import
	ready   chan struct{}
}

// resultError is the error of a row whose record the table refuses.
func (w *work) resultError(row int, err *fault.Error) RowError {
	e := RowError{RowNumber: w.in.Rows[row].Number, Line: w.in.Rows[row].Line, Code: err.Code, Message: err.Message}
	if f, ok := err.Details["field"].(string); ok {
		e.Column = shownName(w.plan.column(f))
	}
	return e
}

func newWork() *work { return &work{ready: make(chan struct{}, 1)} }

// room makes room for what the pure stages make of records whose cells have bytes
// together: what append alone would copy on its way, and fault in, many times.
func (w *work) room(bytes, records int) {
	w.arena = slices.Grow(w.arena, bytes)
	w.ops = slices.Grow(w.ops, records)
	w.records = slices.Grow(w.records, records)
}

// workSize is how large the batches of an upload became, for those made next.
type workSize struct{ arena, cells, rows int }

func (s *workSize) note(w *work) {
	s.arena, s.rows = max(s.arena, cap(w.in.Arena)), max(s.rows, cap(w.in.Rows))
	s.cells = max(s.cells, min(cap(w.in.Cells), batchBytes/2)) // JSON rows may bring many columns at once
}

// recordBytes is what a record takes beside its cells and its patch: an op, a
// result, an outcome and its source.
const recordBytes = 160

// made is the memory of what was made of a batch.
func (w *work) made() int {
	return len(w.out.Arena) + len(w.arena) + len(w.out.Cells)*8 + len(w.records)*recordBytes
}

// maxPooled is the memory of a work beyond which it is not used again.
const maxPooled = 8 << 20

// shrink gives up memory of an unusual size, so that it is not kept in each work.
func (w *work) shrink() {
	cells, arenas := cap(w.in.Cells)+cap(w.out.Cells), cap(w.in.Arena)+cap(w.out.Arena)+cap(w.arena)
	if arenas+cells*8+cap(w.records)*recordBytes > maxPooled {
		*w = work{ready: w.ready}
	}
}

// workPool leaves the memory of works to those that come after. It is the garbage
// collector's when nothing runs.
type workPool struct{ pool sync.Pool }

// get returns an empty work with room for a batch of size.
func (p *workPool) get(size workSize) *work {
	w, _ := p.pool.Get().(*work)
	if w == nil {
		w = newWork()
	}
	w.in.Arena = slices.Grow(w.in.Arena, size.arena)
	w.in.Cells = slices.Grow(w.in.Cells, size.cells)
	w.in.Rows = slices.Grow(w.in.Rows, size.rows)
	return w
}

// put takes works back that nobody uses any more.
func (p *workPool) put(works ...*work) {
	for _, w := range works {
		w.shrink()
		w.reset()
		p.pool.Put(w)
	}
}

// reset empties w and keeps its memory.
func (w *work) reset() {
	select {
	case <-w.ready: // prepared, and then not waited for
	default:
	}
	w.in.Reset(0)
	w.out.Reset(0)
	clear(w.errs)
	clear(w.results)
	*w = work{in: w.in, out: w.out, arena: w.arena[:0], ops: w.ops[:0], results: w.results[:0],
		records: w.records[:0], errs: w.errs[:0], ready: w.ready}
}
