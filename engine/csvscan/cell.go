package csvscan

import "bytes"

// AppendCell appends a cell as a file of dialect d writes it, in quotes where it
// needs them. A file of one column can't show an empty cell, since an empty line
// is no row; nor can a dialect without quotes show a delimiter.
func AppendCell(dst, cell []byte, d Dialect) []byte {
	if d.Quote == 0 || !d.needsQuotes(cell) {
		return append(dst, cell...)
	}
	dst = append(dst, d.Quote)
	for {
		i := bytes.IndexByte(cell, d.Quote)
		if i < 0 {
			break
		}
		dst = append(dst, cell[:i+1]...)
		dst = append(dst, d.Quote)
		cell = cell[i+1:]
	}
	dst = append(dst, cell...)
	return append(dst, d.Quote)
}

func (d Dialect) needsQuotes(cell []byte) bool {
	for _, c := range cell {
		if c == d.Delimiter || c == d.Quote || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

// CutCell cuts the first cell off a well-formed row, as it stands there; more is
// false when it was the last.
func (d Dialect) CutCell(row []byte) (cell, rest []byte, more bool) {
	quoted := false
	for i, c := range row {
		switch {
		case c == d.Quote && d.Quote != 0:
			quoted = !quoted
		case c == d.Delimiter && !quoted:
			return row[:i], row[i+1:], true
		}
	}
	return row, nil, false
}

// Cells is how many cells CutCell cuts a row into.
func (d Dialect) Cells(row []byte) int {
	for n := 1; ; n++ {
		var more bool
		if _, row, more = d.CutCell(row); !more {
			return n
		}
	}
}

// Text is what a cell of a well-formed row says: a view of it, or a copy where it
// has doubled quotes.
func (d Dialect) Text(cell []byte) []byte {
	if d.Quote == 0 || len(cell) < 2 || cell[0] != d.Quote {
		return cell
	}
	return bytes.ReplaceAll(cell[1:len(cell)-1], []byte{d.Quote, d.Quote}, []byte{d.Quote})
}
