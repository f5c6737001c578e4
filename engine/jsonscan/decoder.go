package jsonscan

import (
	"fmt"
	"io"

	"sluice/engine/batch"
	"sluice/engine/fault"
)

const (
	// MaxRowBytes is the longest row, without its line end.
	MaxRowBytes = 1 << 20

	// maxRawTooLarge is how much of a longer one is kept for the report.
	maxRawTooLarge = 64 << 10

	// maxArena keeps offsets far from the 32 bits of a cell.
	maxArena = 1 << 30

	cellBytes = 8
)

// Position is a border between rows. The zero value is the start; that after a
// batch.Row is {End, Number, EndLine}.
type Position struct {
	Offset int64  // of the next row's first byte
	Row    uint64 // data rows before it
	Line   uint64 // physical line there, from 1; 0 is taken as 1
}

// Options says what a Decoder makes of lines and keys.
type Options struct {
	Lines bool                  // number the lines; rows of a JSON body have none
	Known func(key []byte) bool // whether a key becomes a column; nil: every one does
}

// Decoder reads NDJSON into row batches: one line, one row. Lines end in LF or
// CRLF, the last one may end in nothing, and lines of white space are no rows.
// Its columns are the keys in order of first appearance in rows that decode.
//
// A row that is no object in valid JSON, or over a limit, fails and adds no
// column. Memory is bounded by the limits of Next, MaxRowBytes and MaxColumns.
type Decoder struct {
	lines   lineReader
	opts    Options
	at      Position
	keys    keys
	columns []string
	ignored []string
	strides []stride
	scratch []byte // an unescaped key
}

// stride says that the rows from row on were written with this many cells.
type stride struct{ row, cells int }

// New returns a Decoder for the size bytes of src, or all of them if size is
// below 0, from a border between rows.
func New(src io.ReaderAt, size int64, at Position, opts Options) *Decoder {
	d := &Decoder{lines: lineReader{src: src, size: size, off: at.Offset}, opts: opts, at: at}
	d.at.Line = max(at.Line, 1)
	d.keys.reset()
	return d
}

// Position returns the border after the last batch.
func (d *Decoder) Position() Position { return d.at }

// Columns returns the columns so far; a view that stays as it is.
func (d *Decoder) Columns() []string { return d.columns[:len(d.columns):len(d.columns)] }

// Ignored returns the first MaxIgnored keys that became no column, in order of
// first appearance.
func (d *Decoder) Ignored() []string { return d.ignored[:len(d.ignored):len(d.ignored)] }

// SetColumns gives a new Decoder the columns, at most MaxColumns, that an
// earlier one had at its position.
func (d *Decoder) SetColumns(names []string) {
	for _, name := range names[:min(len(names), MaxColumns)] {
		if d.keys.find([]byte(name)) == 0 {
			d.addKey([]byte(name), len(d.columns))
		}
		d.columns = append(d.columns, name)
	}
}

// SetIgnored does the same for the ignored keys.
func (d *Decoder) SetIgnored(names []string) {
	for _, name := range names[:min(len(names), MaxIgnored)] {
		if d.keys.find([]byte(name)) == 0 {
			d.addKey([]byte(name), ignored)
		}
		d.ignored = append(d.ignored, name)
	}
}

// addKey makes rows expect keys in the order in which they were added.
func (d *Decoder) addKey(name []byte, column int) {
	last := len(d.keys.list) - 1
	d.keys.list[last].next = d.keys.add(name, column)
}

// Next resets b and fills it with up to maxRows rows, at least one, whose lines
// and unescaped texts take about maxBytes: at most one row more. Rows with many
// columns fill a batch earlier. b.Cols is the number of columns known at its
// end. Next returns io.EOF when no row is left; on any other error b holds
// nothing of use and the Decoder is spent.
func (d *Decoder) Next(b *batch.Batch, maxRows, maxBytes int) error {
	b.Reset(0)
	d.strides = append(d.strides[:0], stride{0, len(d.columns)})
	maxBytes = min(maxBytes, maxArena)
	maxCells := maxBytes / cellBytes * 2
	for n := 0; n == 0 || n < maxRows; {
		l, err := d.lines.next()
		if err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		first := skipSpace(l.text, 0)
		if first == len(l.text) && !l.tooLarge {
			d.advance(l)
			continue
		}
		if n > 0 && (len(b.Arena)+len(l.text) > maxBytes || (n+1)*len(d.columns) > maxCells) {
			break
		}
		if !d.row(b, l, first, maxCells) {
			break
		}
		n++
		if err := d.finish(b, l); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
	}
	d.layout(b)
	if len(b.Rows) == 0 {
		return io.EOF
	}
	return nil
}

