package csvscan

import (
	"bytes"
	"math/bits"
	"slices"

	"sluice/engine/batch"
)

// blockScan is the state of scanning one block, which is the first n bytes of the
// batch's arena. Offsets are the arena's; base is the arena's place in the file.
type blockScan struct {
	d    *Decoder
	b    *batch.Batch
	buf  []byte // the block and its padding; stays valid when the arena moves
	n    int
	last bool
	base int64

	row    int    // start of the row being read
	cell   int    // start of the cell being read
	index  int    // cells of the row read so far
	extra  uint64 // line borders inside the row so far
	cells  []batch.Cell
	line   uint64
	number uint64
}

// scanBlock turns whole rows of the block into rows of b and moves the position
// behind them. It stops at a row that the block doesn't hold whole.
func (d *Decoder) scanBlock(b *batch.Batch, n int, last bool, maxRows int) {
	s := blockScan{d: d, b: b, buf: b.Arena, n: n, last: last,
		base: d.pos.Offset, line: d.pos.Line, number: d.pos.Row}
	for len(b.Rows) < maxRows && s.row < n {
		if !s.rows(maxRows) {
			break
		}
	}
	b.Cells = b.Cells[:len(b.Rows)*d.cols]
	d.pos = Position{Offset: s.base + int64(s.row), Row: s.number, Line: s.line}
}

// rows reads from the row at s.row to the first malformed one, which it ends, and
// reports whether to go on behind that.
func (s *blockScan) rows(maxRows int) bool {
	s.begin(s.row)
	g := rowStart()
	quote := uint16(s.d.dialect.Quote)
	if quote == 0 {
		quote = 0x100 // no byte
	}
	// The compiler keeps locals in registers; s has them again at each row's end.
	buf, cells, cell, index := s.buf, s.cells, s.cell, 0
	from := s.row
	var ahead []masks
	for at := from; at < s.n; at += blockBytes {
		if len(ahead) == 0 {
			ahead = s.d.classify(buf[at:], s.n-at, at-from)
		}
		m := &ahead[0]
		ahead = ahead[1:]
		v := g.step(m)
		events := m.delims&^v.inside | m.ends
		bad := v.bare | v.after
		if rest := s.n - at; rest < blockBytes {
			bad &= 1<<rest - 1
		}
		if bad != 0 {
			events &= bad&-bad - 1
		}
		for ; events != 0; events &= events - 1 {
			i := bits.TrailingZeros64(events)
			p := at + i
			if m.delims>>i&1 != 0 {
				if index < len(cells) {
					c := batch.NewCell(batch.Text, cell, p-cell)
					if uint16(buf[cell]) == quote {
						c = s.unquote(cell+1, p-1)
					}
					cells[index] = c
				}
				index++
				cell = p + 1
				continue
			}
			if v.inside>>i&1 != 0 {
				if buf[p] == '\n' || buf[p+1] != '\n' {
					s.extra++
				}
				continue
			}
			if p < cell {
				continue // the LF of a CRLF
			}
			next := p + 1
			if buf[p] == '\r' {
				if next == s.n && !s.last {
					return false // an LF may follow
				}
				if buf[next] == '\n' {
					next++
				}
			}
			s.cell, s.index = cell, index
			s.end(p, next)
			cells, cell, index = s.cells, s.cell, 0
			if len(s.b.Rows) == maxRows {
				return false
			}
		}
		if bad != 0 {
			s.index = index
			first := bad & -bad
			why := leftOpen
			switch {
			case first&v.bare != 0:
				why = bareQuote
			case first&v.after != 0:
				why = afterQuote
			}
			return s.malformed(at+bits.TrailingZeros64(bad), why)
		}
	}
	if !s.last {
		return false
	}
	if g.inside != 0 {
		s.index = index
		return s.malformed(s.n, leftOpen)
	}
	if s.row < s.n {
		s.cell, s.index = cell, index
		s.end(s.n, s.n)
	}
	return false
}

