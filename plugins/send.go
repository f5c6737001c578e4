package plugins

import (
	"sluice/engine/batch"
	"sluice/plugins/abi"
)

// outgoing is the part of a batch that goes to a guest in one call.
type outgoing struct {
	in    *batch.Batch
	input []int // columns that cross, in order
	whole bool  // all columns, as they are
	rows  []uint32

	low, high int // where all cross: the cells' bytes lie within these bounds of in.Arena
	bytes     int // of the cells
}

// spanSlack is how many bytes that no cell points to may be copied along, beside
// as many as the cells have, so that the arena is copied in one piece.
const spanSlack = 4096

// measure takes as many rows, from the front of rows, as fit the limits, at least
// one, and returns how many these are.
func (o *outgoing) measure(rows []uint32, maxRows, maxBytes int) int {
	o.low, o.high, o.bytes = len(o.in.Arena), 0, 0
	if len(rows) > maxRows {
		rows = rows[:maxRows]
	}
	in, input := o.in, o.input
	for n, r := range rows {
		low, high, size := o.low, o.high, 0
		cells := in.Row(int(r))
		if o.whole {
			for _, c := range cells {
				low, high, size = reach(c, low, high, size)
			}
		} else {
			for _, col := range input {
				size += cells[col].Len()
			}
		}
		if n > 0 && o.bytes+size+(n+1)*len(o.input)*abi.CellSize > maxBytes {
			o.rows = rows[:n]
			return n
		}
		o.low, o.high, o.bytes = low, high, o.bytes+size
	}
	o.rows = rows
	return len(rows)
}

func reach(c batch.Cell, low, high, size int) (int, int, int) {
	n := c.Len()
	if n == 0 {
		return low, high, size
	}
	return min(low, int(c.Off)), max(high, int(c.Off)+n), size + n
}

// spans reports whether the arena between low and high is copied in one piece.
// What a guest must not see forbids it.
func (o *outgoing) spans() bool {
	return o.whole && o.high-o.low <= 2*o.bytes+spanSlack
}

// size is how many bytes write needs.
func (o *outgoing) size() int {
	n := abi.BatchSize + len(o.rows)*len(o.input)*abi.CellSize
	if o.spans() {
		return n + max(o.high-o.low, 0)
	}
	return n + o.bytes
}

// write lays the batch out in region, whose address in the guest is base.
func (o *outgoing) write(region []byte, base uint32) {
	cells := len(o.rows) * len(o.input)
	abi.Batch{Rows: uint32(len(o.rows)), Cols: uint32(len(o.input)), Cells: base + abi.BatchSize}.Put(region)
	table := region[abi.BatchSize:]
	data := table[cells*abi.CellSize:]
	at := base + uint32(abi.BatchSize+cells*abi.CellSize)
	if !o.spans() {
		o.writeCells(table, data, at)
		return
	}
	if o.bytes > 0 {
		copy(data, o.in.Arena[o.low:o.high])
	}
	shift := at - uint32(o.low)
	for _, r := range o.rows {
		for _, c := range o.in.Row(int(r)) {
			ptr := at
			if c.Meta&abi.MaxCell != 0 {
				ptr = c.Off + shift
			}
			p := table[:abi.CellSize:abi.CellSize]
			table = table[abi.CellSize:]
			abi.PutU32(p, ptr)
			abi.PutU32(p[4:], c.Meta)
		}
	}
}

// writeCells copies cell by cell, the columns that cross alone. What AppendTo leaves
// behind one of them is overwritten by the next, as data ends with the last.
func (o *outgoing) writeCells(table, data []byte, base uint32) {
	in, input, at := o.in, o.input, 0
	for _, r := range o.rows {
		row := in.Row(int(r))
		for _, col := range input {
			c := row[col]
			p := table[:abi.CellSize:abi.CellSize]
			table = table[abi.CellSize:]
			abi.PutU32(p, base+uint32(at))
			abi.PutU32(p[4:], c.Meta)
			at = len(in.AppendTo(data[:at], c))
		}
	}
}
