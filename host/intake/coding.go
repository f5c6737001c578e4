package intake

import (
	"bufio"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/engine/fault"
)

// decode undoes the content coding of r. release gives back what it took; the
// reader is dead after it.
func decode(coding string, r io.Reader) (plain io.Reader, release func(), err error) {
	switch coding {
	case gzipped:
		z := getGzip(r)
		return z, func() { putGzip(z) }, nil
	case zstded:
		z, err := getZstd(r)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { putZstd(z) }, nil
	}
	return r, func() {}, nil
}

// gunzip reads gzip members to the end of the body. It looks for each next
// member itself: the library takes a member that is cut off within its file
// name for the end of the stream.
type gunzip struct {
	in     *bufio.Reader
	member gzip.Reader
	inside bool
	any    bool
	err    error
}

func (z *gunzip) Read(p []byte) (int, error) {
	for z.err == nil {
		if !z.inside {
			z.next()
			continue
		}
		n, err := z.member.Read(p)
		if err == io.EOF {
			z.inside, err = false, nil
		}
		if err != nil {
			z.err = badCoding(gzipped, err)
		}
		if n > 0 || err != nil {
			return n, z.err
		}
	}
	return 0, z.err
}

// next begins a member, or sees that the body ends here.
func (z *gunzip) next() {
	if _, err := z.in.Peek(1); err == io.EOF && z.any {
		z.err = io.EOF
		return
	} else if err != nil {
		z.err = badCoding(gzipped, err)
		return
	}
	if err := z.member.Reset(z.in); err != nil {
		z.err = badCoding(gzipped, err)
		return
	}
	z.member.Multistream(false)
	z.inside, z.any = true, true
}

// unzstd reads zstd frames to the end of the body.
type unzstd struct {
	in   *bufio.Reader
	dec  *zstd.Decoder
	some bool
}

func (z *unzstd) Read(p []byte) (int, error) {
	if !z.some {
		if _, err := z.in.Peek(1); err != nil {
			return 0, badCoding(zstded, err)
		}
		z.some = true
	}
	n, err := z.dec.Read(p)
	if err != nil && err != io.EOF {
		err = badCoding(zstded, err)
	}
	return n, err
}

// badCoding says that the compressed body is damaged, unless the fault is one of
// the layer below.
func badCoding(coding string, err error) error {
	if f := asFault(err); f != nil {
		return f
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fault.Wrap(fault.Validation, err, "the %s body is damaged or cut short: %v", coding, err)
}

var (
	gzips = sync.Pool{New: func() any { return &gunzip{in: bufio.NewReaderSize(nil, 64<<10)} }}
	zstds sync.Pool
)

func getGzip(r io.Reader) *gunzip {
	z := gzips.Get().(*gunzip)
	z.in.Reset(r)
	z.inside, z.any, z.err = false, false, nil
	return z
}

func putGzip(z *gunzip) {
	z.in.Reset(nil)
	z.err = io.EOF
	gzips.Put(z)
}

func getZstd(r io.Reader) (*unzstd, error) {
	z, ok := zstds.Get().(*unzstd)
	if !ok {
		// One block at a time: a decoder without goroutines has none to leak.
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindowBytes))
		if err != nil {
			return nil, fmt.Errorf("make zstd decoder: %w", err)
		}
		z = &unzstd{in: bufio.NewReaderSize(nil, 64<<10), dec: dec}
	}
	z.in.Reset(r)
	z.some = false
	if err := z.dec.Reset(z.in); err != nil {
		return nil, badCoding(zstded, err)
	}
	return z, nil
}

func putZstd(z *unzstd) {
	z.in.Reset(nil)
	if z.dec.Reset(nil) == nil {
		zstds.Put(z)
	}
}
