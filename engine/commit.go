package engine

import (
	"context"
)

// A commit of the store ends at 8 MB. Work is added while it and its report
// stay under softCommit, so that one more batch and the job's record still fit.
const softCommit = 6 << 20

// span is a run of a work's records.
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
		err = ErrFull
	}
	return err
}

type trialApplier struct{ trial Trial }

func (a trialApplier) apply(w *work, from, to int) error {
	return a.trial.Apply(w.ops[from:to], w.results[from:to])
}

// committer is the sink of a real run.
type committer struct {
	e *Engine
	l *ledger
}

func (c *committer) ledger() *ledger { return c.l }
func (c *committer) retries() bool   { return true }

// take commits work with the counts, the report and the checkpoint that go with
// it (invariant 3).
func (c *committer) take(ctx context.Context, p *pipeline, batches int) error {
	var made *ledger
	err := c.e.store.Stream(ctx, c.l.job.Tenant, func(tx Tx) error {
		made = c.l.attempt()
		tx.Job(made.job.JobID)
		left := patience
		for n := 0; n < batches && (n == 0 || tx.Bytes()+made.pending() <= softCommit); n++ {
			w := p.next(&left)
			if w == nil {
				break
			}
			if err := whole(w).apply(txApplier{tx}, made); err != nil {
				return err
			}
			made.job.Next = w.end
			made.job.Read = w.end.Offset
			p.recycle(w)
		}
		for _, c := range made.seal() {
			tx.Put(c)
		}
		return putJob(tx, &made.job)
	})
	if err == nil {
		c.l = made
	}
	return err
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
	value, err := stored.appendJSON(make([]byte, 0, 1024))
	if err != nil {
		return Change{}, err
	}
	return Change{Key: key, Value: value}, nil
}
