package intake

import (
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// copyBytes is read at once of a body that may be small.
	copyBytes = 64 << 10

	// aheadAfter is how much of a body is copied before it may be read ahead.
	aheadAfter = 1 << 20

	// aheadBytes is read at once then: from a socket, with half the work of reads of
	// 64 KB. Three such buffers are in use: one is filled, one waits, one is written.
	aheadBytes = 512 << 10

	// aheadTime is what a piece may take: at 5 MB/s the disk is not what one waits for.
	aheadTime = 100 * time.Millisecond
)

// copyAll copies src to its end. io.Copy would let either side choose its own
// buffer; blocks of this size are what a spool writes best.
func (r *reader) copyAll(w io.Writer, src io.Reader) error {
	buf := getBuffer()
	defer putBuffer(buf)
	for copied := 0; ; {
		n, err := fill(*buf, src)
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if copied += n; copied >= aheadAfter && r.in.Ahead != nil && r.in.Ahead.TryAcquire(1) {
			if slow, err := r.copyAhead(w, src); err != nil || !slow {
				return err
			}
			copied = 0
		}
	}
}

// copyAhead copies src and reads on while w writes. It returns at the end of src, or
// gives its turn back where src is slow: nothing is gained there, and few have turns.
func (r *reader) copyAhead(w io.Writer, src io.Reader) (slow bool, err error) {
	defer r.in.Ahead.Release(1)
	pieces, written := make(chan *[]byte, 1), make(chan error, 1)
	var bug any
	go func() {
		var err error
		defer func() {
			bug = recover() // the request's goroutine knows what to do with a panic
			written <- err
		}()
		err = writeAll(w, pieces)
	}()
	defer func() {
		close(pieces)
		failed := <-written
		if bug != nil {
			panic(bug)
		}
		if failed != nil {
			err = failed
		}
	}()
	for {
		p := aheads.Get().(*[]byte)
		n, err := fill((*p)[:aheadBytes], &hasty{src, time.Now()})
		*p = (*p)[:n]
		select {
		case pieces <- p:
		case failed := <-written:
			written <- failed
			return false, failed
		}
		switch err {
		case nil:
		case io.EOF:
			return false, nil
		case errSlow:
			return true, nil
		default:
			return false, err
		}
	}
}

// hasty reads until a piece has taken too long.
type hasty struct {
	src   io.Reader
	began time.Time
}

var errSlow = errors.New("intake: the body comes slowly")

func (h *hasty) Read(p []byte) (int, error) {
	n, err := h.src.Read(p)
	if err == nil && time.Since(h.began) > aheadTime {
		err = errSlow
	}
	return n, err
}

// writeAll writes pieces until there are no more, or one can't be written.
func writeAll(w io.Writer, pieces <-chan *[]byte) error {
	for p := range pieces {
		_, err := w.Write(*p)
		aheads.Put(p)
		if err != nil {
			return err
		}
	}
	return nil
}

// fill reads until p is full or src gives an error.
func fill(p []byte, src io.Reader) (n int, err error) {
	for n < len(p) && err == nil {
		var got int
		got, err = src.Read(p[n:])
		n += got
	}
	return n, err
}

var (
	buffers = sync.Pool{New: func() any { b := make([]byte, copyBytes); return &b }}
	aheads  = sync.Pool{New: func() any { b := make([]byte, aheadBytes); return &b }} // of copyAhead
)

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) { buffers.Put(b) }
