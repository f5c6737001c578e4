package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/engine/fault"
)

// A full disk or a stalled store is waited for: retryTotal within a turn, then
// turn by turn, for as long as it takes.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
	retryTotal = 30 * time.Second
)

var errYield = errors.New("engine: turn is over")

// runJobs gives turns to jobs until the engine stops.
func (e *Engine) runJobs(ctx context.Context) {
	for {
		j := e.queue.take()
		if j == nil {
			return
		}
		over := e.turn(ctx, j)
		e.queue.put(j, over)
		e.watch.changed(j.id)
	}
}

// turn runs a job until it is over, its time is up while others wait, or the
// engine stops.
func (e *Engine) turn(ctx context.Context, j *entry) (over bool) {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	j.begin(cancel)
	job, err := e.Job(ctx, j.tenant, j.id)
	switch {
	case err == nil:
		err = e.advance(run, j, &job)
	case fault.CodeOf(err) == fault.NotFound: // the record is gone: nothing to do or to say
		e.log.Error("job without a record", "tenant", j.tenant, "job", j.id, "err", err)
		return true
	default: // what can't be read can't be ended either
		e.postpone(ctx, j, err)
		return false
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, errYield):
		return false
	case j.isCanceled():
		if err := e.cancelJob(ctx, job); err != nil {
			e.postpone(ctx, j, err)
			return false
		}
	case ctx.Err() != nil:
		return false
	case fault.CodeOf(err) == fault.Overloaded: // nothing is wrong with the job
		e.postpone(ctx, j, err)
		return false
	default:
		e.log.Error("job failed", "tenant", j.tenant, "job", j.id, "err", err)
		if job.trial() && j.pass == nil { // what is reported is of a trial that a restart ended
			if err := e.forget(ctx, job); err != nil {
				e.postpone(ctx, j, err)
				return false
			}
		}
		if failure := failureOf(err); job.undone() { // its own trial counted what it foresaw
			job.refuse(failure.Code, failure.Message)
		} else {
			job.Status, job.Failure = Failed, failure
		}
	}
	return e.finish(ctx, j, job) == nil
}

// postpone ends a turn in which the store gave or took nothing: the next one goes
// on from the last checkpoint. A trial has seen rows that it could not report, so it
// begins anew.
func (e *Engine) postpone(ctx context.Context, j *entry, err error) {
	if j.pass != nil {
		j.pass.close(ctx)
		j.pass = nil
	}
	j.wait = min(max(retryFirst, 2*j.wait), retryMost)
	e.log.Warn("the job waits for the store", "tenant", j.tenant, "job", j.id, "wait", j.wait, "err", err)
	sleep(ctx, j.wait)
}

// failureOf is what the API says of err: its message, if it was meant for the caller.
func failureOf(err error) *Failure {
	var f *fault.Error
	if errors.As(err, &f) {
		return &Failure{Code: f.Code, Message: f.Message}
	}
	return &Failure{Code: fault.Internal, Message: "internal error; the server's log has the cause under the job's id"}
}

// finish makes a job's end durable, then drops its upload. While the store
// refuses, the job is not over.
func (e *Engine) finish(ctx context.Context, j *entry, job *Job) error {
	if j.pass != nil {
		j.pass.close(ctx)
		j.pass = nil
	}
	job.end(e.cfg.Now())
	c, err := jobChange(job)
	if err == nil {
		err = e.store.Write(context.WithoutCancel(ctx), []Change{c, {Key: pendingKey(j.tenant, j.id)}})
	}
	if err != nil {
		e.log.Error("job's end not written", "tenant", j.tenant, "job", j.id, "err", err)
		sleep(ctx, time.Second)
		return err
	}
	if err := e.spool.Remove(j.id); err != nil {
		e.log.Warn("spool not removed; swept at the next start", "job", j.id, "err", err)
	}
	return nil
}

