package engine

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"sluice/engine/batch"
	"sluice/engine/charset"
	"sluice/engine/company"
	"sluice/engine/fault"
)

// outcome is what became of one record: of a row, or of one of the several
// records that a plugin made of it.
type outcome struct {
	row  int // index into the batch's rows
	op   int // index into ops, or none
	code fault.Code
	errs [2]int // its errors in the work's: from, to; none for a skip
}

const none = -1

// stages are the pure part of an import: mapping, plugin, validation. They are
// shared by the goroutines that prepare batches; each has its own validator.
type stages struct {
	transform  Transformer // nil: no plugin
	projection []int       // columns given to the plugin under mapped names; nil: all of them

	update  bool
	unnamed bool // no result tells an id
	tags    [][]byte

	mu    sync.Mutex
	plans map[string]*plan // by the plugin's answered columns
}

// openStages starts the job's plugin, once the first columns are known.
func (e *Engine) openStages(ctx context.Context, src *source) (*stages, error) {
	job := src.job
	s := &stages{projection: src.projection, update: job.Options.UpdateExisting,
		unnamed: !job.Options.Results, plans: map[string]*plan{}}
	for _, t := range job.Options.Tags {
		s.tags = append(s.tags, []byte(t))
	}
	if job.Plugin == nil {
		return s, nil
	}
	var err error
	s.transform, err = e.plugins.Open(ctx, job.Tenant, PluginJob{ID: job.JobID, Plugin: *job.Plugin,
		Columns: slices.Clone(src.given), Config: job.Options.PluginConfig, Options: job.Options,
		Seed: job.Seed, Clock: job.Clock})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *stages) close() {
	if s.transform != nil {
		// Its rows are answered; what it could still complain of concerns nobody.
		_ = s.transform.Close(context.Background())
	}
}

// prepare runs one decoded batch through the pure stages.
func (s *stages) prepare(ctx context.Context, w *work, v *validator) {
	w.arena, w.ops, w.records, w.errs = w.arena[:0], w.ops[:0], w.records[:0], w.errs[:0]
	v.tags = s.tags
	if s.transform == nil {
		s.validate(w, v, w.sent, &w.in, nil)
		return
	}
	in := &w.in
	s.given(in)
	w.out.Reset(0)
	decoded := len(in.Faults)
	names, err := s.transform.Process(ctx, in, &w.out)
	if err != nil {
		w.err = err
		return
	}
	s.sent(in, decoded)
	answered, err := s.planOf(names)
	if err != nil {
		w.err = err
		return
	}
	s.validate(w, v, answered, &w.out, w.out.Source)
}

// given leaves a batch the columns that the plugin is given.
func (s *stages) given(in *batch.Batch) {
	if s.projection != nil {
		in.Cells, in.Cols = project(in, s.projection), len(s.projection)
	}
}

// sent makes the columns of a batch's faults from the one numbered from on those
// that were sent: the plugin counts the columns that it was given.
func (s *stages) sent(in *batch.Batch, from int) {
	if s.projection == nil {
		return
	}
	for i := from; i < len(in.Faults); i++ {
		if f := &in.Faults[i]; f.Column >= 0 {
			f.Column = s.projection[f.Column]
		}
	}
}

// maxAnswers bounds the plans that are kept: rows of JSON may bring thousands of columns,
// one by one, and for each the plugin answers anew.
const maxAnswers = 16

// planOf keeps the plans of the few lists of columns that a plugin answers with.
func (s *stages) planOf(names []string) (*plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := ""
	for _, n := range names { // which may hold any byte
		key += strconv.Itoa(len(n)) + ":" + n
	}
	if p, ok := s.plans[key]; ok {
		return p, nil
	}
	p, err := namedPlan(names)
	if err != nil {
		return nil, err
	}
	if len(s.plans) >= maxAnswers {
		clear(s.plans) // batches on their way have the newest ones
	}
	s.plans[key] = p
	return p, nil
}

