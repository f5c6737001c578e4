package sluice

import "unsafe"

// arena keeps texts that a plugin made, until the next batch. Its pieces never
// move.
type arena struct {
	pieces [][]byte // the last one is being filled
	used   int      // pieces in use
	at     int      // in the last of them
}

const pieceBytes = 64 << 10

func (a *arena) reset() {
	if len(a.pieces) > 16 { // one batch was large; the next need not be
		a.pieces = a.pieces[:16:16]
	}
	a.used, a.at = 0, 0
}

func (a *arena) keep(text string) uint32 {
	if len(text) == 0 {
		return 0
	}
	if len(text) > pieceBytes {
		// A piece of its own, put before the one that is being filled.
		own := grab(len(text))
		copy(own, text)
		a.pieces = append(a.pieces, nil)
		copy(a.pieces[1:], a.pieces)
		a.pieces[0] = own
		a.used++
		return address(&own[0])
	}
	for a.used == 0 || len(a.pieces[a.used-1])-a.at < len(text) {
		if a.used == len(a.pieces) {
			a.pieces = append(a.pieces, grab(pieceBytes))
		}
		a.used++
		a.at = 0
	}
	piece := a.pieces[a.used-1][a.at:]
	copy(piece, text)
	a.at += len(text)
	return address(&piece[0])
}

// room makes the table of cells hold n without moving; what it has is kept.
func (m *machine) room(n int) {
	if n <= cap(m.cells) {
		return
	}
	bytes := grab(n * int(unsafe.Sizeof(cell{})))
	cells := unsafe.Slice((*cell)(unsafe.Pointer(&bytes[0])), n)[:len(m.cells)]
	copy(cells, m.cells)
	m.cells = cells
}

func cellsAt(ptr uint32, n int) []cell {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*cell)(pointer(ptr)), n)
}

func view(ptr, n uint32) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(ptr)), n)
}

func textAt(ptr, n uint32) string {
	if n == 0 {
		return ""
	}
	return unsafe.String((*byte)(pointer(ptr)), n)
}

func address(p *byte) uint32        { return addressOf(p) }
func addressOfText(s string) uint32 { return addressOf(unsafe.StringData(s)) }
func addressOf[T any](p *T) uint32  { return offset(unsafe.Pointer(p)) }
func tableOf[T any](table []T) uint32 {
	if len(table) == 0 {
		return 0
	}
	return addressOf(&table[0])
}
