package meter

import (
	"unicode/utf8"

	"sluice/engine/fault"
)

// cursor reads a byte range strictly. The first fault sticks: from then on it
// yields zeros and is at its end, so that callers check once a loop.
type cursor struct {
	buf  []byte
	pos  int
	what string // the section or function, for messages
	err  *fault.Error
}

// reject is the error of everything that Rewrite refuses.
func reject(format string, args ...any) *fault.Error {
	return fault.New(fault.PluginInvalid, format, args...)
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = reject(c.what+": "+format, args...)
	}
	c.pos = len(c.buf)
}

func (c *cursor) truncated() {
	c.fail("the module ends too early; upload the whole file")
}

func (c *cursor) left() int { return len(c.buf) - c.pos }

func (c *cursor) u8() byte {
	if c.pos >= len(c.buf) {
		c.truncated()
		return 0
	}
	b := c.buf[c.pos]
	c.pos++
	return b
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > c.left() {
		c.truncated()
		return nil
	}
	b := c.buf[c.pos : c.pos+n : c.pos+n]
	c.pos += n
	return b
}

// u32 reads an unsigned LEB128 of at most 32 bits.
func (c *cursor) u32() uint32 {
	if c.pos < len(c.buf) && c.buf[c.pos] < 0x80 { // nearly all are one byte
		c.pos++
		return uint32(c.buf[c.pos-1])
	}
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		b := c.u8()
		if shift == 28 && b > 0x0f {
			c.fail("a number does not fit 32 bits")
			return 0
		}
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	return 0
}

// signed reads a signed LEB128 of at most bits bits.
func (c *cursor) signed(bits int) int64 {
	var v int64
	for shift := 0; ; shift += 7 {
		b := c.u8()
		if c.err != nil {
			return 0
		}
		if room := bits - shift; room <= 7 {
			// The last byte: no continuation, and the unused bits repeat the sign.
			rest := int8(b<<1) >> room // bit room-1 and all above it
			if b >= 0x80 || (rest != 0 && rest != -1) {
				c.fail("a number does not fit %d bits", bits)
				return 0
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// count reads a length whose items take at least min bytes each, so that
// nothing is ever allocated for items that aren't there.
func (c *cursor) count(noun string, limit, min int) int {
	n := c.u32()
	if c.err != nil {
		return 0
	}
	if uint64(n)*uint64(min) > uint64(c.left()) {
		c.fail("declares %d %s, more than its %d bytes can hold", n, noun, c.left())
		return 0
	}
	if int64(n) > int64(limit) {
		c.fail("%d %s are over the limit of %d", n, noun, limit)
		return 0
	}
	return int(n)
}

// name reads a UTF-8 name of an import or export.
func (c *cursor) name(limit int) string {
	n := c.count("name bytes", limit, 1)
	b := c.take(n)
	if !utf8.Valid(b) {
		c.fail("a name is not valid UTF-8")
		return ""
	}
	return string(b)
}

// done demands that everything was read.
func (c *cursor) done() *fault.Error {
	if c.err == nil && c.left() > 0 {
		c.fail("%d bytes too many at its end", c.left())
	}
	return c.err
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendI64(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}
