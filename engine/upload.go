package engine

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/semaphore"
)

// Upload receives one upload as UTF-8 CSV or NDJSON. A small one stays in
// memory, a larger one goes to the spool as it comes. Write it from one
// goroutine, then give it to Import, which takes it over; or Abort it.
type Upload struct {
	Encoding string // CSV: what it was sent in, as echoed; set before Import

	id     string // of the job that it becomes
	format Format
	spool  Spool
	limit  int     // bytes kept in memory
	all    *budget // of those of all uploads
	saving *semaphore.Weighted
	mem    memory
	size   int64
	w      SpoolWriter // nil: in memory
	r      SpoolReader
	synced bool // the spool has it durably
	kept   bool // it is a job's
}

// NewUpload begins an upload.
func (e *Engine) NewUpload(f Format) *Upload {
	return &Upload{id: e.ids.next(e.cfg.Now()), format: f, spool: e.spool, limit: e.cfg.UploadMemory, all: &e.uploads, saving: e.saving}
}

// Write takes the next bytes. An error of code overloaded says that the disk is full.
func (u *Upload) Write(p []byte) (int, error) {
	if u.w == nil && (u.mem.size()+len(p) > u.limit || !u.all.take(len(p))) {
		if err := u.spill(); err != nil {
			return 0, err
		}
	}
	u.size += int64(len(p))
	if u.w != nil {
		return u.w.Write(p)
	}
	u.mem.add(p)
	return len(p), nil
}

// spill moves the upload to the spool.
func (u *Upload) spill() error {
	w, err := u.spool.Create(u.id)
	if err != nil {
		return fmt.Errorf("create spool: %w", err)
	}
	u.w = w
	if _, err := u.mem.WriteTo(w); err != nil {
		return fmt.Errorf("write spool: %w", err)
	}
	u.forget()
	return nil
}

// forget gives back the memory.
func (u *Upload) forget() {
	u.all.give(u.mem.size())
	u.mem.free()
}

// content gives the whole upload.
func (u *Upload) content(ctx context.Context) (io.ReaderAt, int64, error) {
	if u.w == nil {
		return u.mem, u.size, nil
	}
	if err := u.persist(ctx); err != nil {
		return nil, 0, err
	}
	if u.r == nil {
		r, err := u.spool.Open(u.id)
		if err != nil {
			return nil, 0, fmt.Errorf("open spool: %w", err)
		}
		u.r = r
	}
	return u.r, u.size, nil
}

// savingAtOnce is few: while a goroutine syncs, its processor does nothing else,
// since Go takes it back later than most syncs end. With 4 a crowd is received a
// sixth sooner, and others wait longer.
const savingAtOnce = 2

// persist makes the upload durable: what a job needs before it may be promised
// (invariant 2). It takes turns: where two hundred come at once, whoever asks for
// little would wait behind all of them, for a processor and for the disk.
func (u *Upload) persist(ctx context.Context) error {
	if u.synced {
		return nil
	}
	if err := u.saving.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for other uploads: %w", err)
	}
	defer u.saving.Release(1)
	if u.w == nil {
		if err := u.spill(); err != nil {
			return err
		}
	}
	if err := u.w.Commit(); err != nil {
		return fmt.Errorf("sync spool: %w", err)
	}
	u.synced = true
	return nil
}

// keep leaves the spool to the job.
func (u *Upload) keep() { u.kept = true }

// Abort drops the upload, unless a job has it. It may be called more than once.
func (u *Upload) Abort() {
	u.forget()
	if u.r != nil {
		_ = u.r.Close() // only read
		u.r = nil
	}
	if u.w == nil || u.kept {
		return
	}
	// What can't be removed now is swept at the next start.
	_ = u.w.Abort()
	_ = u.spool.Remove(u.id)
	u.w = nil
}
