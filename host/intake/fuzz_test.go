package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"sluice/engine"
	"sluice/engine/fault"
)

// FuzzRead gives any body to any form: never a panic, never an error without a
// code, and the same whatever the reads are.
func FuzzRead(f *testing.F) {
	types := []string{"application/json", "text/csv", "application/x-ndjson", formType}
	codings := []string{"", "gzip", "zstd"}
	for _, s := range examples() {
		for i, t := range types {
			for j, c := range codings {
				if t == s.contentType && c == s.coding {
					f.Add(uint8(i), uint8(j), "", []byte(s.body))
					f.Add(uint8(i), uint8(j), "tags=a&dry_run=true", []byte(s.body[:len(s.body)/2]))
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind, coding uint8, query string, body []byte) {
		form, err := ParseForm(types[int(kind)%len(types)], codings[int(coding)%len(codings)])
		if err != nil {
			t.Fatal(err)
		}
		read := func(r io.Reader) (Result, string, error) {
			var out bytes.Buffer
			in := Request{Form: form, Body: r, Length: int64(len(body)), Query: query, Digest: true,
				Limits: Limits{MaxStreamBytes: 1 << 20, MaxJSONBytes: 1 << 19, MaxRatio: 200}}
			res, err := Read(context.Background(), in, func(engine.Format) (io.Writer, error) { return &out, nil })
			return res, out.String(), err
		}
		res, out, err := read(bytes.NewReader(body))
		if code := codeOf(err); err != nil && code != fault.Validation && code != fault.PayloadTooLarge {
			t.Fatal(err)
		}
		again, outAgain, errAgain := read(iotest.OneByteReader(bytes.NewReader(body)))
		if codeOf(err) != codeOf(errAgain) {
			t.Fatalf("%v in one read, %v byte by byte", err, errAgain)
		}
		if err != nil {
			return
		}
		if out != outAgain || res.Digest != again.Digest || res.Encoding != again.Encoding {
			t.Fatalf("%q in one read, %q byte by byte", out, outAgain)
		}
		broken := errors.New("broken")
		if _, _, err := read(io.MultiReader(bytes.NewReader(body), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Fatalf("a broken read gave %v", err)
		}
	})
}
