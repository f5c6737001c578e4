package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
)

// benchCSV is like companies-1m: eight columns, a URL, a quoted description.
func benchCSV(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("Company,Website,Domain,Employees,City,Country,Phone,Description\n")
	for i := range rows {
		fmt.Fprintf(&b, "Bright Logistics %d,https://www.bright%d.com/,https://www.bright%d.com/,201-500,Zürich,Switzerland,+41 44 668 %04d,\"Bright ships pallets, \"\"dashboards\"\", since 1987\"\n", i, i, i, i%10000)
	}
	return b.Bytes()
}

// The pure stages alone, on one core: decode, map, validate.
func BenchmarkPrepare(b *testing.B) {
	const rows = 50_000
	file := benchCSV(rows)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	w, v := newWork(), &validator{}
	st := &stages{plans: map[string]*plan{}}
	for b.Loop() {
		job := &Job{Format: CSV, Options: DefaultOptions()}
		job.Dialect = &Dialect{}
		src, err := openSource(bytes.NewReader(file), int64(len(file)), job, newPlanCache())
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for {
			if err := src.next(w, batchRows, batchBytes); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
			st.prepare(context.Background(), w, v)
			n += len(w.ops)
		}
		if n != rows {
			b.Fatalf("%d of %d rows became ops", n, rows)
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// Preparing a batch allocates nothing, whatever its rows.
func TestPrepareAllocates(t *testing.T) {
	file := benchCSV(20_000)
	job := &Job{Format: CSV, Options: DefaultOptions()}
	job.Dialect = &Dialect{}
	src, err := openSource(bytes.NewReader(file), int64(len(file)), job, newPlanCache())
	if err != nil {
		t.Fatal(err)
	}
	w, v := newWork(), &validator{}
	st := &stages{plans: map[string]*plan{}}
	step := func() {
		if err := src.next(w, 500, batchBytes); err != nil {
			t.Fatal(err)
		}
		st.prepare(context.Background(), w, v)
	}
	for range 3 { // the buffers find their size
		step()
	}
	if n := testing.AllocsPerRun(30, step); n > 0 {
		t.Errorf("a batch of 500 rows makes %.0f allocations", n)
	}
}
