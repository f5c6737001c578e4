package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// Job returns a job as last committed.
func (e *Engine) Job(ctx context.Context, tenant, id string) (*Job, error) {
	key, err := jobKey(tenant, id)
	if err != nil {
		return nil, err
	}
	value, err := e.store.Record(ctx, key)
	if fault.CodeOf(err) == fault.NotFound {
		return nil, fault.New(fault.NotFound, "there is no import job %q", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return decodeJob(value)
}

func decodeJob(value []byte) (*Job, error) {
	j := new(Job)
	if err := json.Unmarshal(value, j); err != nil {
		return nil, fmt.Errorf("decode job: %w", err)
	}
	j.Progress = &Progress{BytesRead: j.Read, BytesTotal: j.Bytes}
	return j, nil
}

// Jobs lists a tenant's jobs, the newest first, behind the job after ("": from
// the newest). next is the after of the following page, "" at the end.
func (e *Engine) Jobs(ctx context.Context, tenant, after string, limit int) (jobs []*Job, next string, err error) {
	prefix := tuple.New(tenant, kindJob)
	var from tuple.Key
	if after != "" {
		if from, err = jobKey(tenant, after); err != nil {
			return nil, "", fault.New(fault.Validation, "cursor: %q is none that a list of jobs gave", after)
		}
	}
	jobs = make([]*Job, 0, limit)
	err = e.store.Records(ctx, prefix, from, func(_ tuple.Key, value []byte) (bool, error) {
		if len(jobs) == limit {
			next = jobs[limit-1].JobID
			return false, nil
		}
		j, err := decodeJob(value)
		jobs = append(jobs, j)
		return true, err
	})
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	return jobs, next, nil
}

// Cancel ends a job before its time and returns it as it ended: its counts say
// exactly what was applied. A job that has ended is a conflict.
func (e *Engine) Cancel(ctx context.Context, tenant, id string) (*Job, error) {
	job, err := e.Job(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	j := e.queue.find(tenant, id)
	if job.Status.Ended() || j == nil {
		return nil, ended(id)
	}
	j.markCanceled()
	if e.queue.remove(j) { // no turn is at hand, so nobody else ends it
		if err := e.cancelWaiting(ctx, j); err != nil {
			e.queue.add(j) // its next turn will be its last
			return nil, err
		}
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if job, err = e.Job(ctx, tenant, id); err == nil && job.Status != Canceled {
		return nil, ended(id)
	}
	return job, err
}

func (e *Engine) cancelWaiting(ctx context.Context, j *entry) error {
	job, err := e.Job(ctx, j.tenant, j.id)
	if err != nil {
		return err
	}
	if err := e.cancelJob(ctx, job); err != nil {
		return err
	}
	if err := e.finish(ctx, j, job); err != nil {
		return err
	}
	close(j.done)
	e.watch.changed(j.id)
	return nil
}

// cancelJob is the state of a canceled job: of its trial nothing was applied, so
// nothing is left.
func (e *Engine) cancelJob(ctx context.Context, job *Job) error {
	job.Status = Canceled
	if !job.trial() {
		return nil
	}
	return e.forget(ctx, job)
}

func ended(id string) error {
	return fault.New(fault.Conflict, "import job %q has already ended", id)
}

func (e *Engine) writeJob(ctx context.Context, j *Job) error {
	c, err := jobChange(j)
	if err != nil {
		return err
	}
	if err := e.store.Write(ctx, []Change{c}); err != nil {
		return fmt.Errorf("write job: %w", err)
	}
	return nil
}

// dropReport deletes what was reported of a job so far.
func (e *Engine) dropReport(ctx context.Context, j *Job) error {
	for _, kind := range []string{kindErrors, kindResults} {
		if err := e.drop(ctx, tuple.New(j.Tenant, kind).String(j.JobID), nil, nil); err != nil {
			return fmt.Errorf("drop report: %w", err)
		}
	}
	return nil
}

// forget drops what a trial reported and counted that will not be judged.
func (e *Engine) forget(ctx context.Context, j *Job) error {
	if err := e.dropReport(context.WithoutCancel(ctx), j); err != nil {
		return err
	}
	j.restart()
	return nil
}

// dropKeys bounds the deletes of one commit.
const dropKeys = 500

// drop deletes the records under a prefix that lie behind after (nil: all) and of
// which doomed says so (nil: each), commit by commit.
func (e *Engine) drop(ctx context.Context, prefix, after tuple.Key, doomed func(value []byte) (bool, error)) error {
	for {
		var changes []Change
		err := e.store.Records(ctx, prefix, after, func(key tuple.Key, value []byte) (bool, error) {
			after = append(tuple.Key(nil), key...)
			if doomed != nil {
				if yes, err := doomed(value); err != nil || !yes {
					return err == nil, err
				}
			}
			changes = append(changes, Change{Key: after})
			return len(changes) < dropKeys, nil
		})
		if err != nil || len(changes) == 0 {
			return err
		}
		if err := e.store.Write(ctx, changes); err != nil {
			return err
		}
	}
}

// retain removes old jobs now and then, until the engine stops.
func (e *Engine) retain(ctx context.Context) {
	for every := time.Hour; sleep(ctx, every); {
		if err := e.RemoveOld(ctx); err != nil && ctx.Err() == nil {
			e.log.Error("old jobs not removed", "err", err)
		}
	}
}

// RemoveOld removes ended jobs that are older than the retention, with their
// reports. The engine does so every hour.
func (e *Engine) RemoveOld(ctx context.Context) error {
	tenants, err := e.store.Tenants(ctx)
	if err != nil {
		return fmt.Errorf("list tenants: %w", err)
	}
	before := uint64(e.cfg.Now().Add(-e.cfg.Retention).UnixMilli())
	for _, tenant := range tenants {
		if err := e.removeOld(ctx, tenant, before); err != nil {
			return fmt.Errorf("remove jobs of %s: %w", tenant, err)
		}
	}
	return nil
}

func (e *Engine) removeOld(ctx context.Context, tenant string, before uint64) error {
	prefix := tuple.New(tenant, kindJob)
	after := append(tuple.Key(nil), prefix...).Uint64(^before) // the newer ones sort before it
	return e.drop(ctx, prefix, after, func(value []byte) (bool, error) {
		j, err := decodeJob(value)
		if err != nil || !j.Status.Ended() {
			return false, err
		}
		err = e.dropReport(ctx, j) // whatever the job says of it: earlier versions forgot some
		return err == nil, err
	})
}
