package csvscan

import (
	"bytes"
	"io"

	"sluice/engine/fault"
)

// Header reads the first row as column names and moves behind it. It doesn't
// count as a row. A file without one, or with one that can't be read, is a
// fault.Validation.
func (d *Decoder) Header() ([]string, error) {
	cells, next, err := d.first("header row")
	if err == io.EOF {
		return nil, fault.New(fault.Validation, "the CSV is empty; it must start with a header row, or has_header must be false")
	}
	if err != nil {
		return nil, err
	}
	d.pos = next
	return cells, nil
}

// First reads the first row and stays before it: for files without a header. It
// gives io.EOF where there is none.
func (d *Decoder) First() ([]string, error) {
	cells, _, err := d.first("first row")
	return cells, err
}

func (d *Decoder) first(name string) (cells []string, next Position, err error) {
	next = d.pos
	for {
		start := next.Offset
		x, err := d.measure(start)
		if err != nil {
			return nil, Position{}, err
		}
		if x.bad {
			return nil, Position{}, fault.New(fault.Validation, "the CSV's %s (line %d) is malformed: %s", name, next.Line, reasons[x.why])
		}
		if x.end == x.next && x.end == start {
			return nil, Position{}, io.EOF
		}
		lines, err := d.linesIn(start, x.next)
		if err != nil {
			return nil, Position{}, err
		}
		next.Offset, next.Line = x.next, next.Line+lines
		if x.end == start { // an empty line
			continue
		}
		if x.end-start > MaxRow {
			return nil, Position{}, fault.New(fault.Validation, "the CSV's %s is longer than %d bytes, the most that it may have", name, MaxRow)
		}
		if x.column+1 > MaxColumns {
			return nil, Position{}, fault.New(fault.Validation, "the CSV's %s has %d columns, more than the %d allowed", name, x.column+1, MaxColumns)
		}
		raw := make([]byte, x.end-start)
		if _, _, err := d.readAt(raw, start); err != nil {
			return nil, Position{}, err
		}
		return d.dialect.split(raw, x.column+1), next, nil
	}
}

// split cuts a well-formed row into n cells.
func (d Dialect) split(row []byte, n int) []string {
	cells := make([]string, 0, n)
	for {
		var cell []byte
		if d.Quote != 0 && len(row) > 0 && row[0] == d.Quote {
			row = row[1:]
			for {
				i := bytes.IndexByte(row, d.Quote)
				if i+1 == len(row) || row[i+1] != d.Quote {
					cell, row = append(cell, row[:i]...), row[i+1:]
					break
				}
				cell, row = append(cell, row[:i+1]...), row[i+2:]
			}
		} else {
			i := bytes.IndexByte(row, d.Delimiter)
			if i < 0 {
				i = len(row)
			}
			cell, row = row[:i], row[i:]
		}
		cells = append(cells, string(cell))
		if len(row) == 0 {
			return cells
		}
		row = row[1:]
	}
}
