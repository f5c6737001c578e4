package intake

import (
	"io"
	"sync"
)

const (
	// copyBytes is read at once of a body that may be small.
	copyBytes = 64 << 10

	// aheadAfter is how much of a body is copied before it may be read ahead.
	aheadAfter = 1 << 20

	// aheadBytes is read at once then: from a socket, with half the work of reads of
	// 64 KB. Three such buffers are in use: one is filled, one waits, one is written.
	aheadBytes = 512 << 10
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
			defer r.in.Ahead.Release(1)
			return copyAhead(w, src)
		}
	}
}

// copyAhead copies src to its end, and reads on while w writes.
func copyAhead(w io.Writer, src io.Reader) (err error) {
	pieces, written := make(chan *[]byte, 1), make(chan error, 1)
	go func() { written <- writeAll(w, pieces) }()
	defer func() {
		close(pieces)
		if failed := <-written; failed != nil {
			err = failed
		}
	}()
	for {
		p := aheads.Get().(*[]byte)
		n, err := fill((*p)[:aheadBytes], src)
		*p = (*p)[:n]
		select {
		case pieces <- p:
		case failed := <-written:
			written <- failed
			return failed
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
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