// project keeps the cells of some columns, in place.
func project(b *batch.Batch, columns []int) []batch.Cell {
	// Columns may come in any order, so each row is picked aside first.
	picked := make([]batch.Cell, len(columns))
	cells := b.Cells[:0:len(b.Cells)]
	for i := range b.Rows {
		row := b.Cells[i*b.Cols : (i+1)*b.Cols]
		for k, c := range columns {
			picked[k] = row[c]
		}
		cells = append(cells, picked...)
	}
	return cells
}

// validate makes an op, or errors, of every record. source is nil where the
// records are the rows themselves.
func (s *stages) validate(w *work, v *validator, p *plan, b *batch.Batch, source []uint32) {
	w.plan = p
	w.room(len(b.Arena), max(len(w.in.Rows), len(source)))
	v.valid = charset.Valid(b.Arena)
	faults := groupFaults(w.in.Faults)
	v.passed = v.passed[:0]
	next := 0 // into source
	for i := range w.in.Rows {
		row := &w.in.Rows[i]
		switch {
		case row.Failed:
			w.failRow(i, faults[i])
			for source != nil && next < len(source) && int(source[next]) == i {
				next++
			}
		case source == nil:
			s.record(w, v, p, b, i, i)
		default:
			at := next
			for next < len(source) && int(source[next]) == i {
				s.record(w, v, p, b, i, next)
				next++
			}
			if next == at {
				w.records = append(w.records, outcome{row: i, op: none, code: fault.SkippedByPlugin})
			}
		}
	}
	for _, col := range v.passed {
		w.ignored = append(w.ignored, p.names[col])
	}
	// The arena moved while it grew, so patches are cut from it at the end.
	from := 0
	for i := range w.ops {
		n := len(w.ops[i].Patch)
		w.ops[i].Patch = w.arena[from : from+n : from+n]
		from += n
	}
	if cap(w.results) < len(w.ops) {
		w.results = make([]company.Result, len(w.ops), cap(w.ops))
	}
	w.results = w.results[:len(w.ops)]
}

func (s *stages) record(w *work, v *validator, p *plan, b *batch.Batch, row, at int) {
	from := len(w.arena)
	w.arena = v.record(w.arena, p, b, b.Row(at))
	if len(v.errs) > 0 {
		w.fail(row, v.errs)
		return
	}
	w.records = append(w.records, outcome{row: row, op: len(w.ops)})
	w.ops = append(w.ops, company.Op{Kind: company.Upsert, Update: s.update, Unnamed: s.unnamed, Patch: company.Patch(w.arena[from:])})
}

// failRow fails a row with the faults that decoding or the plugin found.
func (w *work) failRow(row int, faults []batch.Fault) {
	errs := make([]RowError, 0, len(faults))
	for _, f := range faults {
		e := RowError{Code: f.Code, Message: f.Message}
		if f.Column >= 0 && f.Column < len(w.columns) {
			e.Column = shownName(w.columns[f.Column])
		}
		errs = append(errs, e)
	}
	w.fail(row, errs)
}

func (w *work) fail(row int, errs []RowError) {
	at := len(w.errs)
	for _, e := range errs {
		e.RowNumber, e.Line = w.in.Rows[row].Number, w.in.Rows[row].Line
		w.errs = append(w.errs, e)
	}
	w.records = append(w.records, outcome{row: row, op: none, code: errs[0].Code, errs: [2]int{at, len(w.errs)}})
}

// groupFaults finds the faults of each row: a later stage appends its own behind
// those of decoding, so they are not in row order as they stand.
func groupFaults(faults []batch.Fault) map[int][]batch.Fault {
	if len(faults) == 0 {
		return nil
	}
	g := make(map[int][]batch.Fault, len(faults))
	for _, f := range faults {
		g[f.Row] = append(g[f.Row], f)
	}
	return g
}
