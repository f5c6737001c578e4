package charset

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Encode appends UTF-8 text in an encoding of those that Reader.Encoding gives.
// Windows-1252 has '?' for characters that it lacks and for invalid bytes. UTF-16
// writes lone surrogates back as they came, other invalid bytes as U+FFFD. UTF-8
// is copied.
func Encode(dst, text []byte, encoding string) []byte {
	switch encoding {
	case Windows1252:
		return encodeSingle(dst, text)
	case UTF16LE, UTF16:
		return encodeWide(dst, text, binary.LittleEndian)
	case UTF16BE:
		return encodeWide(dst, text, binary.BigEndian)
	}
	return append(dst, text...)
}

func encodeSingle(dst, text []byte) []byte {
	for len(text) > 0 {
		if n := asciiLen(text); n > 0 {
			dst = append(dst, text[:n]...)
			text = text[n:]
			continue
		}
		c, size := utf8.DecodeRune(text)
		text = text[size:]
		dst = append(dst, encodeByte(c))
	}
	return dst
}

func encodeByte(c rune) byte {
	if b, ok := charmap.Windows1252.EncodeRune(c); ok {
		return b
	}
	if c < 0x100 && decodeByte(byte(c)) == c {
		return byte(c)
	}
	return '?'
}

func encodeWide(dst, text []byte, order binary.AppendByteOrder) []byte {
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		if c == utf8.RuneError && size == 1 && len(text) >= 3 && isSurrogate(text) {
			c, size = 0xD000|rune(text[1]&0x3F)<<6|rune(text[2]&0x3F), 3
			dst = order.AppendUint16(dst, uint16(c))
		} else if high, low := utf16.EncodeRune(c); c > 0xFFFF {
			dst = order.AppendUint16(order.AppendUint16(dst, uint16(high)), uint16(low))
		} else {
			dst = order.AppendUint16(dst, uint16(c))
		}
		text = text[size:]
	}
	return dst
}

// isSurrogate reports whether p starts with a surrogate in three bytes.
func isSurrogate(p []byte) bool {
	return p[0] == 0xED && p[1]&0xE0 == 0xA0 && p[2]&0xC0 == 0x80
}

// Writer writes UTF-8 text in another encoding, after its byte order mark if it
// needs one.
type Writer struct {
	dst      io.Writer
	encoding string
	started  bool
	cut      []byte // the start of a character whose rest is still to come
	buf      []byte
}

// NewWriter returns a writer to w. Close it, or the end may be missing.
func NewWriter(w io.Writer, encoding string) *Writer {
	return &Writer{dst: w, encoding: encoding}
}

// Write encodes p. A character may be cut between two writes.
func (w *Writer) Write(p []byte) (int, error) {
	text := p
	if len(w.cut) > 0 {
		text = append(w.cut, p...)
	}
	whole := len(text)
	if w.encoding != UTF8 {
		whole -= cutLen(text)
	}
	if err := w.write(text[:whole]); err != nil {
		return 0, err
	}
	w.cut = append([]byte(nil), text[whole:]...)
	return len(p), nil
}

// Close writes what is left of a cut character. It doesn't close what is below.
func (w *Writer) Close() error {
	cut := w.cut
	w.cut = nil
	return w.write(cut)
}

func (w *Writer) write(text []byte) error {
	w.buf = w.buf[:0]
	if !w.started {
		w.started = true
		w.buf = append(w.buf, Mark(w.encoding)...)
	}
	w.buf = Encode(w.buf, text, w.encoding)
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.dst.Write(w.buf)
	return err
}

// cutLen returns how many bytes at the end of text begin a character that may go
// on in the next write.
func cutLen(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		tail := text[len(text)-n:]
		if utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) && !(n == 2 && tail[0] == 0xED) {
				return 0
			}
			return n
		}
	}
	return 0
}
