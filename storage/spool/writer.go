package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"sluice/engine/fault"
)

const syncBytes = 8 << 20 // synced at once, in the background

// Writer appends to a spool. It ends with Commit or Abort; after either the other
// does nothing, so that Abort may be deferred.
type Writer struct {
	spool  *Spool
	id     string
	file   *os.File
	growth *growth
	buf    []byte // blocks for the file, the last of them begun
	begun  int    // bytes of that one
	block  int64  // its number
	err    error  // of the first call that failed; all later ones fail too
	ended  bool

	unsynced int64         // bytes since the last request to sync
	sync     chan struct{} // requests, at most one waiting; nil before the first
	synced   chan error    // the background's result, once sync is closed
}

// Create begins the spool of a new id.
func (s *Spool) Create(id string) (*Writer, error) {
	err := checkID(id)
	if err != nil {
		return nil, err
	}
	if err := s.room(groupBytes); err != nil {
		return nil, err
	}
	w := &Writer{spool: s, id: id, growth: newGrowth()}
	if !s.begin(id, w.growth) {
		return nil, fmt.Errorf("create spool: %w", fs.ErrExist)
	}
	w.file, err = os.OpenFile(s.path(id, suffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		s.end(id)
		return nil, fmt.Errorf("create spool: %w", translate(err))
	}
	return w, nil
}

// Write implements io.Writer. Blocks are gathered and go to the file by the group.
func (w *Writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, fs.ErrClosed
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.buf == nil {
		w.buf = groups.Get().(*[groupBytes]byte)[:0]
	}
	total := len(p)
	for len(p) > 0 {
		n := min(len(p), dataBytes-w.begun)
		w.buf = append(w.buf, p[:n]...)
		w.begun += n
		p = p[n:]
		if w.begun < dataBytes {
			break
		}
		w.seal()
		if len(w.buf) == groupBytes {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

// seal ends the block that is begun.
func (w *Writer) seal() {
	w.buf = appendSum(w.buf, w.id, w.block, w.buf[len(w.buf)-w.begun:])
	w.begun = 0
	w.block++
}

// flush hands the blocks to the file, where a Reader sees them.
func (w *Writer) flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	if w.err = w.spool.room(len(w.buf)); w.err != nil {
		return w.err
	}
	n, err := w.spool.opts.Calls.Write(w.file, w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	w.spool.size.Add(int64(max(n, 0)))
	if err != nil {
		w.err = fmt.Errorf("write spool: %w", translate(err))
		return w.err
	}
	held, _ := uploadBytes(int64(n))
	w.growth.grow(held)
	w.buf = w.buf[:0]
	if w.unsynced += int64(n); w.unsynced >= syncBytes {
		w.unsynced = 0
		w.background()
	}
	return nil
}

// background asks for an fdatasync, whose failure the next call or Commit sees.
func (w *Writer) background() {
	if w.sync == nil {
		w.sync, w.synced = make(chan struct{}, 1), make(chan error, 1)
		go func(requests <-chan struct{}, result chan<- error) {
			var err error
			for range requests {
				// A kernel reports a lost page once: after a failure no sync counts.
				if err == nil {
					err = w.spool.opts.Calls.Sync(w.file)
				}
			}
			result <- err
		}(w.sync, w.synced)
	}
	select {
	case w.sync <- struct{}{}:
	default: // one is waiting, which will cover this too
	}
}

// stopSync waits for the background and returns what went wrong there.
func (w *Writer) stopSync() error {
	if w.sync == nil {
		return nil
	}
	close(w.sync)
	return <-w.synced
}

// Commit makes the spool durable and ends the Writer; if it fails the spool is
// removed.
func (w *Writer) Commit() error {
	if w.ended {
		return fs.ErrClosed
	}
	if w.begun > 0 {
		w.seal()
	}
	err := w.flush()
	if failed := w.stopSync(); err == nil && failed != nil {
		err = fmt.Errorf("sync spool: %w", translate(failed))
	}
	w.sync = nil
	if err == nil {
		if err = w.spool.opts.Calls.Sync(w.file); err != nil {
			err = fmt.Errorf("sync spool: %w", translate(err))
		}
	}
	if err == nil {
		if err = w.spool.opts.Calls.SyncDir(w.spool.dir); err != nil {
			err = fmt.Errorf("sync spool folder: %w", translate(err))
		}
	}
	if err != nil {
		w.err = err
		return errors.Join(err, w.Abort())
	}
	return w.end(nil)
}

// Abort removes the spool and ends the Writer.
func (w *Writer) Abort() error {
	if w.ended {
		return nil
	}
	_ = w.stopSync() // nothing of it is kept
	reason := w.err
	if reason == nil {
		reason = ErrAborted
	}
	return errors.Join(w.end(reason), w.spool.Remove(w.id))
}

// end closes the file and tells readers that nothing more comes, and why.
func (w *Writer) end(reason error) error {
	w.ended = true
	if w.buf != nil {
		groups.Put((*[groupBytes]byte)(w.buf[:groupBytes]))
		w.buf = nil
	}
	w.spool.end(w.id)
	w.growth.end(reason)
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	return nil
}

// Size returns the bytes of the upload that were handed to the file so far.
func (w *Writer) Size() int64 { return w.growth.bytes() }

// translate tells a full disk from other failures.
func translate(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Wrap(fault.Overloaded, err, "The disk is full; the upload was not kept. Try again later.")
	}
	return err
}
