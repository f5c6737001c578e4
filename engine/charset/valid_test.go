package charset

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestValid(t *testing.T) {
	pieces := []string{"", "a", "ü", "€", "😀", "\xff", "\xc3", "\xed\xa0\x80", "\xef\xbf\xbd", strings.Repeat("b", 70), strings.Repeat("c", 8)}
	for _, a := range pieces {
		for _, b := range pieces {
			for _, c := range pieces {
				if s := a + b + c; Valid([]byte(s)) != utf8.ValidString(s) {
					t.Errorf("Valid(%q) is %v", s, Valid([]byte(s)))
				}
			}
		}
	}
}

func FuzzValid(f *testing.F) {
	f.Add([]byte("M\xc3\xbcller"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if Valid(p) != utf8.Valid(p) {
			t.Errorf("Valid(%q) is %v", p, Valid(p))
		}
	})
}

func BenchmarkValid(b *testing.B) {
	p := []byte(strings.Repeat("Bright Logistics,https://www.bright.com/,Zürich,Switzerland,+41 44 668 0000,ships pallets\n", 1000))
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if !Valid(p) {
			b.Fatal("not valid")
		}
	}
}
