package spool

import "sync"

// pieceBytes are written at once, where they fill whole large pages of the cache:
// a write that ends within one takes a third more of a processor.
const pieceBytes = 256 << 10

// pieces are buffers of Writers: a piece, and the end of the block that it ends in.
var pieces = sync.Pool{New: func() any { return new([pieceBytes + fullBytes]byte) }}

func getPiece() []byte { return pieces.Get().(*[pieceBytes + fullBytes]byte)[:0] }

func putPiece(p []byte) { pieces.Put((*[pieceBytes + fullBytes]byte)(p[:pieceBytes+fullBytes])) }
