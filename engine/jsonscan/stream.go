package jsonscan

import (
	"fmt"
	"io"
	"sync"

	"sluice/engine/fault"
)

const (
	streamBuffer = 64 << 10
	flushBytes   = 64 << 10

	// maxIdleReads is how many reads may bring nothing before we give up.
	maxIdleReads = 100
)

// stream scans JSON while it arrives. It holds one buffer of input and one of
// output: with capture on, every token that is passed is copied to out, white
// space between tokens is not, and out goes to w as it fills. Without a w, out
// may grow to limit.
type stream struct {
	r    io.Reader
	rerr error // r has ended, or failed
	buf  []byte
	pos  int
	end  int
	base int64 // offset of buf[0] in the input

	capture bool
	mark    int // buf[mark:pos] is passed and not yet in out
	out     []byte
	w       io.Writer
	limit   int
	what    string // what out holds, for messages

	name  []byte // of the member being read
	names []string
}

// streams keeps the buffers of streams at rest.
var streams = sync.Pool{New: func() any {
	return &stream{buf: make([]byte, streamBuffer), out: make([]byte, 0, streamBuffer+flushBytes)}
}}

func getStream(r io.Reader) *stream {
	s := streams.Get().(*stream)
	s.r = r
	return s
}

func putStream(s *stream) {
	clear(s.names)
	buf, out := s.buf, s.out[:0]
	if cap(out) > streamBuffer+flushBytes { // grown by a large option
		out = make([]byte, 0, streamBuffer+flushBytes)
	}
	*s = stream{buf: buf, out: out, name: s.name[:0], names: s.names[:0]}
	streams.Put(s)
}

// more reads on when all of buf is passed. It returns io.EOF at the end.
func (s *stream) more() error {
	if err := s.sync(); err != nil {
		return err
	}
	s.base += int64(s.end)
	s.pos, s.end, s.mark = 0, 0, 0
	for range maxIdleReads {
		if s.rerr != nil {
			if s.rerr == io.EOF {
				return io.EOF
			}
			return fmt.Errorf("read body: %w", s.rerr)
		}
		if s.end, s.rerr = s.r.Read(s.buf); s.end > 0 {
			return nil
		}
	}
	return fmt.Errorf("read body: %w", io.ErrNoProgress)
}

// sync moves what is passed to out; whoever calls it sets mark anew.
func (s *stream) sync() error {
	if !s.capture {
		return nil
	}
	return s.put(s.buf[s.mark:s.pos])
}

// put appends to out, and writes it when it is full.
func (s *stream) put(p []byte) error {
	if s.w == nil && len(s.out)+len(p) > s.limit {
		return fault.New(fault.Validation, "%s is longer than %d bytes", s.what, s.limit)
	}
	s.out = append(s.out, p...)
	if s.w != nil && len(s.out) >= flushBytes {
		return s.flush()
	}
	return nil
}

func (s *stream) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	n, err := s.w.Write(s.out)
	if err == nil && n < len(s.out) {
		err = io.ErrShortWrite
	}
	s.out = s.out[:0]
	if err != nil {
		return fmt.Errorf("write %s: %w", s.what, err)
	}
	return nil
}

// fail reports a flaw at pos. At the end of the input err may be what more said:
// a failed read is no flaw of the sender's.
func (s *stream) fail(f flaw, err error) error {
	at := s.base + int64(s.pos)
	switch {
	case err == io.EOF:
		return fault.New(fault.Validation, "invalid JSON at offset %d: %s, found the end of the body", at, flawTexts[f])
	case err != nil:
		return err
	case f >= tooDeep:
		return fault.New(fault.Validation, "%s, at offset %d", flawTexts[f], at)
	}
	return fault.New(fault.Validation, "invalid JSON at offset %d: %s, found %s", at, flawTexts[f], quoteByte(s.buf[s.pos]))
}

// token skips white space and returns the byte at pos; f says what must stand
// there, should the input end.
func (s *stream) token(f flaw) (byte, error) {
	if s.pos < s.end && s.buf[s.pos] > ' ' {
		return s.buf[s.pos], nil
	}
	return s.tokenSlow(f)
}

func (s *stream) tokenSlow(f flaw) (byte, error) {
	for {
		if s.pos < s.end {
			c := s.buf[s.pos]
			if !isSpace(c) {
				return c, nil
			}
			if err := s.sync(); err != nil {
				return 0, err
			}
			s.pos = skipSpace(s.buf[:s.end], s.pos)
			s.mark = s.pos
		} else if err := s.more(); err != nil {
			return 0, s.fail(f, err)
		}
	}
}

// peek returns the byte at pos.
func (s *stream) peek(f flaw) (byte, error) {
	if s.pos == s.end {
		if err := s.more(); err != nil {
			return 0, s.fail(f, err)
		}
	}
	return s.buf[s.pos], nil
}
