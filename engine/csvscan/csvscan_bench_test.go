package csvscan

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"sluice/engine/batch"
)

// companies makes an eight-column file of about 149 bytes a row.
func companies(rows int, lineEnd string) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[rng.IntN(len(s))] }
	var b bytes.Buffer
	b.WriteString("Company,Website,Industry,Employees,City,Country,Phone,Description" + lineEnd)
	for i := range rows {
		name := fmt.Sprintf("%s %s %d", pick("Acme", "Northwind", "Globex", "Initech", "Umbrella"),
			pick("Labs", "Holding", "Systems", "Foods"), i)
		fmt.Fprintf(&b, `%s,https://www.%s-%d.com/about,%s,%s,%s,%s,+1 555 %07d,"%s"%s`,
			name, pick("acme", "northwind", "globex"), i,
			pick("Software", "Manufacturing", "Retail", "Logistics"), pick("1-10", "11-50", "201-500", "1001-5000"),
			pick("Berlin", "Paris", "New York", "Vienna"), pick("Germany", "France", "United States"), rng.IntN(1e7),
			pick(`Maker of ""fine"" goods, since 1954`, `Sells parts, tools and more to ""makers""`,
				`A family business, ""the best"" in town`, `Ships worldwide, fast and ""green""`), lineEnd)
	}
	return b.Bytes()
}

func benchmarkNext(b *testing.B, data []byte, faults int) {
	const rows = 100_000
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	var out batch.Batch
	for b.Loop() {
		d := New(bytes.NewReader(data), int64(len(data)), Default, Start)
		names, err := d.Header()
		if err != nil {
			b.Fatal(err)
		}
		d.SetColumns(len(names))
		got, bad := 0, 0
		for {
			err := d.Next(&out, 4096, 1<<20)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			got += len(out.Rows)
			bad += len(out.Faults)
		}
		if got != rows || bad != faults {
			b.Fatalf("got %d rows and %d faults, want %d and %d", got, bad, rows, faults)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkNextLF(b *testing.B)   { benchmarkNext(b, companies(100_000, "\n"), 0) }
func BenchmarkNextCRLF(b *testing.B) { benchmarkNext(b, companies(100_000, "\r\n"), 0) }

// BenchmarkMalformed reads short rows that are all malformed: after each, the
// masks of what follows are made anew.
func BenchmarkMalformed(b *testing.B) {
	benchmarkNext(b, []byte("a,b\n"+strings.Repeat("a\"b,c\n", 100_000)), 100_000)
}

func BenchmarkMasks(b *testing.B) {
	data := companies(10_000, "\n")
	d := New(nil, 0, Default, Start)
	b.SetBytes(int64(len(data)))
	var sum uint64
	for b.Loop() {
		for p := data; len(p) >= len(d.ahead)*blockBytes; {
			m := d.classify(p, len(p), len(p))
			sum += m[0].delims ^ m[0].quotes
			p = p[len(m)*blockBytes:]
		}
	}
	if sum == 0 {
		b.Fatal("no hit")
	}
}

func BenchmarkEncodingCSV(b *testing.B) {
	const rows = 100_000
	data := companies(rows, "\n")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r := csv.NewReader(bytes.NewReader(data))
		r.ReuseRecord = true
		got := 0
		for {
			_, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			got++
		}
		if got != rows+1 {
			b.Fatalf("got %d rows, want %d", got, rows+1)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkOneRow is the whole decoding of an import of a single row.
func BenchmarkOneRow(b *testing.B) {
	data := companies(1, "\n")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	var out batch.Batch
	for b.Loop() {
		d := New(bytes.NewReader(data), int64(len(data)), SniffWith(data, Dialect{}), Start)
		names, err := d.Header()
		if err != nil {
			b.Fatal(err)
		}
		d.SetColumns(len(names))
		if err := d.Next(&out, 4096, 1<<20); err != nil || len(out.Rows) != 1 {
			b.Fatal(len(out.Rows), err)
		}
	}
}
