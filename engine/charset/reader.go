package charset

import (
	"bytes"
	"io"
	"unicode/utf8"
)

const (
	headBytes = 16 // what marks and NULs are looked for in
	maxRun    = 64 // how much of the first run decides; a border for what must be kept
	rawBytes  = 64 << 10
)

// mode is how a Reader treats the bytes that come.
type mode uint8

const (
	start  mode = iota // nothing was read
	ascii              // only ASCII was seen
	plain              // UTF-8: through
	single             // Windows-1252
	little             // UTF-16
	big
)

// Reader gives the UTF-8 text of what it reads.
type Reader struct {
	src    io.Reader
	forced string
	mode   mode
	err    error // what src ended with

	// held are raw bytes read but not given yet: the head, what follows an
	// undecided run, or input of a decoder. It is a part of buf.
	buf, held []byte

	// char is what didn't fit in the caller's buffer of a decoded character.
	char     [utf8.UTFMax]byte
	charHeld []byte
}

// NewReader returns a reader of r in the encoding forced, or in the one that the
// text shows if that is empty. An unknown name is a fault.Validation. Nothing is
// read yet.
func NewReader(r io.Reader, forced string) (*Reader, error) {
	name, err := Parse(forced)
	if err != nil {
		return nil, err
	}
	return &Reader{src: r, forced: name}, nil
}

// Encoding returns what has been decided: "utf-8" while only ASCII was seen.
func (r *Reader) Encoding() string {
	switch r.mode {
	case single:
		return Windows1252
	case little:
		return UTF16LE
	case big:
		return UTF16BE
	case start:
		if r.forced != "" && r.forced != UTF16 {
			return r.forced
		}
	}
	return UTF8
}

// Read fills p with UTF-8 text. ASCII and UTF-8 are read straight into p.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.mode == start {
		if err := r.begin(); err != nil {
			return 0, err
		}
	}
	switch r.mode {
	case ascii:
		return r.readASCII(p)
	case plain:
		return r.readPlain(p)
	}
	return r.decode(p)
}

// begin reads the head and takes the mode from it.
func (r *Reader) begin() error {
	r.buf = make([]byte, 0, headBytes+maxRun)
	if err := r.hold(headBytes); err != nil {
		return err
	}
	mark := 0
	r.mode, mark = r.headMode()
	r.held = r.held[mark:]
	return nil
}

// hold reads until n bytes are held or src ends. An error other than io.EOF
// comes at once: what is held then is good for nothing.
func (r *Reader) hold(n int) error {
	if r.err != nil && r.err != io.EOF {
		return r.err
	}
	if len(r.held) >= n || r.err != nil {
		return nil
	}
	buf := r.buf[:0]
	if cap(buf) < n {
		buf = make([]byte, 0, n)
	}
	buf = append(buf, r.held...)
	for empty := 0; len(buf) < n && r.err == nil; {
		k, err := r.src.Read(buf[len(buf):n])
		buf = buf[:len(buf)+k]
		if empty++; k > 0 {
			empty = 0
		}
		if empty == 100 {
			err = io.ErrNoProgress
		}
		r.err = err
	}
	r.buf, r.held = buf, buf
	if r.err != nil && r.err != io.EOF {
		return r.err
	}
	return nil
}

var marks = [...]struct {
	mode  mode
	bytes string
}{{plain, "\xEF\xBB\xBF"}, {little, "\xFF\xFE"}, {big, "\xFE\xFF"}}

// headMode decides by the head, and returns the length of the mark there.
func (r *Reader) headMode() (mode, int) {
	want := ascii
	switch r.forced {
	case UTF8:
		want = plain
	case Windows1252:
		return single, 0
	case UTF16LE:
		want = little
	case UTF16BE:
		want = big
	}
	for _, m := range marks {
		if bytes.HasPrefix(r.held, []byte(m.bytes)) && (want == m.mode || want == ascii) {
			if r.forced != UTF16 || m.mode != plain {
				return m.mode, len(m.bytes)
			}
		}
	}
	if want != ascii {
		return want, 0
	}
	guess := nulMode(r.held)
	if r.forced == UTF16 && guess == ascii {
		guess = little // what Windows programs write
	}
	return guess, 0
}

// nulMode recognises UTF-16 text that begins with ASCII characters.
func nulMode(head []byte) mode {
	if len(head) < 4 || len(head)%2 != 0 {
		return ascii
	}
	even, odd := 0, 0
	for i, c := range head {
		if c == 0 && i%2 == 0 {
			even++
		} else if c == 0 {
			odd++
		}
	}
	switch {
	case odd == len(head)/2 && even == 0:
		return little
	case even == len(head)/2 && odd == 0:
		return big
	}
	return ascii
}

// readPlain gives what is held and then what comes.
func (r *Reader) readPlain(p []byte) (int, error) {
	if len(r.held) > 0 {
		n := copy(p, r.held)
		r.held = r.held[n:]
		return n, nil
	}
	if r.err != nil {
		return 0, r.err
	}
	return r.src.Read(p)
}

// readASCII reads on until it meets a byte that is not ASCII, which decides.
func (r *Reader) readASCII(p []byte) (int, error) {
	if len(r.held) > 0 {
		n := asciiLen(r.held)
		if n > 0 {
			n = copy(p, r.held[:n])
			r.held = r.held[n:]
			return n, nil
		}
		if err := r.hold(maxRun); err != nil {
			return 0, err
		}
		r.mode = runMode(r.held)
		return r.Read(p)
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.src.Read(p)
	i := asciiLen(p[:n])
	if i == n {
		return n, err
	}
	r.err = err
	if n-i >= maxRun {
		r.mode = runMode(p[i:n])
		if r.mode == plain {
			r.err = nil
			return n, err
		}
	}
	// The rest must wait: for more of the run, or for decoding.
	r.buf = append(r.buf[:0], p[i:n]...)
	r.held = r.buf
	if i > 0 {
		return i, nil
	}
	return r.Read(p)
}

// runMode decides by the run of non-ASCII bytes that p starts with. A character
// that the limit cuts says nothing; one that the run cuts is not UTF-8.
func runMode(p []byte) mode {
	n := 0
	for n < len(p) && n < maxRun && p[n] >= utf8.RuneSelf {
		n++
	}
	for run := p[:n]; len(run) > 0; {
		c, size := utf8.DecodeRune(run)
		if c == utf8.RuneError && size == 1 {
			if n == maxRun && !utf8.FullRune(run) {
				break
			}
			return single
		}
		run = run[size:]
	}
	return plain
}
