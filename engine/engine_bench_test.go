package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"sluice/engine/batch"
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

// BenchmarkValidate is the last of the pure stages, on what a cleaner answers.
func BenchmarkValidate(b *testing.B) {
	const rows = 2000
	plan, err := namedPlan([]string{"name", "domain", "website", "size", "country", "industry", "city", "phone", "description"})
	if err != nil {
		b.Fatal(err)
	}
	w, v := newWork(), &validator{}
	var out batch.Batch
	out.Reset(9)
	for i := range rows {
		name := []string{"bright", "northwind-foods", "acme", "iron-solutions", "muellerfreight"}[i%5]
		for _, text := range []string{
			strings.Repeat(name, i%3+1) + " Ltd.", fmt.Sprint(name, i, ".com"), fmt.Sprint("https://www.", name, i, ".com/"), "201-500", "DE",
			[]string{"Software", "Financial Services", "Telecommunications"}[i%3], []string{"Dublin", "Tromsø", "Österreich", "Rio"}[i%4],
			fmt.Sprint("+41 44 668 ", i), strings.Repeat("ships bread ", i%6+1) + ", since 1987",
		} {
			out.Cells = append(out.Cells, out.Append(batch.Text, []byte(text)))
		}
		w.in.Rows = append(w.in.Rows, batch.Row{Number: uint64(i + 1)})
	}
	st := &stages{}
	b.SetBytes(int64(len(out.Arena)))
	b.ReportAllocs()
	for b.Loop() {
		w.arena, w.ops, w.records, w.errs = w.arena[:0], w.ops[:0], w.records[:0], w.errs[:0]
		if st.validate(w, v, plan, &out, nil); len(w.ops) != rows {
			b.Fatalf("%d of %d rows became ops", len(w.ops), rows)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
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
