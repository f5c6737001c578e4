package csvscan

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"sluice/engine/batch"
)

const (
	// MaxRow is the longest row in bytes, without its line end.
	MaxRow = 1 << 20
	// MaxRaw is how much of a failed row's raw text is kept.
	MaxRaw = 64 << 10
	// MaxColumns is the most columns a file may have.
	MaxColumns = 4096

	// maxBlock bounds what one batch reads, since a batch counts in 32 bits.
	maxBlock = 256 << 20
)

// Position is a row border: the next row starts at Offset.
type Position struct {
	Offset int64
	Row    uint64 // rows before it
	Line   uint64 // physical line of Offset, from 1
}

// Start is the position of a file's first row.
var Start = Position{Line: 1}

// Decoder reads rows of one file.
type Decoder struct {
	src     io.ReaderAt
	size    int64
	dialect Dialect
	needles needles
	cols    int
	pos     Position
	window  window
	perRow  int      // mean bytes of the last batch's rows
	ahead   [8]masks // of the next blocks

	// The last column_count message and the counts it is for: ragged files have
	// the same one a million times.
	raggedCells, raggedCols int
	ragged                  string
}

// New returns a decoder of src from a row border on. A size below zero is
// unknown: then the file ends where src says io.EOF. With a known size an early
// end is an error. The dialect must be valid.
func New(src io.ReaderAt, size int64, d Dialect, at Position) *Decoder {
	if err := d.Validate(); err != nil {
		panic("BUG: csvscan.New: " + err.Error())
	}
	if at.Line == 0 {
		at.Line = 1
	}
	return &Decoder{src: src, size: size, dialect: d, needles: newNeedles(d), pos: at, perRow: 256}
}

// Position returns the border of the next unread row.
func (d *Decoder) Position() Position { return d.pos }

// SetColumns says how many cells a row has; Next needs to know.
func (d *Decoder) SetColumns(n int) { d.cols = n }

// Next fills b with the next rows, at least one and at most maxRows. It reads
// about maxBytes, and more only for a single row that is longer. Rows with many
// columns and few bytes fill a batch earlier. After the last row it gives io.EOF
// and an empty batch; any other error leaves the position where it was.
func (d *Decoder) Next(b *batch.Batch, maxRows, maxBytes int) error {
	if d.cols < 1 || maxRows < 1 || maxBytes < 1 {
		panic("BUG: csvscan: Next needs SetColumns and limits above zero")
	}
	maxRows = min(maxRows, max(maxBytes/d.cols/2, 1)) // cells take four times maxBytes at most
	expected := d.perRow * min(maxRows, maxBlock)
	want := min(maxBytes, maxBlock, expected+expected/8+blockBytes)
	for {
		b.Reset(d.cols)
		n, last, err := d.readBlock(b, want)
		if err != nil {
			return err
		}
		from := d.pos.Offset
		d.scanBlock(b, n, last, maxRows)
		switch {
		case len(b.Rows) > 0:
			d.perRow = int(d.pos.Offset-from)/len(b.Rows) + 1
			return nil
		case d.pos.Offset > from && !last: // nothing but empty lines
		case last:
			b.Reset(d.cols)
			return io.EOF
		case n < MaxRow+2: // a line end may have two bytes
			want = min(max(2*n, blockBytes), MaxRow+2)
		default:
			return d.longRow(b)
		}
	}
}

// readBlock reads up to want bytes from the position into b's empty arena and
// puts blockBytes zeros behind them. last says that the file ends with them.
func (d *Decoder) readBlock(b *batch.Batch, want int) (n int, last bool, err error) {
	if d.size >= 0 {
		want = int(min(int64(want), max(d.size-d.pos.Offset, 0)))
	}
	b.Arena = slices.Grow(b.Arena, want+want/8+blockBytes)[:want+blockBytes]
	n, last, err = d.readAt(b.Arena[:want], d.pos.Offset)
	if err != nil {
		b.Arena = b.Arena[:0]
		return 0, false, err
	}
	b.Arena = b.Arena[:n+blockBytes]
	clear(b.Arena[n:])
	return n, last, nil
}

// readAt fills p from off unless the file ends before.
func (d *Decoder) readAt(p []byte, off int64) (n int, last bool, err error) {
	if d.size >= 0 {
		if rest := d.size - off; rest <= int64(len(p)) {
			p, last = p[:max(rest, 0)], true
		}
	}
	n, err = d.src.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, last, nil
	case d.size < 0 && errors.Is(err, io.EOF):
		return n, true, nil
	case err == nil || errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return 0, false, fmt.Errorf("read csv at byte %d: %w", off+int64(n), err)
}
