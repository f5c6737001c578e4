package charset

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func BenchmarkReader(b *testing.B) {
	row := "Acme Labs,https://www.acme.com,Software,51-200,Munich,Germany,+1 555 0100,Maker of goods\n"
	late := strings.Repeat(row, 100_000)
	accents := strings.Repeat(strings.ReplaceAll(row, "Munich", "M\u00fcnchen"), 100_000)
	for _, c := range []struct {
		name, in, encoding string
	}{
		{"ascii", late, UTF8},
		{"utf8", accents, UTF8},
		{"windows1252", string(Encode(nil, []byte(accents), Windows1252)), Windows1252},
		{"utf16", "\xff\xfe" + string(Encode(nil, []byte(accents), UTF16LE)), UTF16LE},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			p := make([]byte, 256<<10)
			in := []byte(c.in)
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(in), "")
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = r.Read(p)
				}
				if err != io.EOF || r.Encoding() != c.encoding {
					b.Fatal(err, r.Encoding())
				}
			}
		})
	}
}
