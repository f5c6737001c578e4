package engine

import (
	"context"
	"fmt"
)

// pass is the sink of a trial: a dry run, or the pass by which a job with a
// limit judges itself. It outlives a turn, but not a restart of the engine.
type pass struct {
	e     *Engine
	l     *ledger
	trial Trial
}

func (p *pass) ledger() *ledger { return p.l }

// A trial has seen its ops even where it failed.
func (p *pass) retries() bool { return false }

// take judges work. Its report commits at once, so that it needs no memory; the
// job's record keeps its first checkpoint, for nothing was applied.
func (p *pass) take(ctx context.Context, from *pipeline, batches int) error {
	left := patience
	for range batches {
		w := from.next(&left)
		if w == nil {
			break
		}
		made := p.l.attempt()
		if err := whole(w).apply(trialApplier{p.trial}, made); err != nil {
			return err
		}
		made.job.Next = w.end
		made.job.Read = w.end.Offset
		from.recycle(w)
		changes := made.seal()
		p.l = made
		if err := p.e.writeReport(ctx, changes); err != nil {
			return err
		}
	}
	seen := p.l.job
	if !seen.Options.DryRun { // the counts that a judge foresees are not yet true
		seen.restart()
		seen.Read = p.l.job.Read
	}
	seen.Next = seen.First
	return p.e.writeJob(ctx, &seen)
}

// writeReport writes blocks of a report, in as many commits as they need: a plugin
// may find more errors in one batch than fit.
func (e *Engine) writeReport(ctx context.Context, blocks []Change) error {
	for len(blocks) > 0 {
		n, bytes := 0, 0
		for n < len(blocks) && (n == 0 || bytes <= softCommit/2) {
			bytes += len(blocks[n].Key) + len(blocks[n].Value)
			n++
		}
		if err := e.store.Write(ctx, blocks[:n]); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
		blocks = blocks[n:]
	}
	return nil
}

func (p *pass) close(ctx context.Context) {
	if err := p.trial.Close(context.WithoutCancel(ctx)); err != nil {
		p.e.log.Warn("trial not cleaned up; swept at the next start", "job", p.l.job.JobID, "err", err)
	}
}

// runTrial runs a job's trial to its end and judges it: the job is refused, or
// completed if it was a dry run, or ready for its real run.
func (e *Engine) runTrial(ctx context.Context, j *entry, job **Job, upload SpoolReader) error {
	if j.pass == nil {
		if err := e.dropReport(ctx, *job); err != nil { // of a trial that a crash ended
			return err
		}
		(*job).restart()
		trial, err := e.store.DryRun(context.WithoutCancel(ctx), j.tenant) // it outlives the turn
		if err != nil {
			return fmt.Errorf("begin trial: %w", err)
		}
		l := newLedger(**job, e.cfg.MaxReportBytes)
		l.unmade = trial.Made
		j.pass = &pass{e: e, l: l, trial: trial}
	}
	err := e.drive(ctx, upload, j.pass)
	made := j.pass.l.job
	*job = &made
	if err != nil {
		return err
	}
	j.pass.close(ctx)
	j.pass = nil
	switch {
	case made.overLimit():
		made.refuse(limitFault(&made))
	case made.Options.DryRun:
		made.Read, made.Status = made.Bytes, Completed
	default:
		if err := e.dropReport(ctx, &made); err != nil {
			return err
		}
		made.restart()
		made.Judged = true
		return e.writeJob(ctx, &made)
	}
	return nil
}
