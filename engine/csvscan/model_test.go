package csvscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"sluice/engine/batch"
)

// got is a row as tests compare it: everything but the batch it came in.
type got struct {
	pos   Position // before the row's end line: Number, Line
	end   int64
	endLn uint64
	raw   string
	cells string // %q of the cells, or the fault
}

// readAll decodes data from a position with given limits, checking what every
// batch must hold.
func readAll(t testing.TB, data []byte, d Dialect, cols int, at Position, maxRows, maxBytes int) []got {
	t.Helper()
	dec := New(bytes.NewReader(data), int64(len(data)), d, at)
	dec.SetColumns(cols)
	var rows []got
	var b batch.Batch
	for {
		err := dec.Next(&b, maxRows, maxBytes)
		if errors.Is(err, io.EOF) {
			if len(b.Rows) != 0 {
				t.Fatalf("io.EOF with %d rows", len(b.Rows))
			}
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := len(b.Rows); n == 0 || n > maxRows || len(b.Cells) != n*cols {
			t.Fatalf("batch of %d rows, %d cells, at most %d rows of %d cells wanted", n, len(b.Cells), maxRows, cols)
		}
		faults := b.Faults
		for i := range b.Rows {
			r := &b.Rows[i]
			g := got{Position{Row: r.Number, Line: r.Line}, r.End, r.EndLine, string(b.Raw(i)), ""}
			if r.Failed {
				g.cells = fmt.Sprint(faults[0].Code, " ", faults[0].Column, " ", faults[0].Message)
				if faults[0].Row != i {
					t.Fatalf("fault of row %d where row %d failed", faults[0].Row, i)
				}
				faults = faults[1:]
				for _, c := range b.Row(i) {
					if c.Kind() != batch.Absent {
						t.Fatalf("a failed row has the cell %v", c)
					}
				}
			} else {
				var cells []string
				for _, c := range b.Row(i) {
					cells = append(cells, string(b.Bytes(c)))
				}
				g.cells = fmt.Sprintf("%q", cells)
			}
			rows = append(rows, g)
		}
		last := b.Rows[len(b.Rows)-1]
		p := dec.Position()
		if want := (Position{last.End, last.Number, last.EndLine}); p != want && p.Offset < last.End {
			t.Fatalf("position %v after a batch that ends at %v", p, want)
		}
	}
}

// model is the decoder's rules, one byte after another.
func model(data []byte, d Dialect, cols int) (rows []got) {
	pos := Position{Line: 1}
	for pos.Offset < int64(len(data)) {
		p := data[pos.Offset:]
		cells, end, why := modelRow(p, d)
		line := lineEnd(p)
		g := got{pos: Position{Row: pos.Row + 1, Line: pos.Line}}
		switch {
		case why >= 0:
			column := len(cells)
			if line < end {
				column, why = batch.NoColumn, int(leftOpen)
			} else if column >= cols {
				column = batch.NoColumn
			}
			g.cells = fmt.Sprint("malformed ", column, " ", reasons[why])
			end = line
		case end > MaxRow:
			g.cells = fmt.Sprint("row_too_large ", batch.NoColumn, " ", tooLarge().Message)
		case len(cells) != cols:
			g.cells = fmt.Sprintf("column_count -1 the row has %s, expected %d", count(len(cells), "cell"), cols)
		default:
			g.cells = fmt.Sprintf("%q", cells)
		}
		next := end
		if bytes.HasPrefix(p[end:], []byte("\r\n")) {
			next += 2
		} else if next < len(p) {
			next++
		}
		breaks := strings.ReplaceAll(strings.ReplaceAll(string(p[:next]), "\r\n", "\n"), "\r", "\n")
		pos.Line += uint64(strings.Count(breaks, "\n"))
		pos.Offset += int64(next)
		if end == 0 {
			continue
		}
		pos.Row++
		g.end, g.endLn = pos.Offset, pos.Line
		g.raw = string(p[:end])
		if g.cells[0] != '[' && len(g.raw) > MaxRaw && g.cells[0] != 'c' {
			g.raw = g.raw[:MaxRaw]
		}
		rows = append(rows, g)
	}
	return rows
}

// modelRow reads one row: its cells and end, or what is wrong at end.
func modelRow(p []byte, d Dialect) (cells []string, end, why int) {
	i := 0
	for {
		var cell []byte
		if d.Quote != 0 && i < len(p) && p[i] == d.Quote {
			for i++; ; i++ {
				if i >= len(p) {
					return cells, len(p), int(leftOpen)
				}
				if p[i] == d.Quote {
					i++
					if i >= len(p) || p[i] != d.Quote {
						break
					}
				}
				cell = append(cell, p[i])
			}
			if i < len(p) && p[i] != d.Delimiter && p[i] != '\n' && p[i] != '\r' {
				return cells, i, int(afterQuote)
			}
		} else {
			for ; i < len(p) && p[i] != d.Delimiter && p[i] != '\n' && p[i] != '\r'; i++ {
				if d.Quote != 0 && p[i] == d.Quote {
					return cells, i, int(bareQuote)
				}
				cell = append(cell, p[i])
			}
		}
		cells = append(cells, string(cell))
		if i >= len(p) || p[i] != d.Delimiter {
			return cells, i, -1
		}
		i++
	}
}