// advance goes past a line.
func (d *Decoder) advance(l line) {
	d.lines.take(l)
	d.at.Offset = d.lines.off
	d.at.Line += uint64(l.breaks)
}

// finish goes past the line of the last row and writes down where it lies.
func (d *Decoder) finish(b *batch.Batch, l line) error {
	r := &b.Rows[len(b.Rows)-1]
	start := d.at.Line
	if l.tooLarge {
		more, err := d.lines.skip()
		if err != nil {
			return err
		}
		d.at.Offset = d.lines.off
		d.at.Line += uint64(more)
	} else {
		d.advance(l)
	}
	d.at.Row++
	r.Number, r.End = d.at.Row, d.at.Offset
	if d.opts.Lines {
		r.Line, r.EndLine = start, d.at.Line
	}
	return nil
}

// row decodes a line into a new row of b. It reports false, and leaves b and the
// columns as they were, when the columns of the row make the table too large;
// only a batch's first row may do that.
func (d *Decoder) row(b *batch.Batch, l line, first, maxCells int) bool {
	off, start, cols, nKeys, nIgnored := len(b.Arena), len(b.Cells), len(d.columns), len(d.keys.list), len(d.ignored)
	text := l.text
	if l.tooLarge {
		text = text[:maxRawTooLarge]
	}
	b.Arena = append(b.Arena, text...)
	b.Rows = append(b.Rows, batch.Row{RawOff: uint32(off), RawLen: uint32(len(text))})

	var (
		at   int
		f    flaw
		code fault.Code
		msg  string
	)
	switch {
	case l.tooLarge:
		code, msg = fault.RowTooLarge, fmt.Sprintf("the row is longer than %d bytes", MaxRowBytes)
	case text[first] != '{':
		at, f = d.nonObject(text, first)
	default:
		for range cols {
			b.Cells = append(b.Cells, batch.NewCell(batch.Absent, 0, 0))
		}
		at, f = d.object(b, b.Arena[off:], first, off, start)
	}
	if f == notObject {
		code, msg = fault.InvalidType, "expected an object, found "+typeName(text[first])
	} else if f != sound {
		code, msg = fault.Malformed, f.describe(text, at)
	}

	n := len(b.Rows)
	tooWide := code == "" && n > 1 && n*len(d.columns) > maxCells
	if code != "" || tooWide {
		d.keys.truncate(nKeys)
		d.columns, d.ignored = d.columns[:cols], d.ignored[:nIgnored]
		b.Arena = b.Arena[:off+len(text)]
		b.Cells = b.Cells[:start]
	}
	switch {
	case tooWide:
		b.Arena = b.Arena[:off]
		b.Rows = b.Rows[:n-1]
		return false
	case code != "":
		for range cols {
			b.Cells = append(b.Cells, batch.NewCell(batch.Absent, 0, 0))
		}
		b.Fail(n-1, batch.NoColumn, code, msg)
	case len(d.columns) > cols:
		d.strides = append(d.strides, stride{n - 1, len(d.columns)})
	}
	return true
}

// nonObject tells a line that holds another value from one that is no JSON.
func (d *Decoder) nonObject(text []byte, first int) (int, flaw) {
	i, f := skipValue(text, first, 0)
	if f != sound {
		return i, f
	}
	if i = skipSpace(text, i); i < len(text) {
		return i, badEnd
	}
	return first, notObject
}

// layout gives all rows the cells of the last one. Rows were written with the
// columns known then; from the last to the first each moves once to its place.
func (d *Decoder) layout(b *batch.Batch) {
	b.Cols = len(d.columns)
	if len(d.strides) == 1 {
		return
	}
	src, dst := len(b.Cells), len(b.Rows)*b.Cols
	if grow := dst - src; grow > 0 {
		b.Cells = append(b.Cells, make([]batch.Cell, grow)...)
	}
	end := len(b.Rows)
	for i := len(d.strides) - 1; i >= 0; i-- {
		s := d.strides[i]
		for ; end > s.row; end-- {
			src -= s.cells
			dst -= b.Cols
			row := b.Cells[dst : dst+b.Cols]
			copy(row, b.Cells[src:src+s.cells])
			for c := s.cells; c < b.Cols; c++ {
				row[c] = batch.NewCell(batch.Absent, 0, 0)
			}
		}
	}
}
