package charset

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// decode gives text decoded from Windows-1252 or UTF-16.
func (r *Reader) decode(p []byte) (int, error) {
	for {
		if len(r.charHeld) > 0 {
			n := copy(p, r.charHeld)
			r.charHeld = r.charHeld[n:]
			return n, nil
		}
		if len(r.held) < utf8.UTFMax && r.err == nil {
			if err := r.refill(); err != nil {
				return 0, err
			}
		}
		if len(r.held) == 0 {
			return 0, r.err
		}
		out := p
		if len(p) < utf8.UTFMax {
			out = r.char[:]
		}
		n, used := r.convert(out)
		r.held = r.held[used:]
		if len(p) < utf8.UTFMax {
			r.charHeld = r.char[:n]
			continue
		}
		if n > 0 {
			return n, nil
		}
	}
}

// refill reads what src has behind what is held, a UTF-16 pair's worth at least.
func (r *Reader) refill() error {
	if cap(r.buf) < rawBytes {
		r.buf = make([]byte, 0, rawBytes)
	}
	buf := append(r.buf[:0], r.held...)
	n, err := io.ReadAtLeast(r.src, buf[len(buf):cap(buf)], utf8.UTFMax-len(buf))
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	r.buf = buf[:len(buf)+n]
	r.held, r.err = r.buf, err
	if err != nil && err != io.EOF {
		return err
	}
	return nil
}

// convert decodes as much of what is held as fits in out, at least one character.
func (r *Reader) convert(out []byte) (n, used int) {
	if r.mode == single {
		return decodeSingle(out, r.held)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if r.mode == big {
		order = binary.BigEndian
	}
	return decodeWide(out, r.held, order, r.err != nil)
}

// decodeSingle decodes Windows-1252. Runs of ASCII are copied.
func decodeSingle(out, in []byte) (n, used int) {
	for used < len(in) && len(out)-n >= utf8.UTFMax {
		if c := in[used]; c >= utf8.RuneSelf {
			n += utf8.EncodeRune(out[n:], decodeByte(c))
			used++
			continue
		}
		k := copy(out[n:], in[used:used+asciiLen(in[used:])])
		n += k
		used += k
	}
	return n, used
}

// decodeByte returns the character of a Windows-1252 byte. What charmap takes for
// undefined is a control character.
func decodeByte(c byte) rune {
	if r := charmap.Windows1252.DecodeByte(c); r != utf8.RuneError {
		return r
	}
	return rune(c)
}

// decodeWide decodes UTF-16. At the end of the text, what is no character is
// given as bytes that are not UTF-8.
func decodeWide(out, in []byte, order binary.ByteOrder, last bool) (n, used int) {
	for len(out)-n >= utf8.UTFMax {
		rest := in[used:]
		if len(rest) < 2 {
			if len(rest) == 1 && last {
				out[n] = 0xFF
				return n + 1, used + 1
			}
			return n, used
		}
		c := rune(order.Uint16(rest))
		switch {
		case c < utf8.RuneSelf:
			out[n] = byte(c)
			n++
		case !utf16.IsSurrogate(c):
			n += utf8.EncodeRune(out[n:], c)
		case len(rest) < 4 && !last:
			return n, used
		default:
			pair := utf8.RuneError
			if len(rest) >= 4 {
				pair = utf16.DecodeRune(c, rune(order.Uint16(rest[2:])))
			}
			if pair != utf8.RuneError {
				n += utf8.EncodeRune(out[n:], pair)
				used += 2
				break
			}
			n += copy(out[n:], []byte{0xE0 | byte(c>>12), 0x80 | byte(c>>6)&0x3F, 0x80 | byte(c)&0x3F})
		}
		used += 2
	}
	return n, used
}
