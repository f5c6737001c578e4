package jsonscan

import "unicode/utf8"

// surrogates joins the halves of surrogate pairs, which may come in escapes
// that lie apart in a stream. A half without its other half is no character: it
// becomes three bytes that are not UTF-8, so that validation finds it as it finds
// every other one.
type surrogates struct {
	high rune // waiting for its low half, or 0
}

// append adds the character of a \u escape to dst.
func (s *surrogates) append(dst []byte, r rune) []byte {
	const low, end = 0xdc00, 0xe000
	if s.high != 0 && r >= low && r < end {
		r = (s.high-0xd800)<<10 | (r - low) + 0x10000
		s.high = 0
		return utf8.AppendRune(dst, r)
	}
	dst = s.flush(dst)
	if r >= 0xd800 && r < low {
		s.high = r
		return dst
	}
	if r >= low && r < end {
		return appendHalf(dst, r)
	}
	return utf8.AppendRune(dst, r)
}

// flush ends the wait for a low half: anything but its escape followed.
func (s *surrogates) flush(dst []byte) []byte {
	if s.high != 0 {
		dst = appendHalf(dst, s.high)
		s.high = 0
	}
	return dst
}

// appendHalf writes half a pair as UTF-8 would, if it were allowed there.
func appendHalf(dst []byte, r rune) []byte {
	return append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
}

// unescape appends the text of the string whose first byte after the opening
// quote is at i, and returns the index after the closing quote.
func unescape(dst, b []byte, i int) ([]byte, int, flaw) {
	var pairs surrogates
	for {
		n := special(b, i)
		if n > i {
			dst = append(pairs.flush(dst), b[i:n]...)
		}
		i = n
		switch {
		case i == len(b):
			return dst, i, badString
		case b[i] == '"':
			return pairs.flush(dst), i + 1, sound
		case b[i] != '\\':
			return dst, i, badControl
		}
		if i++; i == len(b) {
			return dst, i, badEscape
		}
		if b[i] != 'u' {
			c := unescaped(b[i])
			if c == 0 {
				return dst, i, badEscape
			}
			dst = append(pairs.flush(dst), c)
			i++
			continue
		}
		var r rune
		for range 4 {
			if i++; i == len(b) || unhex(b[i]) < 0 {
				return dst, i, badHex
			}
			r = r<<4 | rune(unhex(b[i]))
		}
		dst = pairs.append(dst, r)
		i++
	}
}