// advance takes a job as far as it comes in this turn; nil: it is over. *job is
// kept as committed, whatever the error.
func (e *Engine) advance(ctx context.Context, j *entry, job **Job) error {
	if j.isCanceled() {
		return context.Canceled
	}
	if (*job).Status == Queued {
		now := e.cfg.Now()
		(*job).Status, (*job).Timings.StartedAt = Processing, &now
		if err := e.writeJob(ctx, *job); err != nil {
			return err
		}
		e.watch.changed(j.id)
	}
	upload, err := e.spool.Open(j.id)
	if err != nil {
		return fmt.Errorf("open spool: %w", err)
	}
	defer func() { _ = upload.Close() }() // only read
	if err := lengthOf(upload, *job); err != nil {
		return err
	}
	if j.lain {
		if err := readThrough(ctx, upload, (*job).Next.Offset); err != nil {
			return fmt.Errorf("read upload: %w", err)
		}
		j.lain = false
	}
	if (*job).trial() {
		if err := e.runTrial(ctx, j, job, upload); err != nil {
			return err
		}
		if (*job).Status.Ended() {
			return e.finish(ctx, j, *job)
		}
	}
	commits := &committer{e: e, l: newLedger(**job, e.cfg.MaxReportBytes)}
	err = e.drive(ctx, upload, commits)
	*job = &commits.l.job
	if err != nil {
		return err
	}
	(*job).Read, (*job).Status = (*job).Bytes, Completed
	return e.finish(ctx, j, *job)
}

// lengthOf refuses an upload that is not as long as the job's.
func lengthOf(upload SpoolReader, job *Job) error {
	if n := upload.Size(); n != job.Bytes {
		return fault.New(fault.Internal, "the upload was damaged on the server's disk: %d bytes are there, %d were accepted; send the file again", n, job.Bytes)
	}
	return nil
}

// readThrough finds what is damaged of an upload from off on, before any of it is
// applied.
func readThrough(ctx context.Context, upload SpoolReader, off int64) error {
	block := make([]byte, sniffBytes)
	for size := upload.Size(); off < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := upload.ReadAt(block[:min(int64(len(block)), size-off)], off)
		if n == 0 {
			return err
		}
		off += int64(n)
	}
	return nil
}

// sink takes prepared work in file order.
type sink interface {
	ledger() *ledger

	// take applies what one commit holds of p, which has a batch ready. After an
	// error the ledger is as before, and what was taken must be read again.
	take(ctx context.Context, p *pipeline, batches int) error

	retries() bool // whether what failed can be offered again
}

// patience is how long a commit that has begun waits, in all, for batches that are
// not prepared yet. The table's other writes wait with it.
const patience = 20 * time.Millisecond

// drive reads an upload from the ledger's checkpoint to its end into a sink. After
// a failure that may pass it reads again from the last checkpoint: while the store
// is overloaded or the disk full a little later, and in smaller steps after a
// commit that could not hold what it was given.
func (e *Engine) drive(ctx context.Context, upload SpoolReader, to sink) error {
	began, step := time.Now(), wholeStep()
	wait, waited := retryFirst, time.Duration(0)
	for {
		from := to.ledger().job.Next
		err := e.read(ctx, upload, to, &step, began)
		if to.ledger().job.Next != from {
			wait, waited = retryFirst, 0
		}
		switch {
		case errors.Is(err, errStep):
		case errors.Is(err, ErrFull):
			if !step.shorten() {
				return fault.New(fault.ImportFailed, "row %d asks for more than one commit can hold", to.ledger().job.Next.Row+1)
			}
		case fault.CodeOf(err) == fault.Overloaded && to.retries() && waited < retryTotal:
			e.log.Warn("store is overloaded; the job waits", "job", to.ledger().job.JobID, "wait", wait, "err", err)
			if !sleep(ctx, wait) {
				return ctx.Err()
			}
			waited += wait
			wait = min(2*wait, retryMost)
		default:
			return err
		}
	}
}

// read is drive as long as nothing fails and step suits.
func (e *Engine) read(ctx context.Context, upload SpoolReader, to sink, step *step, began time.Time) error {
	job := to.ledger().job // read by the pipeline's goroutines, so a copy
	src, err := openSource(upload, upload.Size(), &job, e.plans)
	if err != nil {
		return err
	}
	p := startPipeline(ctx, src, e.openStages, e.cfg.Workers, step.rows, &e.works)
	defer p.close()
	for {
		if more, err := p.await(); !more {
			return err
		}
		if err := to.take(ctx, p, step.batches); err != nil {
			return err
		}
		e.watch.changed(job.JobID)
		if time.Since(began) > e.cfg.Turn && e.queue.contended() {
			return errYield
		}
		if step.taken() {
			return errStep
		}
	}
}

// sleep waits, and tells whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
