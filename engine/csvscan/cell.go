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
