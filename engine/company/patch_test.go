package company

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/engine/batch"
)

// A Writer encodes what a Builder does, one patch after the other.
func TestWriter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var w Writer
	var b Builder
	for range 2000 {
		b.Reset()
		dst := bytes.Repeat([]byte("#"), rnd.IntN(3))
		want := bytes.Clone(dst)
		dst = w.Begin(dst)
		for f := range TextFields {
			field := Field(f)
			text := bytes.Repeat([]byte{'a' + byte(f)}, []int{0, 1, 31, 32, 33, 127, 128, 300}[rnd.IntN(8)])
			switch rnd.IntN(4) {
			case 0:
				w.Clear(field)
				b.Clear(field)
			case 1:
				dst = w.PutText(dst, field, text)
				b.Text[f] = text
			case 2:
				if len(text) <= ShortText {
					from := batch.Batch{Arena: append(bytes.Repeat([]byte("<"), rnd.IntN(3)), text...)}
					c := batch.NewCell(batch.Text, len(from.Arena)-len(text), len(text))
					from.Arena = append(from.Arena, bytes.Repeat([]byte(">"), rnd.IntN(64))...)
					dst = w.PutShort(dst, field, &from, c)
					b.Text[f] = text
				}
			}
		}
		if rnd.IntN(2) == 0 {
			w.AddTag([]byte("t"))
			b.AddTag([]byte("t"))
			w.SetCustom([]byte("k"), batch.Number, []byte("1"))
			b.SetCustom([]byte("k"), batch.Number, []byte("1"))
		}
		if rnd.IntN(2) == 0 {
			w.ReplaceTags()
			b.ReplaceTags()
		}
		dst, want = w.End(dst), b.Append(want)
		if !bytes.Equal(dst, want) {
			t.Fatalf("a Writer gives\n%q, a Builder\n%q", dst, want)
		}
	}
}

func TestWriterDomain(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, in := range []string{"acme.com", "https://www.Acme.com/", "münchen.de", "xn--mnchen-3ya.de", label + "." + label, label + "." + label[:63-1] + ".b",
		label + "." + label[1:] + "." + label, "www." + label + "." + label, "acme", "xn--a.com"} {
		for _, room := range []int{0, 1000} {
			var w Writer
			dst := w.Begin(append(make([]byte, 0, room), '#'))
			dst, ok := w.PutDomain(dst, []byte(in))
			dst = w.PutText(dst, Name, []byte("n"))
			key, want := AppendDomain(nil, []byte(in))
			if ok != want {
				t.Errorf("%.80q: %v, want %v", in, ok, want)
			}
			if !want {
				key = nil
			}
			b := Builder{View: View{Text: [TextFields][]byte{Domain: key, Name: []byte("n")}}}
			if got, want := w.End(dst), b.Append([]byte("#")); !bytes.Equal(got, want) {
				t.Errorf("%.80q gives\n%q, want\n%q", in, got, want)
			}
		}
	}
}
