package jsonscan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bytedance/sonic"

	"sluice/engine/batch"
)

// companies returns n rows of eight keys, a line each.
func companies(n int) []byte {
	var b bytes.Buffer
	industries := []string{"Software", "Logistics & Transport", "Bäckerei", "Health Care"}
	for i := range n {
		fmt.Fprintf(&b, `{"name":"Company %d GmbH","domain":"www.company-%d.example.com","industry":"%s","website":"https://www.company-%d.example.com/about","size":"201-500","city":"Hamburg","country":"DE","phone":"+49 40 %07d"}`+"\n",
			i, i, industries[i%len(industries)], i, i*7919%10000000)
	}
	return b.Bytes()
}

// rowsBody wraps lines into the body of an import.
func rowsBody(lines []byte) []byte {
	elements := bytes.ReplaceAll(bytes.TrimSpace(lines), []byte("\n"), []byte(","))
	return append(append([]byte(`{"update_existing":true,"rows":[`), elements...), "]}"...)
}

const benchRows = 20000

func BenchmarkDecoder(b *testing.B) {
	data := companies(benchRows)
	b.Run("jsonscan", func(b *testing.B) {
		var rows batch.Batch
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			d := New(bytes.NewReader(data), int64(len(data)), Position{}, Options{Lines: true})
			n := 0
			for d.Next(&rows, 1000, 1<<20) == nil {
				n += len(rows.Rows)
			}
			if n != benchRows || len(rows.Faults) != 0 {
				b.Fatal(n, rows.Faults)
			}
		}
		b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	})
	type company struct{ Name, Domain, Industry, Website, Size, City, Country, Phone string }
	unmarshal := func(name string, f func([]byte, any) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				for line := range bytes.Lines(data) {
					var c company
					if err := f(line, &c); err != nil || c.Phone == "" {
						b.Fatal(err)
					}
				}
			}
		})
	}
	unmarshal("sonic-struct", sonic.Unmarshal)
	unmarshal("encoding-json-struct", json.Unmarshal)
	valid := func(name string, f func([]byte) bool) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				for line := range bytes.Lines(data) {
					if !f(line) {
						b.Fatal(string(line))
					}
				}
			}
		})
	}
	valid("jsonscan-valid", func(p []byte) bool { return Valid(p) == nil })
	valid("sonic-valid", sonic.Valid)
	valid("encoding-json-valid", json.Valid)
}

// BenchmarkDecoderNoise has rows with optional keys, escapes, numbers, nested
// values and keys that are no column.
func BenchmarkDecoderNoise(b *testing.B) {
	var buf bytes.Buffer
	for i := range benchRows {
		fmt.Fprintf(&buf, `{"id": %d, "name": "The \"%d\" Company\n", "tags": ["a", "b%d"], `, i, i, i)
		if i%3 > 0 {
			fmt.Fprintf(&buf, `"score": %d.5e3, `, i)
		}
		fmt.Fprintf(&buf, `"unknown_%d": {"a": [1, 2, null]}, "domain": "c%d.example.com", "active": true}`+"\n", i%5, i)
	}
	data := buf.Bytes()
	known := func(key []byte) bool { return !bytes.HasPrefix(key, []byte("unknown")) }
	var rows batch.Batch
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		d := New(bytes.NewReader(data), int64(len(data)), Position{}, Options{Known: known})
		n := 0
		for d.Next(&rows, 1000, 1<<20) == nil {
			n += len(rows.Rows)
		}
		if n != benchRows || len(rows.Faults) != 0 {
			b.Fatal(n, rows.Faults)
		}
	}
}

// blackHole counts what it drops.
type blackHole struct{ n int }

func (w *blackHole) Write(p []byte) (int, error) {
	w.n += len(p)
	return len(p), nil
}

func BenchmarkBody(b *testing.B) {
	lines := companies(benchRows)
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, rowsBody(lines), "", "  "); err != nil {
		b.Fatal(err)
	}
	csv := strings.Repeat("Company 1 GmbH,www.company-1.example.com,Software,https://www.company-1.example.com/about,201-500,Hamburg,DE,+49 40 1234567\n", benchRows)
	csvBody := AppendString([]byte(`{"csv":`), csv)
	csvBody = append(csvBody, '}')

	run := func(name string, body []byte, want int) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				w := &blackHole{}
				open := func() (io.Writer, error) { return w, nil }
				if err := ReadBody(bytes.NewReader(body), Handler{Rows: open, CSV: open}); err != nil || w.n != want {
					b.Fatal(err, w.n, want)
				}
			}
		})
	}
	run("rows", rowsBody(lines), len(lines))
	run("rows-indented", spaced.Bytes(), len(lines))
	run("csv", csvBody, len(csv))
	run("small", []byte(`{"rows":[{"name":"A","domain":"a.example"}]}`), 34)

	body := rowsBody(lines)
	type request struct {
		Rows []json.RawMessage `json:"rows"`
	}
	unmarshal := func(name string, f func([]byte, any) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var r request
				if err := f(body, &r); err != nil || len(r.Rows) != benchRows {
					b.Fatal(err)
				}
			}
		})
	}
	unmarshal("rows-sonic", sonic.Unmarshal)
	unmarshal("rows-encoding-json", json.Unmarshal)
}
