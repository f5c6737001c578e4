package company

import (
	"bytes"
	"testing"
)

// Plain holds for just those records that Decode takes and that have no lists.
func FuzzPlain(f *testing.F) {
	long := bytes.Repeat([]byte("x"), 200)
	for _, v := range []View{
		{},
		{Text: [TextFields][]byte{Domain: []byte("a.com"), Name: []byte("A"), Description: long}},
		{Text: [TextFields][]byte{Name: {}}},
		{Text: [TextFields][]byte{Name: []byte("A")}, Tags: [][]byte{[]byte("t")}},
		{Custom: []CustomValue{{Key: []byte("k"), Value: []byte("v")}}},
	} {
		r := v.Append(nil)
		f.Add([]byte(r))
		f.Add([]byte(r[:len(r)-1]))
		f.Add(append([]byte(r), 0))
	}
	f.Add([]byte{1, 0, 0x80, 0x80})                                                             // a length without end
	f.Add([]byte{1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01})             // one of 64 bits
	f.Add([]byte{1, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}) // and of more
	f.Add([]byte{0, 0x80})                                                                      // a field that there is not
	f.Fuzz(func(t *testing.T, r []byte) {
		var v View
		want := v.Decode(r) == nil
		if want {
			present := uint16(r[0]) | uint16(r[1])<<8
			want = present>>TextFields == 0
		}
		if got := Record(r).Plain(); got != want {
			t.Errorf("%x: plain %v, decoded %v", r, got, want)
		}
	})
}
