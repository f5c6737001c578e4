package csvscan

import (
	"bytes"
	"slices"
)

// A window shows so much of a file at a time: little at first, since most headers
// are short.
const (
	firstWindow = 4 << 10
	windowBytes = 256 << 10
)

// window is a view of the file that moves, for what is too long for a block or
// comes before there are batches.
type window struct {
	buf  []byte // file bytes from off on, and blockBytes zeros
	n    int
	off  int64
	last bool // the file ends with them
}

// view returns the file's bytes from off on, at least two blocks of them unless
// the file ends before, with blockBytes zeros behind them beyond their length.
// They are valid until the next call.
func (d *Decoder) view(off int64) (p []byte, last bool, err error) {
	w := &d.window
	if i := off - w.off; w.n > 0 && i >= 0 && i <= int64(w.n) && (w.last || int64(w.n)-i >= 2*blockBytes) {
		return w.buf[i:w.n], w.last, nil
	}
	want := min(max(4*w.n, firstWindow), windowBytes)
	w.buf = slices.Grow(w.buf[:0], want+blockBytes)[:want+blockBytes]
	w.n, w.off = 0, off
	w.n, w.last, err = d.readAt(w.buf[:want], off)
	if err != nil {
		return nil, false, err
	}
	w.buf = w.buf[:w.n+blockBytes]
	clear(w.buf[w.n:])
	return w.buf[:w.n], w.last, nil
}

// lineFrom finds the end of the line that goes through off, and the start of the
// next one.
func (d *Decoder) lineFrom(off int64) (end, next int64, err error) {
	for {
		p, last, err := d.view(off)
		if err != nil {
			return 0, 0, err
		}
		i := lineEnd(p)
		if i == len(p) && !last {
			off += int64(i)
			continue
		}
		end = off + int64(i)
		if i == len(p) {
			return end, end, nil
		}
		if p[i] == '\n' {
			return end, end + 1, nil
		}
		if p, _, err = d.view(end + 1); err != nil {
			return 0, 0, err
		}
		if len(p) > 0 && p[0] == '\n' {
			return end, end + 2, nil
		}
		return end, end + 1, nil
	}
}

// linesIn counts the physical lines that end in [from, to).
func (d *Decoder) linesIn(from, to int64) (lines uint64, err error) {
	for afterCR := false; from < to; {
		p, _, err := d.view(from)
		if err != nil {
			return 0, err
		}
		p = p[:min(int64(len(p)), to-from)]
		if len(p) == 0 {
			break
		}
		if afterCR && p[0] == '\n' {
			lines--
		}
		lines += uint64(bytes.Count(p, []byte{'\n'}) + bytes.Count(p, []byte{'\r'}) - bytes.Count(p, []byte("\r\n")))
		afterCR = p[len(p)-1] == '\r'
		from += int64(len(p))
	}
	return lines, nil
}