// begin starts a row at p.
func (s *blockScan) begin(p int) {
	s.row, s.cell, s.index, s.extra = p, p, 0, 0
	have := len(s.b.Rows) * s.d.cols
	s.b.Cells = slices.Grow(s.b.Cells[:have], s.d.cols)
	s.cells = s.b.Cells[have : have+s.d.cols]
}

// end ends the row at p, and its line at next.
func (s *blockScan) end(p, next int) {
	if p == s.row { // an empty line
		s.line++
		s.row, s.cell = next, next
		return
	}
	if s.index < len(s.cells) {
		c := batch.NewCell(batch.Text, s.cell, p-s.cell)
		if q := s.d.dialect.Quote; s.cell < p && s.buf[s.cell] == q && q != 0 {
			c = s.unquote(s.cell+1, p-1)
		}
		s.cells[s.index] = c
	}
	s.index++
	lines := s.extra + 1
	if next == p {
		lines-- // the file ends without a line end
	}
	s.append(p, next, lines)
	switch i := len(s.b.Rows) - 1; {
	case p-s.row > MaxRow:
		s.b.Rows[i].RawLen = MaxRaw
		s.fail(i, tooLarge())
	case s.index != len(s.cells):
		s.fail(i, s.d.columnCount(s.index))
	}
	s.begin(next)
}

// append adds the row that starts at s.row to the batch.
func (s *blockScan) append(p, next int, lines uint64) {
	s.number++
	s.b.Rows = append(s.b.Rows, batch.Row{
		Number: s.number, Line: s.line,
		End: s.base + int64(next), EndLine: s.line + lines,
		RawOff: uint32(s.row), RawLen: uint32(p - s.row),
	})
	s.line += lines
}

// fail marks row i, the last one, and empties its cells.
func (s *blockScan) fail(i int, f batch.Fault) {
	s.b.Fail(i, f.Column, f.Code, f.Message)
	for j := range s.cells {
		s.cells[j] = batch.NewCell(batch.Absent, 0, 0)
	}
}

// malformed ends the row whose quotes are wrong at p with its first line. It
// reports false where the block doesn't hold that line whole.
func (s *blockScan) malformed(p int, why reason) bool {
	end := s.row + lineEnd(s.buf[s.row:s.n])
	next := end
	if end < s.n {
		next++
		if s.buf[end] == '\r' && next < s.n && s.buf[next] == '\n' {
			next++
		}
	}
	if !s.last && next == s.n && (end == s.n || s.buf[end] == '\r') {
		return false
	}
	column := s.index
	if end < p || column >= s.d.cols {
		column = batch.NoColumn
	}
	if end < p {
		why = leftOpen
	}
	var lines uint64
	if next > end {
		lines = 1
	}
	s.append(end, next, lines)
	i := len(s.b.Rows) - 1
	s.b.Rows[i].RawLen = min(s.b.Rows[i].RawLen, MaxRaw)
	s.fail(i, malformed(why, column))
	s.row = next
	return true
}

// unquote returns the cell between two quotes, which is copied behind the block
// if it holds doubled ones.
func (s *blockScan) unquote(start, end int) batch.Cell {
	q := s.d.dialect.Quote
	p := s.buf[start:end]
	i := bytes.IndexByte(p, q)
	if i < 0 {
		return batch.NewCell(batch.Text, start, end-start)
	}
	off := len(s.b.Arena)
	for i >= 0 {
		s.b.Arena = append(s.b.Arena, p[:i+1]...)
		p = p[i+2:]
		i = bytes.IndexByte(p, q)
	}
	s.b.Arena = append(s.b.Arena, p...)
	return batch.NewCell(batch.Text, off, len(s.b.Arena)-off)
}

// lineEnd returns the index of p's first LF or CR, or its length.
func lineEnd(p []byte) int {
	for i, c := range p {
		if c == '\n' || c == '\r' {
			return i
		}
	}
	return len(p)
}
