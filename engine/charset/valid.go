package charset

import "unicode/utf8"

// Valid is utf8.Valid, and fast where most of a long text is ASCII but not all:
// the standard one looks at single bytes from the first other one on.
func Valid(p []byte) bool {
	for {
		if p = p[asciiLen(p):]; len(p) == 0 {
			return true
		}
		r, size := utf8.DecodeRune(p)
		if r == utf8.RuneError && size == 1 {
			return false
		}
		p = p[size:]
	}
}
