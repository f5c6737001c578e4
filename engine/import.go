package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sluice/engine/fault"
)

const (
	// syncRows is the most rows that are imported before the answer.
	syncRows = 500

	// syncBytes bounds the rows held for that; more would not fit one commit.
	syncBytes = 16 << 20
	// readingBytes is what an import costs beside its rows.
	readingBytes = 128 << 10
)

// Request is one import, its upload received to the end.
type Request struct {
	Tenant  string
	KeyID   string // the API key that asks
	Upload  *Upload
	Options Options

	// Seal, where set, makes the records that must commit in the same
	// transaction as the rows (data's status is completed) or as the queued job
	// (queued), such as the answer under an idempotency key. It may run more
	// than once. A dry run, or an import that fails, does not call it.
	Seal func(data *Data) ([]Change, error)
}

// seal makes the records that commit with the import, if there are any.
func (r *Request) seal(data *Data) ([]Change, error) {
	if r.Seal == nil || r.Options.DryRun {
		return nil, nil
	}
	changes, err := r.Seal(data)
	if err != nil {
		return nil, fmt.Errorf("seal answer: %w", err)
	}
	return changes, nil
}

// Import finishes a small import, or queues a large one once it is durable; the
// data's status says which. Errors: validation_error, where the header, an
// option or the plugin's name is wrong; import_failed, where the import failed
// as a whole, with its data in Details; overloaded.
func (e *Engine) Import(ctx context.Context, r Request) (*Data, error) {
	defer r.Upload.Abort()
	job, err := e.newJob(ctx, r)
	if err != nil {
		return nil, err
	}
	upload, size, err := r.Upload.content(ctx)
	if err != nil {
		return nil, err
	}
	job.Bytes = size
	data, err := e.importSmall(ctx, r, job, upload, size)
	if err != nil || data != nil {
		return data, err
	}
	return e.enqueue(ctx, r, job)
}

// importSmall imports an upload at once; without data or an error it is too large
// for that. Its rows are not held any more then: it may wait for the disk.
func (e *Engine) importSmall(ctx context.Context, r Request, job *Job, upload io.ReaderAt, size int64) (*Data, error) {
	weight := min(size+readingBytes, syncBytes, e.cfg.ImportMemory)
	if err := e.reading.Acquire(ctx, weight); err != nil {
		return nil, fmt.Errorf("wait for other imports: %w", err)
	}
	defer e.reading.Release(weight)
	src, works, small, err := e.look(ctx, upload, size, job)
	defer e.works.put(works...)
	if err != nil || !small {
		return nil, err
	}
	data, err := e.importNow(ctx, r, job, src, works)
	if errors.Is(err, ErrFull) {
		job.restart()
		return nil, nil
	}
	return data, err
}

func (e *Engine) newJob(ctx context.Context, r Request) (*Job, error) {
	now := e.cfg.Now()
	job := &Job{Tenant: r.Tenant, KeyID: r.KeyID, Format: r.Upload.format, Options: r.Options,
		Seed: newSeed(), Clock: now.UnixNano()}
	job.Data = Data{JobID: r.Upload.id, Status: Processing, DryRun: r.Options.DryRun, Errors: []RowError{},
		ErrorsURL: jobURL(r.Upload.id) + "/errors", IgnoredColumns: []string{}, Timings: Timings{CreatedAt: now}}
	if r.Options.Results {
		job.ResultsURL = jobURL(r.Upload.id) + "/results"
	}
	if job.Format == CSV {
		job.Dialect = &Dialect{Encoding: r.Upload.Encoding}
	}
	ref := r.Options.Plugin
	switch {
	case ref.None:
	case e.plugins != nil:
		var err error
		if job.Plugin, err = e.plugins.Pin(ctx, r.Tenant, ref); err != nil {
			return nil, err
		}
	case ref.Name != "":
		return nil, fault.New(fault.Validation, "plugin: there is no plugin %q; this server runs without plugins", ref.Name).With("option", "plugin")
	}
	return job, nil
}

