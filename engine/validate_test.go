package engine

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"sluice/engine/batch"
	"sluice/engine/charset"
)

// FuzzRecord holds that a cell of an arena that was checked as a whole becomes what it
// becomes when it is checked alone, wherever it was cut, and that the patches before
// it stay as they are.
func FuzzRecord(f *testing.F) {
	long := strings.Repeat("a", 127)
	for _, s := range []string{"", "a", " ", "Acme", " Acme ", "München", "Österreich", "\u00a0", "\u00a0x", "\tx", "\x00", "\x7f", "\x80",
		"acme.com", "https://www.Acme.com/", long, long + "b", strings.Repeat(long+".", 3), long + long, long + long + "ab", strings.Repeat("ü", 64), "\"x\"", "null", "[1]", "12", "日本"} {
		for kind := range 6 {
			f.Add([]byte(s), []byte("tail of thirty-two bytes or more"), uint8(kind), uint8(0), uint8(0))
			f.Add([]byte(s), []byte{}, uint8(kind), uint8(0), uint8(1))
			f.Add([]byte(s), []byte("é"), uint8(kind), uint8(1), uint8(0))
		}
	}
	names := []string{"domain", "name", "website", "size", "description"}
	p, err := namedPlan(names)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, tail []byte, kind, skip, cut uint8) {
		from := min(int(skip), len(text))
		to := max(len(text)-int(cut), from)
		arena := slices.Concat(text, tail)
		cell := batch.NewCell(batch.Kind(kind%6), from, to-from)
		if cell.Kind() == batch.Absent || cell.Kind() == batch.Null {
			cell = batch.NewCell(cell.Kind(), 0, 0)
		}
		b := &batch.Batch{Arena: arena, Cols: len(names)}
		for i := range names {
			row := slices.Repeat([]batch.Cell{batch.NewCell(batch.Absent, 0, 0)}, len(names))
			row[i] = cell
			b.Cells = append(b.Cells, row...)
		}
		b.Cells = append(b.Cells, slices.Repeat([]batch.Cell{cell}, len(names))...)
		var whole, alone validator
		whole.valid = charset.Valid(arena)
		// One slice has room for copies of fixed size, the other never.
		one, other := make([]byte, 0, 1<<20), []byte(nil)
		for i := range len(names) + 1 {
			one = whole.record(one, p, b, b.Row(i))
			other = alone.record(slices.Clip(other), p, b, b.Row(i))
			if !bytes.Equal(one, other) || !slices.Equal(whole.errs, alone.errs) {
				t.Fatalf("row %d of %q, a cell of kind %d from %d to %d:\n%q %v\nand alone:\n%q %v", i, arena, cell.Kind(), from, to, one, whole.errs, other, alone.errs)
			}
		}
	})
}
