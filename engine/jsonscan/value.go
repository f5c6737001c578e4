package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special returns the index of the first byte at or after i that can't stand in
// a string as it is: a quote, a backslash or a control character; len(b) if
// there is none. It looks at eight bytes at a time: subtracting borrows into a
// byte's high bit where the byte is zero (after the xor) or below a space. A
// borrow can only reach bytes above a true hit, so the lowest hit is exact.
func special(b []byte, i int) int {
	for len(b)-i >= 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		hit := ((x ^ '"'*lows) - lows) | ((x ^ '\\'*lows) - lows) | (x - ' '*lows)
		if hit &= ^x & highs; hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
		i += 8
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func isDigit(c byte) bool { return c-'0' <= 9 }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// skipString returns the index after the closing quote of the string whose
// first byte after the opening quote is at i.
func skipString(b []byte, i int) (int, flaw) {
	for {
		i = special(b, i)
		switch {
		case i == len(b):
			return i, badString
		case b[i] == '"':
			return i + 1, sound
		case b[i] != '\\':
			return i, badControl
		}
		if i++; i == len(b) {
			return i, badEscape
		}
		if b[i] == 'u' {
			for range 4 {
				if i++; i == len(b) || unhex(b[i]) < 0 {
					return i, badHex
				}
			}
		} else if unescaped(b[i]) == 0 {
			return i, badEscape
		}
		i++
	}
}

// unescaped returns the character that a backslash and c stand for, 0 if none.
func unescaped(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return 0
}

// unhex returns the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// skipNumber returns the index after the number that starts at i.
func skipNumber(b []byte, i int) (int, flaw) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if n := skipDigits(b, i); n > i {
		i = n
	} else {
		return i, badDigit
	}
	if i < len(b) && b[i] == '.' {
		n := skipDigits(b, i+1)
		if n == i+1 {
			return n, badDigit
		}
		i = n
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := skipDigits(b, i)
		if n == i {
			return n, badDigit
		}
		i = n
	}
	return i, sound
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

// literal returns the word that a value starting with c must be, "" if none.
func literal(c byte) string {
	switch c {
	case 't':
		return "true"
	case 'f':
		return "false"
	case 'n':
		return "null"
	}
	return ""
}

func skipLiteral(b []byte, i int, word string) (int, flaw) {
	if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
		return i + len(word), sound
	}
	for n := 0; i < len(b) && b[i] == word[n]; n++ {
		i++
	}
	return i, badLiteral
}

// skipScalar returns the index after the string, number or literal at i.
func skipScalar(b []byte, i int) (int, flaw) {
	if i == len(b) {
		return i, badValue
	}
	c := b[i]
	if c == '"' {
		return skipString(b, i+1)
	}
	if c == '-' || isDigit(c) {
		return skipNumber(b, i)
	}
	if word := literal(c); word != "" {
		return skipLiteral(b, i, word)
	}
	return i, badValue
}

// skipValue returns the index after the value at i, which stands inside of
// depth arrays and objects. Whether a container is an object is a bit of a word,
// so that depth costs no stack.
func skipValue(b []byte, i, depth int) (int, flaw) {
	var (
		objects uint64
		base    = depth
		f       flaw
	)
	for {
		// At a value.
		if i < len(b) && (b[i] == '{' || b[i] == '[') {
			if depth == MaxDepth {
				return i, tooDeep
			}
			objects <<= 1
			closing, unclosed := byte(']'), badFirstElement
			if b[i] == '{' {
				objects |= 1
				closing, unclosed = '}', badFirstKey
			}
			depth++
			if i = skipSpace(b, i+1); i == len(b) {
				return i, unclosed
			}
			if b[i] != closing {
				if objects&1 != 0 {
					if i, f = skipKey(b, i, badFirstKey); f != sound {
						return i, f
					}
				} else if f = startsValue(b[i]); f != sound {
					return i, unclosed
				}
				continue
			}
			i++
			objects >>= 1
			depth--
		} else if i, f = skipScalar(b, i); f != sound {
			return i, f
		}
		// After a value: on to the next one, or out of what ends here.
		for {
			if depth == base {
				return i, sound
			}
			i = skipSpace(b, i)
			if objects&1 != 0 {
				if i < len(b) && b[i] == ',' {
					if i, f = skipKey(b, skipSpace(b, i+1), badKey); f != sound {
						return i, f
					}
					break
				}
				if i == len(b) || b[i] != '}' {
					return i, badMember
				}
			} else {
				if i < len(b) && b[i] == ',' {
					i = skipSpace(b, i+1)
					break
				}
				if i == len(b) || b[i] != ']' {
					return i, badElement
				}
			}
			i++
			objects >>= 1
			depth--
		}
	}
}

// startsValue tells a byte that may begin a value from one that may not.
func startsValue(c byte) flaw {
	if c == '"' || c == '{' || c == '[' || c == '-' || isDigit(c) || literal(c) != "" {
		return sound
	}
	return badValue
}

// skipKey returns the index of the value after the key at i and its colon; f
// says what is missing when there is no key.
func skipKey(b []byte, i int, f flaw) (int, flaw) {
	if i == len(b) || b[i] != '"' {
		return i, f
	}
	if i, f = skipString(b, i+1); f != sound {
		return i, f
	}
	return skipColon(b, i)
}

func skipColon(b []byte, i int) (int, flaw) {
	if i = skipSpace(b, i); i == len(b) || b[i] != ':' {
		return i, badColon
	}
	return skipSpace(b, i+1), sound
}