func jobURL(id string) string { return "/v1/import/jobs/" + id }

// lookFree is the size up to which an upload is looked at without a turn.
const lookFree = 64 << 10

// look opens an upload and reads its first rows: a millisecond of a processor where
// there are many. At most half of the processors do so, the others wait in turn, so
// that whoever asks for little meanwhile does not wait behind all of them.
func (e *Engine) look(ctx context.Context, upload io.ReaderAt, size int64, job *Job) (src *source, works []*work, small bool, err error) {
	if size > lookFree {
		if err := e.looking.Acquire(ctx, 1); err != nil {
			return nil, nil, false, fmt.Errorf("wait for other uploads: %w", err)
		}
		defer e.looking.Release(1)
	}
	if src, err = openSource(upload, size, job, e.plans); err != nil {
		return nil, nil, false, err
	}
	job.First = job.Next
	job.ignore(src.ignored())
	works, small, err = e.readSmall(src)
	return src, works, small, err
}

// readSmall reads rows as long as they may be imported at once; small is false
// as soon as they can't. The works are the pool's again once the caller is done.
func (e *Engine) readSmall(src *source) (works []*work, small bool, err error) {
	rows, bytes := 0, 0
	for {
		w := e.works.get(workSize{})
		err := src.next(w, syncRows+1-rows, batchBytes)
		if errors.Is(err, io.EOF) {
			e.works.put(w)
			return works, true, nil
		}
		works = append(works, w)
		if err != nil {
			return works, false, err
		}
		rows += len(w.in.Rows)
		bytes += len(w.in.Arena)
		if rows > syncRows || bytes > syncBytes {
			return works, false, nil
		}
	}
}

// importNow imports works in one commit; ErrFull says that they need more.
func (e *Engine) importNow(ctx context.Context, r Request, job *Job, src *source, works []*work) (*Data, error) {
	job.Timings.StartedAt = &job.Timings.CreatedAt
	spans, err := e.prepareNow(ctx, src, works)
	if err != nil {
		if fault.CodeOf(err) == fault.ImportFailed {
			job.refuse(fault.ImportFailed, failureOf(err).Message)
			return nil, e.refused(ctx, &ledger{job: *job})
		}
		return nil, err
	}
	base := newLedger(*job, e.cfg.MaxReportBytes)
	if job.Options.Results {
		base.inline, base.job.Results = true, []RowResult{}
	}
	if job.Options.DryRun {
		return e.tryNow(ctx, base, spans)
	}
	var made *ledger
	err = e.store.Update(ctx, job.Tenant, func(tx Tx) error {
		made = base.attempt()
		tx.Job(job.JobID)
		for _, s := range spans {
			if err := s.apply(txApplier{tx}, made); err != nil {
				return err
			}
		}
		if made.job.overLimit() {
			return errRefused
		}
		changes := e.complete(made)
		sealed, err := r.seal(&made.job.Data)
		if err != nil {
			return err
		}
		for _, c := range append(changes, sealed...) {
			tx.Put(c)
		}
		return putJob(tx, &made.job)
	})
	switch {
	case errors.Is(err, errRefused):
		made = base.undone(spans)
		made.job.refuse(limitFault(&made.job))
		return nil, e.refused(ctx, made)
	case err != nil:
		return nil, err
	}
	return &made.job.Data, nil
}

// errRefused undoes an import in which more rows failed than allowed.
var errRefused = errors.New("engine: more rows failed than allowed")

func limitFault(j *Job) (fault.Code, string) {
	failed, them := fmt.Sprintf("%d rows", j.FailedCount), "them"
	if j.FailedCount == 1 {
		failed, them = "1 row", "it"
	}
	return fault.ImportFailed, fmt.Sprintf("%s failed and at most %d are allowed, so nothing was imported; correct %s, or raise max_errors",
		failed, j.Options.MaxErrors, them)
}

