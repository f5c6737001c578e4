package jsonscan

import (
	"bytes"
	"testing"
)

// special finds every byte that it must, and no other, in every lane and next to
// every byte.
func TestSpecial(t *testing.T) {
	isSpecial := func(c byte) bool { return c < ' ' || c == '"' || c == '\\' }
	text := bytes.Repeat([]byte("x"), 19)
	for at := range text[:len(text)-1] {
		for c := range 256 {
			for next := range 256 {
				text[at], text[at+1] = byte(c), byte(next)
				want := len(text)
				switch {
				case isSpecial(byte(c)):
					want = at
				case isSpecial(byte(next)):
					want = at + 1
				}
				if got := special(text, 0); got != want {
					t.Fatalf("special(%q) is %d, want %d", text, got, want)
				}
			}
		}
		text[at], text[at+1] = 'x', 'x'
	}
	for from := range 20 {
		if got := special(text, from); got != len(text) {
			t.Fatalf("from %d on: %d", from, got)
		}
	}
}
