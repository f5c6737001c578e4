package jsonscan

import (
	"bytes"
	"io"
	"math"
)

const (
	minLineBuffer = 512
	maxLineBuffer = 256 << 10 // for lines of common length
	maxLineBytes  = MaxRowBytes + len("\r\n") + len(byteOrderMark)
	byteOrderMark = "\xef\xbb\xbf"
)

// line is one line of the source; text is valid until the next call.
type line struct {
	text     []byte // without its line end
	size     int    // with it
	breaks   int    // 1 if it has one
	tooLarge bool   // text is just its beginning
}

// lineReader finds lines in a source. The line that next returns stays the next
// one until it is taken or skipped.
type lineReader struct {
	src  io.ReaderAt
	size int64 // below 0 while unknown
	off  int64 // of the first unread byte, buf[lo]
	buf  []byte
	lo   int
	hi   int
}

func (l *lineReader) next() (line, error) {
	seen := 0
	for {
		if n := bytes.IndexByte(l.buf[l.lo+seen:l.hi], '\n'); n >= 0 {
			return l.cut(seen+n, 1), nil
		}
		seen = l.hi - l.lo
		if seen >= maxLineBytes {
			return l.cut(seen, 0), nil
		}
		if l.ended(seen) {
			if seen == 0 {
				return line{}, io.EOF
			}
			return l.cut(seen, 0), nil
		}
		if err := l.fill(); err != nil {
			return line{}, err
		}
	}
}

// cut makes a line of the next n bytes and its line end.
func (l *lineReader) cut(n, breaks int) line {
	text := l.buf[l.lo : l.lo+n]
	if breaks == 1 && n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	if l.off == 0 && len(text) >= len(byteOrderMark) && string(text[:len(byteOrderMark)]) == byteOrderMark {
		text = text[len(byteOrderMark):]
	}
	return line{text: text, size: n + breaks, breaks: breaks, tooLarge: len(text) > MaxRowBytes}
}

// take goes past a line.
func (l *lineReader) take(ln line) {
	l.lo += ln.size
	l.off += int64(ln.size)
}

// skip goes past the rest of a line of any length and returns the number of its
// line ends.
func (l *lineReader) skip() (breaks int, err error) {
	for {
		if n := bytes.IndexByte(l.buf[l.lo:l.hi], '\n'); n >= 0 {
			l.take(line{size: n + 1})
			return 1, nil
		}
		l.take(line{size: l.hi - l.lo})
		if l.ended(0) {
			return 0, nil
		}
		if err := l.fill(); err != nil {
			return 0, err
		}
	}
}

// ended reports whether nothing follows the next n bytes.
func (l *lineReader) ended(n int) bool { return l.size >= 0 && l.off+int64(n) >= l.size }

// fill reads more bytes behind those that are there, or finds out the size.
func (l *lineReader) fill() error {
	kept := l.hi - l.lo
	left := int64(math.MaxInt64)
	if l.size >= 0 {
		left = l.size - l.off - int64(kept)
	}
	if want := kept + 1; l.buf == nil || want > len(l.buf) {
		// Lines that don't fit the common buffer are rare; it grows by doubling.
		n := max(minLineBuffer, int(min(maxLineBuffer, left)))
		for n < want {
			n *= 2
		}
		grown := make([]byte, n)
		copy(grown, l.buf[l.lo:l.hi])
		l.buf = grown
	} else {
		copy(l.buf, l.buf[l.lo:l.hi])
	}
	l.lo, l.hi = 0, kept
	p := l.buf[kept:]
	p = p[:min(int64(len(p)), left)]
	n, err := l.src.ReadAt(p, l.off+int64(kept))
	l.hi += n
	if n > 0 {
		return nil
	}
	if err == io.EOF && l.size < 0 {
		l.size = l.off + int64(kept)
		return nil
	}
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF // size said that there are bytes
	}
	return err
}