// prepareNow runs works through the pure stages, one after the other.
func (e *Engine) prepareNow(ctx context.Context, src *source, works []*work) ([]span, error) {
	st, err := e.openStages(ctx, src)
	if err != nil {
		return nil, err
	}
	defer st.close()
	var v validator
	spans, made := make([]span, len(works)), 0
	for i, w := range works {
		st.prepare(ctx, w, &v)
		if w.err != nil {
			return nil, w.err
		}
		if made += w.made(); made > heldBytes {
			return nil, ErrFull // a plugin made too much of it
		}
		spans[i] = whole(w)
	}
	return spans, nil
}

// tryNow answers a small dry run.
func (e *Engine) tryNow(ctx context.Context, base *ledger, spans []span) (*Data, error) {
	trial, err := e.store.DryRun(ctx, base.job.Tenant)
	if err != nil {
		return nil, fmt.Errorf("begin trial: %w", err)
	}
	base.unmade = trial.Made
	p := &pass{e: e, l: base, trial: trial}
	defer p.close(ctx)
	made := base.attempt()
	for _, s := range spans {
		if err := s.apply(trialApplier{trial}, made); err != nil {
			return nil, err
		}
	}
	if made.job.overLimit() {
		made = base.undone(spans)
		made.job.refuse(limitFault(&made.job))
		return nil, e.refused(ctx, made)
	}
	if err := e.keep(ctx, made, e.complete(made)); err != nil {
		return nil, err
	}
	return &made.job.Data, nil
}

// complete ends the job of a small import; its report is returned.
func (e *Engine) complete(l *ledger) []Change {
	l.job.Status, l.job.Read = Completed, l.job.Bytes
	l.job.end(e.cfg.Now())
	return l.seal()
}

// refused keeps the record and the report of a small import that failed as a
// whole, and returns the error that says so.
func (e *Engine) refused(ctx context.Context, l *ledger) error {
	l.job.Read = l.job.Bytes
	l.job.end(e.cfg.Now())
	if err := e.keep(ctx, l, l.seal()); err != nil {
		return err
	}
	failure := l.job.Failure
	l.job.Failure = nil // the answer has it already
	details, err := asMap(&l.job.Data)
	if err != nil {
		return err
	}
	return &fault.Error{Code: failure.Code, Message: failure.Message, Details: details}
}

// keep writes a job that changes no companies, with its report.
func (e *Engine) keep(ctx context.Context, l *ledger, changes []Change) error {
	c, err := jobChange(&l.job)
	if err != nil {
		return err
	}
	return e.store.Write(ctx, append(changes, c))
}

func asMap(data *Data) (m map[string]any, err error) {
	raw, err := json.Marshal(data)
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		return nil, fmt.Errorf("encode data: %w", err)
	}
	return m, nil
}

// enqueue makes a job of the import: when it returns, the upload, the job and
// the sealed records are durable.
func (e *Engine) enqueue(ctx context.Context, r Request, job *Job) (*Data, error) {
	job.Status, job.Timings.StartedAt = Queued, nil
	if e.queue.of(r.Tenant) >= e.cfg.QueuedJobs {
		return nil, fault.New(fault.RateLimited, "%d imports are queued, and no more than that may be; send this one again when some have ended", e.cfg.QueuedJobs)
	}
	if err := r.Upload.persist(ctx); err != nil {
		return nil, err
	}
	c, err := jobChange(job)
	if err != nil {
		return nil, err
	}
	changes := []Change{c, {Key: pendingKey(job.Tenant, job.JobID), Value: pendingValue(e.accepted.Add(1))}}
	sealed, err := r.seal(&job.Data)
	if err != nil {
		return nil, err
	}
	if err := e.store.Write(ctx, append(changes, sealed...)); err != nil {
		if !errors.Is(err, ctx.Err()) && fault.CodeOf(err) != fault.Overloaded {
			r.Upload.keep() // the next start may find the job, or else sweeps it
		}
		return nil, err
	}
	r.Upload.keep()
	e.queue.add(newEntry(job.Tenant, job.JobID))
	return &job.Data, nil
}
