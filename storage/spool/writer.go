package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Writer appends to a spool. It ends with Commit or Abort; after either the other
// does nothing, so that Abort may be deferred.
type Writer struct {
	spool  *Spool
	id     string
	growth *growth
	file   sink
	buf    []byte // blocks for the file, the last of them begun; nil: none yet
	begun  int    // bytes of that one
	block  int64  // its number
	err    error  // of the first call that failed; all later ones fail too
	ended  bool
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
	w.file = sink{spool: s, growth: w.growth}
	w.file.f, err = os.OpenFile(s.path(id, suffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		s.end(id)
		return nil, fmt.Errorf("create spool: %w", translate(err))
	}
	return w, nil
}

// Write implements io.Writer. Blocks are gathered and go to the file by the piece.
func (w *Writer) Write(p []byte) (int, error) {
	if w.ended {
		return 0, fs.ErrClosed
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.buf == nil {
		w.buf = getPiece()
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
		if len(w.buf) >= pieceBytes {
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

// flush writes a piece; the rest begins the next.
func (w *Writer) flush() error {
	if w.err = w.file.write(w.buf[:pieceBytes]); w.err != nil {
		return w.err
	}
	w.buf = w.buf[:copy(w.buf, w.buf[pieceBytes:])]
	return nil
}

// Commit makes the spool durable and ends the Writer; if it fails the spool is
// removed.
func (w *Writer) Commit() error {
	if w.ended {
		return fs.ErrClosed
	}
	err := w.err
	if err == nil {
		if w.begun > 0 {
			w.seal()
		}
		err = w.file.write(w.buf)
	}
	if err == nil {
		held, _ := uploadBytes(w.file.size)
		w.growth.reach(held)
		err = w.file.sync()
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
		putPiece(w.buf)
		w.buf = nil
	}
	w.spool.end(w.id)
	w.growth.end(reason)
	if err := w.file.f.Close(); err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	return nil
}

// Size returns the bytes of the upload that were handed to the file so far.
func (w *Writer) Size() int64 { return w.growth.bytes() }
