package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// Checked is what CheckJobs saw.
type Checked struct {
	Jobs    int
	Pending int
}

// CheckJobs holds what is stored of a tenant's imports together: each job to its
// key, its counts, its report and its upload, which is read to its end. Problems go
// to found; the error is of reading.
func CheckJobs(ctx context.Context, records Records, tenant string, spool Spool, found func(key tuple.Key, problem string)) (Checked, error) {
	c := &jobCheck{records: records, tenant: tenant, spool: spool, found: found,
		jobs: map[string]*Job{}, reported: map[string]*reported{}}
	for _, step := range []func(context.Context) error{c.reports, c.pendings, c.all} {
		if err := step(ctx); err != nil {
			return Checked{}, fmt.Errorf("check jobs: %w", err)
		}
	}
	return Checked{Jobs: len(c.jobs), Pending: len(c.pending)}, nil
}

type jobCheck struct {
	records Records
	tenant  string
	spool   Spool
	found   func(key tuple.Key, problem string)

	jobs     map[string]*Job
	pending  []string
	reported map[string]*reported // by job
}

// reported is what is stored of one job's report.
type reported struct {
	first tuple.Key // key of its first block
	bytes int64
	bad   bool // a block can't be read
}

func (c *jobCheck) bad(key tuple.Key, format string, args ...any) {
	c.found(slices.Clone(key), fmt.Sprintf(format, args...))
}

// reports reads every block of every report.
func (c *jobCheck) reports(ctx context.Context) error {
	for _, kind := range []string{kindErrors, kindResults} {
		prefix := tuple.New(c.tenant, kind)
		err := c.records.Records(ctx, prefix, nil, func(key tuple.Key, value []byte) (bool, error) {
			id, rest, err := key[len(prefix):].CutString()
			if _, _, cut := rest.CutUint64(); err != nil || cut != nil {
				c.bad(key, "not the key of a report block")
				return true, nil
			}
			r := c.reported[id]
			if r == nil {
				r = &reported{first: slices.Clone(key)}
				c.reported[id] = r
			}
			r.bytes += int64(len(key) + len(value))
			if err := readBlock(kind, value); err != nil {
				r.bad = true
				c.bad(key, "report block of import %s: %v", id, err)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readBlock reads all entries of a report block.
func readBlock(kind string, value []byte) error {
	b, err := openBlock(value)
	for err == nil && b.more() {
		if kind == kindErrors {
			_, err = b.failed()
		} else {
			_, err = b.result(false)
		}
	}
	return err
}

// pendings reads which jobs are marked as not ended.
func (c *jobCheck) pendings(ctx context.Context) error {
	return c.records.Records(ctx, PendingPrefix().String(c.tenant), nil, func(key tuple.Key, _ []byte) (bool, error) {
		_, id, err := CutPending(key)
		if err != nil {
			c.bad(key, "not the key of a pending job")
			return true, nil
		}
		c.pending = append(c.pending, id)
		return true, nil
	})
}

func (c *jobCheck) all(ctx context.Context) error {
	err := c.records.Records(ctx, tuple.New(c.tenant, kindJob), nil, func(key tuple.Key, value []byte) (bool, error) {
		j, err := decodeJob(value)
		if err != nil {
			c.bad(key, "%v", err)
			return true, nil
		}
		if want, err := jobKey(c.tenant, j.JobID); err != nil || string(want) != string(key) || j.Tenant != c.tenant {
			c.bad(key, "import %q of tenant %q stands at another's key", j.JobID, j.Tenant)
			return true, nil
		}
		c.jobs[j.JobID] = j
		c.job(key, j)
		return true, c.upload(ctx, key, j)
	})
	if err != nil {
		return err
	}
	for _, id := range c.pending {
		if j := c.jobs[id]; j == nil || j.Status.Ended() {
			c.bad(pendingKey(c.tenant, id), "import %s is marked as pending, but there is no such pending import", id)
		}
	}
	for id, r := range c.reported {
		if c.jobs[id] == nil {
			c.bad(r.first, "report of an import that is not stored: %s", id)
		}
	}
	return nil
}

// job checks one import by itself, and its report.
func (c *jobCheck) job(key tuple.Key, j *Job) {
	if !slices.Contains([]State{Queued, Processing, Completed, Failed, Canceled}, j.Status) {
		c.bad(key, "import %s has the state %q", j.JobID, j.Status)
	}
	// Only an import that was undone as a whole has records without an outcome.
	sum := j.CreatedCount + j.UpdatedCount + j.SkippedCount + j.FailedCount
	if sum != j.RecordCount && !(j.Status == Failed && sum < j.RecordCount) {
		c.bad(key, "import %s counts %d records and %d outcomes", j.JobID, j.RecordCount, sum)
	}
	if !j.Status.Ended() {
		if !slices.Contains(c.pending, j.JobID) {
			c.bad(key, "import %s is %s, but not marked as pending", j.JobID, j.Status)
		}
		return // its report may be about to be dropped
	}
	r := c.reported[j.JobID]
	if r == nil {
		r = &reported{}
	}
	ms, _ := jobTime(j.JobID) // it has one, or it would not stand at its key
	old := time.Since(time.UnixMilli(int64(ms))) > DefaultConfig().Retention
	if r.bytes != j.ReportBytes && !r.bad && !old {
		c.bad(key, "import %s has a report of %d bytes; %d are stored", j.JobID, j.ReportBytes, r.bytes)
	}
}

// upload checks what an import that has not ended is still to read.
func (c *jobCheck) upload(ctx context.Context, key tuple.Key, j *Job) error {
	if j.Status.Ended() {
		return nil
	}
	upload, err := c.spool.Open(j.JobID)
	if err == nil {
		defer upload.Close() // only read
		err = lengthOf(upload, j)
	}
	if err == nil {
		err = readThrough(ctx, upload, 0)
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	what := fault.Message(err)
	if what == "" {
		what = err.Error()
	}
	c.bad(key, "import %s is %s and needs its upload: %s", j.JobID, j.Status, what)
	return nil
}

// HasJob reports whether an import is stored.
func HasJob(ctx context.Context, records Records, tenant, id string) (bool, error) {
	key, err := jobKey(tenant, id)
	if err != nil {
		return false, nil
	}
	_, err = records.Record(ctx, key)
	if fault.CodeOf(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}
