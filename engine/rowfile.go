package engine

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"sluice/engine/batch"
	"sluice/engine/csvscan"
	"sluice/engine/fault"
	"sluice/engine/jsonscan"
)

// rowFile writes failed rows as CSV: each is first measured, then written.
type rowFile struct {
	w       io.Writer
	dialect csvscan.Dialect
	json    bool // cells are JSON objects
	header  bool
	columns []string        // of JSON the keys of what was measured
	keys    map[string]bool // the same
	cut     uint64          // first row whose cells were not kept; 0: all were

	spreadsheet bool // formulas are told to be text

	width int    // cells of the widest row that was measured
	last  uint64 // number of the last one

	line  []byte
	cells int // in line
}

// measure learns how many cells a row takes.
func (f *rowFile) measure(r failedRow) error {
	f.last = r.number
	cells := 1
	switch {
	case f.json:
		f.addKeys(r.cells)
	case !f.whole(&r):
		cells = f.dialect.Cells(r.cells)
	}
	f.width = max(f.width, cells)
	return nil
}

// addKeys adds the keys of a JSON row to the columns. One that is no object has
// none.
func (f *rowFile) addKeys(row []byte) {
	if jsonscan.Valid(row) != nil {
		return
	}
	_ = jsonscan.Object(row, func(key []byte, _ batch.Kind, _ []byte) error {
		if k := string(key); !f.keys[k] && len(f.columns) < csvscan.MaxColumns {
			f.keys[k] = true
			f.columns = append(f.columns, k)
		}
		return nil
	})
}

// whole reports whether a row is shown in one cell: it could not be cut into
// cells, or into more than a file may have.
func (f *rowFile) whole(r *failedRow) bool {
	return uncut(r.errs) || f.dialect.Cells(r.cells) > csvscan.MaxColumns
}

// begin writes the header. Cells beyond the file's own columns come under names
// that it does not have.
func (f *rowFile) begin() error {
	for n := len(f.columns) + 1; n <= f.width; n++ {
		name := fmt.Sprintf("_column_%d", n)
		for slices.Contains(f.columns, name) {
			name = "_" + name
		}
		f.columns = append(f.columns, name)
	}
	if !f.header {
		return nil
	}
	for _, c := range f.columns {
		f.add([]byte(c))
	}
	f.add([]byte("_error_code"))
	f.add([]byte("_error_message"))
	return f.end()
}

// add appends one cell to the line.
func (f *rowFile) add(cell []byte) {
	f.next()
	if f.spreadsheet && csvscan.IsFormula(cell) {
		cell = csvscan.AppendAsText(nil, cell)
	}
	f.line = csvscan.AppendCell(f.line, cell, f.dialect)
}

// next begins a cell.
func (f *rowFile) next() {
	if f.cells > 0 {
		f.line = append(f.line, f.dialect.Delimiter)
	}
	f.cells++
}

func (f *rowFile) row(r *failedRow) error {
	if r == nil {
		return nil
	}
	codes := make([]string, len(r.errs))
	messages := make([]string, len(r.errs))
	for i, e := range r.errs {
		codes[i], messages[i] = string(e.Code), e.Message
		if e.Column != "" {
			messages[i] = e.Column + ": " + e.Message
		}
	}
	if f.cut > 0 && r.number >= f.cut && r.cells == nil {
		messages = append(messages, fmt.Sprintf("row %d; from row %d on the report is full, and cells were not kept (--max-report-bytes)", r.number, f.cut))
	}
	switch {
	case f.json:
		f.object(r.cells)
	case f.whole(r):
		f.add(r.cells)
	default:
		f.sent(r.cells)
	}
	for f.cells < len(f.columns) { // the error's code comes under its header
		f.add(nil)
	}
	f.add([]byte(strings.Join(codes, "; ")))
	f.add([]byte(strings.Join(messages, "; ")))
	return f.end()
}

// uncut reports whether a row could not be cut into cells.
func uncut(errs []RowError) bool {
	return len(errs) > 0 && (errs[0].Code == fault.Malformed || errs[0].Code == fault.RowTooLarge)
}

// sent adds the cells of a well-formed row as they were sent.
func (f *rowFile) sent(row []byte) {
	for more := true; more; {
		var cell []byte
		cell, row, more = f.dialect.CutCell(row)
		if f.spreadsheet && csvscan.IsFormula(f.dialect.Text(cell)) {
			f.add(f.dialect.Text(cell))
			continue
		}
		f.next()
		f.line = append(f.line, cell...)
	}
}

// object adds the values of a JSON row under the columns.
func (f *rowFile) object(row []byte) {
	values := map[string][]byte{}
	if jsonscan.Valid(row) == nil {
		_ = jsonscan.Object(row, func(key []byte, kind batch.Kind, value []byte) error {
			if kind != batch.Null {
				values[string(key)] = append([]byte(nil), value...)
			}
			return nil
		})
	}
	if len(values) == 0 && len(row) > 0 {
		f.add(row) // no object: shown as it was sent
		return
	}
	for _, c := range f.columns {
		f.add(values[c])
	}
}

func (f *rowFile) end() error {
	f.line = append(f.line, '\n')
	_, err := f.w.Write(f.line)
	f.line, f.cells = f.line[:0], 0
	return err
}
