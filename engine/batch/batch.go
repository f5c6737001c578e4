// Package batch holds the row batch, the type that every stage of an import
// shares: one arena of bytes and a row-major table of cells that point into it.
//
// Decoders fill a Batch, the plugin reads one and answers another, validation
// marks rows as failed. No stage turns rows into objects, and a batch is reused:
// Reset keeps the capacity. A Batch belongs to one goroutine at a time; handing
// it on hands on all of its bytes. Views returned by methods are valid until the
// batch is Reset or its Arena grows.
package batch

import (
	"encoding/binary"

	"sluice/engine/fault"
)

// Kind says what a cell holds. The numbers are the plugin ABI's.
type Kind uint8

const (
	Text   Kind = iota // characters, as sent
	Absent             // the row has no such key; no bytes
	Null               // JSON null; no bytes
	Number             // a JSON number, as written
	Bool               // true or false
	JSON               // the text of a JSON array or object; of any value in what a plugin answers
	kinds
)

// Valid reports whether k is a kind of the ABI.
func (k Kind) Valid() bool { return k < kinds }

const (
	kindShift = 28

	// MaxCell is the longest cell in bytes: its length shares a word with its kind.
	MaxCell = 1<<kindShift - 1
)

// Cell points to one value in a Batch's Arena. Its two words have the layout of
// the plugin ABI (u32 offset, u32 length | kind<<28), so a table of cells is
// copied into a guest as it stands.
type Cell struct {
	Off  uint32
	Meta uint32
}

// NewCell returns the cell of n bytes at off.
func NewCell(kind Kind, off, n int) Cell {
	return Cell{Off: uint32(off), Meta: uint32(n) | uint32(kind)<<kindShift}
}

// Kind returns what the cell holds.
func (c Cell) Kind() Kind { return Kind(c.Meta >> kindShift) }

// Len returns the cell's length in bytes.
func (c Cell) Len() int { return int(c.Meta & MaxCell) }

// Row is what is known of a row besides its cells.
type Row struct {
	Number  uint64 // data row in the upload, from 1
	Line    uint64 // physical line of its first byte, from 1; 0 where lines mean nothing (JSON rows)
	End     int64  // spool offset of the first byte after the row and its line end
	EndLine uint64 // physical line at End
	RawOff  uint32 // the row as sent, in Arena, without its line end
	RawLen  uint32
	Failed  bool // a Fault names it; its cells may be missing
}

// Fault is one problem of one row.
type Fault struct {
	Row     int // index into Rows
	Column  int // index of the column as sent, or NoColumn
	Code    fault.Code
	Message string
}

// NoColumn is the Column of a fault that concerns a row as a whole.
const NoColumn = -1

// Batch is a run of rows with the same columns.
type Batch struct {
	Arena  []byte
	Cells  []Cell // len(Rows) × Cols, row-major; all Absent for a row that failed to decode
	Cols   int
	Rows   []Row
	Faults []Fault // of Rows; by row, but for those a later stage appends

	// Source is only filled in a plugin's answer: the input row that each row
	// came from. An answer has no Rows and no Faults of its own: its faults are
	// those of the input rows and are recorded there.
	Source []uint32
}

// Reset empties b and keeps its memory.
func (b *Batch) Reset(cols int) {
	b.Arena = b.Arena[:0]
	b.Cells = b.Cells[:0]
	b.Cols = cols
	b.Rows = b.Rows[:0]
	clear(b.Faults) // drop the messages
	b.Faults = b.Faults[:0]
	b.Source = b.Source[:0]
}

// Row returns the cells of row i; a view.
func (b *Batch) Row(i int) []Cell { return b.Cells[i*b.Cols : (i+1)*b.Cols : (i+1)*b.Cols] }

// Bytes returns the bytes of a cell; a view.
func (b *Batch) Bytes(c Cell) []byte {
	return b.Arena[c.Off : int(c.Off)+c.Len() : int(c.Off)+c.Len()]
}

// Wide is how many bytes are copied as fast as one. Cells are short and of any length,
// so that copying one by a loop or a call costs mispredicted branches.
const Wide = 32

// AppendTo appends the bytes of a cell to dst. What lies behind them within dst's
// capacity is overwritten.
func (b *Batch) AppendTo(dst []byte, c Cell) []byte {
	at, n := len(dst), c.Len()
	if n <= Wide && cap(dst)-at >= Wide && len(b.Arena)-int(c.Off) >= Wide {
		copyWide(dst[at:at+Wide], b.Arena[c.Off:])
		return dst[:at+n]
	}
	return append(dst, b.Arena[c.Off:int(c.Off)+n]...)
}

func copyWide(to, from []byte) {
	to, from = to[:Wide:Wide], from[:Wide:Wide]
	le := binary.LittleEndian
	x, y, z, w := le.Uint64(from), le.Uint64(from[8:]), le.Uint64(from[16:]), le.Uint64(from[24:])
	le.PutUint64(to, x)
	le.PutUint64(to[8:], y)
	le.PutUint64(to[16:], z)
	le.PutUint64(to[24:], w)
}

// Raw returns row i as it was sent; a view.
func (b *Batch) Raw(i int) []byte {
	r := &b.Rows[i]
	return b.Arena[r.RawOff : r.RawOff+r.RawLen : r.RawOff+r.RawLen]
}

// Append copies p into the arena and returns its cell.
func (b *Batch) Append(kind Kind, p []byte) Cell {
	off := len(b.Arena)
	b.Arena = append(b.Arena, p...)
	return NewCell(kind, off, len(p))
}

// Fail records a problem of row i and marks the row.
func (b *Batch) Fail(i, column int, code fault.Code, message string) {
	b.Rows[i].Failed = true
	b.Faults = append(b.Faults, Fault{Row: i, Column: column, Code: code, Message: message})
}

// AbsentRow appends the cells of a row that has none.
func (b *Batch) AbsentRow() {
	for range b.Cols {
		b.Cells = append(b.Cells, NewCell(Absent, 0, 0))
	}
}
