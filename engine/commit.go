package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sluice/engine/fault"
)

// A commit of the store ends at 8 MB. Work is added while it and its report
// stay under softCommit, so that one more batch and the job's record still fit.
const softCommit = 6 << 20

// span is a run of a work's records, cut at row borders.
type span struct {
	w        *work
	from, to int // records
}

func whole(w *work) span { return span{w, 0, len(w.records)} }

// ops returns the range of the span's ops.
func (s span) ops() (from, to int) {
	from, to = none, none
	for _, r := range s.w.records[s.from:s.to] {
		if r.op != none {
			if from == none {
				from = r.op
			}
			to = r.op + 1
		}
	}
	if from == none {
		return 0, 0
	}
	return from, to
}

// half cuts the span at a row border near its middle; ok is false for one row.
func (s span) half() (a, b span, ok bool) {
	rec := s.w.records
	mid := (s.from + s.to) / 2
	for mid > s.from && rec[mid].row == rec[mid-1].row {
		mid--
	}
	if mid == s.from {
		for mid = s.from + 1; mid < s.to && rec[mid].row == rec[mid-1].row; mid++ {
		}
	}
	return span{s.w, s.from, mid}, span{s.w, mid, s.to}, mid < s.to
}

// end is the row border behind the span.
func (s span) end() Checkpoint {
	if s.to == len(s.w.records) {
		return s.w.end
	}
	next := s.w.records[s.to].row
	r := &s.w.in.Rows[next-1]
	return Checkpoint{Offset: r.End, Row: r.Number, Line: r.EndLine}
}

// errFull says that a span did not fit the commit.
var errFull = errors.New("engine: commit is full")

// apply applies a span's ops and settles it.
func (s span) apply(a applier, l *ledger) error {
	from, to := s.ops()
	if err := a.apply(s.w, from, to); err != nil {
		return err
	}
	l.settle(s.w, s.from, s.to)
	return nil
}

// applier is where ops go: a commit, or the trial of a dry run.
type applier interface {
	apply(w *work, from, to int) error
}

type txApplier struct{ tx Tx }

func (a txApplier) apply(w *work, from, to int) error {
	n, err := a.tx.Apply(w.ops[from:to], w.results[from:to])
	if err == nil && n < to-from {
		err = errFull
	}
	return err
}

type trialApplier struct{ trial Trial }

func (a trialApplier) apply(w *work, from, to int) error {
	return a.trial.Apply(w.ops[from:to], w.results[from:to])
}

// commitSpans applies as many of spans as one commit holds, with the counts, the
// report and the checkpoint that go with them (invariant 3). It returns the
// ledger as committed and the spans that are left.
func (e *Engine) commitSpans(ctx context.Context, l *ledger, spans []span) (*ledger, []span, error) {
	for try := spans; ; {
		done := 0
		var made *ledger
		err := e.store.Update(ctx, l.job.Tenant, func(tx Tx) error {
			made, done = l.attempt(), 0
			tx.Job(l.job.JobID)
			for _, s := range try {
				if done > 0 && tx.Bytes()+made.pending() > softCommit {
					break
				}
				if err := s.apply(txApplier{tx}, made); err != nil {
					return err
				}
				made.job.Next = s.end()
				made.job.Read = made.job.Next.Offset
				done++
			}
			for _, c := range made.seal() {
				tx.Put(c)
			}
			return putJob(tx, &made.job)
		})
		switch {
		case err == nil:
			return made, spans[done:], nil
		case !errors.Is(err, errFull):
			return l, spans, err
		case done > 0:
			try = try[:done]
		default:
			a, b, ok := try[0].half()
			if !ok {
				row := &a.w.in.Rows[a.w.records[a.from].row]
				return l, spans, fault.New(fault.ImportFailed, "row %d asks for more than one commit can hold", row.Number)
			}
			spans = append([]span{a, b}, spans[1:]...)
			try = spans[:1]
		}
	}
}

// putJob adds the job's record to a commit.
func putJob(tx Tx, j *Job) error {
	c, err := jobChange(j)
	if err == nil {
		tx.Put(c)
	}
	return err
}

// jobChange is the record of a job. The results of a small import stay out of
// it: the report has them.
func jobChange(j *Job) (Change, error) {
	key, err := jobKey(j.Tenant, j.JobID)
	if err != nil {
		return Change{}, err
	}
	stored := *j
	stored.Results = nil
	value, err := json.Marshal(&stored)
	if err != nil {
		return Change{}, fmt.Errorf("encode job: %w", err)
	}
	return Change{Key: key, Value: value}, nil
}
