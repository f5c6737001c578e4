package conform

import (
	"fmt"
	"strings"

	"sluice/engine/batch"
)

// defaultColumns are what many files have.
func defaultColumns() []string {
	return []string{"Name", "Domain", "Website", "Industry", "City", "Country", "Phone", "Employees"}
}

// value is one cell to be.
type value struct {
	kind batch.Kind
	text string
}

// oddValues has every kind and every length that guests trip over.
func oddValues() []value {
	return []value{
		{batch.Text, ""}, {batch.Absent, ""}, {batch.Null, ""},
		{batch.Number, "0"}, {batch.Number, "-1.5e3"}, {batch.Number, "12345678901234567890123"},
		{batch.Bool, "true"}, {batch.Bool, "false"},
		{batch.JSON, "[]"}, {batch.JSON, `["a",null,{"b":[1,2]}]`}, {batch.JSON, `{"a":"b"}`},
		{batch.Text, "x"}, {batch.Text, "   "}, {batch.Text, "Köln 日本語"}, {batch.Text, "a\x00b"},
		{batch.Text, "https://www.Example.COM:443/a/b?c=d#e"}, {batch.Text, strings.Repeat("long ", 2000)},
	}
}

// kindRows is a batch in which each column has each odd value once, and two rows
// have one kind throughout.
func kindRows(columns int) *batch.Batch {
	b := &batch.Batch{}
	b.Reset(columns)
	odd := oddValues()
	for i := range odd {
		addRow(b, func(j int) value { return odd[(i+j)%len(odd)] })
	}
	addRow(b, func(int) value { return value{batch.Absent, ""} })
	addRow(b, func(int) value { return value{batch.Text, ""} })
	return b
}

// plainRows are n rows as files have them; every 17th has an odd value.
func plainRows(columns, n int) *batch.Batch {
	b := &batch.Batch{}
	b.Reset(columns)
	odd := oddValues()
	odd = odd[:len(odd)-1] // the longest makes batches too large
	for i := range n {
		addRow(b, func(j int) value {
			if i%17 == 16 && j == i%columns {
				return odd[i/17%len(odd)]
			}
			plain := []string{fmt.Sprint("Company ", i), fmt.Sprintf("c%d.example", i), fmt.Sprintf("https://www.c%d.example/about", i),
				"Software", "Berlin", "Germany", "+49 30 123456", fmt.Sprint(i)}
			return value{batch.Text, plain[j%len(plain)]}
		})
	}
	return b
}

// longRow is one row with a cell of a megabyte, the longest row there is.
func longRow(columns int) *batch.Batch {
	b := &batch.Batch{}
	b.Reset(columns)
	addRow(b, func(j int) value {
		if j == columns-1 {
			return value{batch.Text, strings.Repeat("1234567 ", 125_000)}
		}
		return value{batch.Text, "x"}
	})
	return b
}

func addRow(b *batch.Batch, cell func(column int) value) {
	b.Rows = append(b.Rows, batch.Row{Number: uint64(len(b.Rows) + 1)})
	for j := range b.Cols {
		v := cell(j)
		b.Cells = append(b.Cells, b.Append(v.kind, []byte(v.text)))
	}
}

// part copies the rows of b that list names, in that order.
func part(b *batch.Batch, list []int) *batch.Batch {
	out := &batch.Batch{}
	out.Reset(b.Cols)
	for _, i := range list {
		out.Rows = append(out.Rows, batch.Row{Number: b.Rows[i].Number})
		for _, c := range b.Row(i) {
			out.Cells = append(out.Cells, out.Append(c.Kind(), b.Bytes(c)))
		}
	}
	return out
}

// said is what became of each row of in, as text that can be compared.
func said(in, out *batch.Batch) []string {
	rows := make([]strings.Builder, len(in.Rows))
	for i, source := range out.Source {
		for _, c := range out.Row(i) {
			fmt.Fprintf(&rows[source], " %d%q", c.Kind(), out.Bytes(c))
		}
		rows[source].WriteString(";")
	}
	for _, f := range in.Faults {
		fmt.Fprintf(&rows[f.Row], " error %d %s %s;", f.Column, f.Code, f.Message)
	}
	lines := make([]string, len(rows))
	for i := range rows {
		lines[i] = rows[i].String()
	}
	return lines
}
