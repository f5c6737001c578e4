package intake

import (
	"context"
	"io"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/engine/jsonscan"
)

// BenchmarkRead takes an upload apart, with the digest of a keyed request.
func BenchmarkRead(b *testing.B) {
	row := `Acme Corp,https://www.acme.example/about,Legal Services,201-500,Zürich,Switzerland,"says ""hello"", twice"` + "\n"
	csv := strings.Repeat(row, 64<<20/len(row))
	small := csv[:16<<20]
	json := `{"csv":` + string(jsonscan.AppendString(nil, small)) + `}`
	f := func(name string, s sent, plain int) {
		b.Run(name, func(b *testing.B) {
			form, err := ParseForm(s.contentType, s.coding)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(plain))
			b.ReportAllocs()
			for b.Loop() {
				var n count
				in := Request{Form: form, Body: io.MultiReader(strings.NewReader(s.body)), Length: int64(len(s.body)),
					Limits: Limits{1 << 40, 1 << 30, 1 << 20}, Digest: true}
				_, err := Read(context.Background(), in, func(engine.Format) (io.Writer, error) { return &n, nil })
				if err != nil || int(n) != plain {
					b.Fatalf("%d bytes of %d, %v", n, plain, err)
				}
			}
		})
	}
	f("csv", sent{contentType: "text/csv", body: csv}, len(csv))
	f("multipart", sent{contentType: formType, body: form2(csv)}, len(csv))
	f("gzip", sent{contentType: "text/csv", coding: "gzip", body: compress("gzip", csv)}, len(csv))
	f("zstd", sent{contentType: "text/csv", coding: "zstd", body: compress("zstd", csv)}, len(csv))
	f("json", sent{contentType: "application/json", body: json}, len(small))
	f("small", sent{contentType: "application/json", body: `{"rows":[{"name":"A","domain":"a.example"}]}`}, 34)
}

type count int

func (c *count) Write(p []byte) (int, error) { *c += count(len(p)); return len(p), nil }
