package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/engine/fault"
)

// gather: a commit takes this many batches, or what came within gatherTime. The
// batches fill it nearly to the store's limit, which makes few fsyncs; the time is
// for plugins that need long, whose rows are to be seen to move.
const (
	gatherBatches = 32
	gatherTime    = 250 * time.Millisecond
)

// A full disk or a stalled store is waited for, this long in all.
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
	if err == nil {
		err = e.advance(run, j, &job)
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, errYield):
		return false
	case j.isCanceled():
		job.Status = Canceled
		if job.trial() {
			job.restart()
		}
	case ctx.Err() != nil:
		return false
	case fault.CodeOf(err) == fault.NotFound: // the record is gone: nothing to do or to say
		e.log.Error("job without a record", "tenant", j.tenant, "job", j.id, "err", err)
		return true
	default:
		e.log.Error("job failed", "tenant", j.tenant, "job", j.id, "err", err)
		job.Status, job.Failure = Failed, failureOf(err)
	}
	return e.finish(ctx, j, job) == nil
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

// sink takes prepared work in file order.
type sink interface {
	ledger() *ledger
	take(ctx context.Context, spans []span) (left []span, err error)
	retries() bool // whether spans that failed can be offered again
}

// committer is the sink of a real run.
type committer struct {
	e *Engine
	l *ledger
}

func (c *committer) ledger() *ledger { return c.l }
func (c *committer) retries() bool   { return true }

func (c *committer) take(ctx context.Context, spans []span) (left []span, err error) {
	c.l, left, err = c.e.commitSpans(ctx, c.l, spans)
	return left, err
}

// drive reads an upload from the ledger's checkpoint to its end into a sink.
func (e *Engine) drive(ctx context.Context, upload SpoolReader, to sink) error {
	job := to.ledger().job // read by the pipeline's goroutines, so a copy
	src, err := openSource(upload, upload.Size(), &job)
	if err != nil {
		return err
	}
	p := startPipeline(ctx, src, e.openStages, e.cfg.Workers, &e.works)
	defer p.close()
	var spans []span
	for began := time.Now(); ; {
		ended, pipeErr := gather(p, &spans)
		if len(spans) > 0 {
			left, err := e.patiently(ctx, to, spans)
			if err != nil {
				return err
			}
			p.recycle(spans, left)
			spans = append(spans[:0], left...)
			e.watch.changed(job.JobID)
		}
		if pipeErr != nil {
			return pipeErr
		}
		if ended && len(spans) == 0 {
			return nil
		}
		if time.Since(began) > e.cfg.Turn && e.queue.contended() {
			return errYield
		}
	}
}

// gather waits for one batch, if there is none yet, and then takes those that
// follow closely. ended is true at the end of the upload and after an error.
func gather(p *pipeline, spans *[]span) (ended bool, err error) {
	var late <-chan time.Time
	if len(*spans) > 0 {
		late = time.After(gatherTime)
	}
	for len(*spans) < gatherBatches {
		w, ok := p.next(late)
		if w == nil {
			if ok {
				return false, nil
			}
			return true, p.err
		}
		if w.err != nil {
			return true, w.err
		}
		*spans = append(*spans, whole(w))
		if late == nil {
			late = time.After(gatherTime)
		}
	}
	return false, nil
}

// patiently offers spans to a sink, again and again while the store is
// overloaded or the disk full.
func (e *Engine) patiently(ctx context.Context, to sink, spans []span) ([]span, error) {
	wait, waited := retryFirst, time.Duration(0)
	for {
		left, err := to.take(ctx, spans)
		if err == nil || fault.CodeOf(err) != fault.Overloaded || !to.retries() || waited >= retryTotal {
			return left, err
		}
		e.log.Warn("store is overloaded; the job waits", "job", to.ledger().job.JobID, "wait", wait, "err", err)
		if !sleep(ctx, wait) {
			return left, ctx.Err()
		}
		waited += wait
		wait = min(2*wait, retryMost)
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
