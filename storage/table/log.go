package table

import (
	"encoding/binary"
)

// Record numbers and sequence numbers stay below these, so that they fit beside
// a slot and in the places of an index.
const (
	maxRecord = 1<<48 - 1
	maxSeq    = 1<<48 - 1
)

// entry is what one commit did, as far as its row groups do not say it: what
// the log keeps until the next fold. New places are not in it, since the new
// rows themselves tell them.
type entry struct {
	seq    uint64
	start  uint64 // record number of its first row
	rows   uint64 // rows that it wrote
	live   int64  // companies in the table after it
	dead   []uint64
	gone   []hash     // domains that have no company any more
	unborn []uint64   // births whose company is deleted
	blocks []blockFix // what vacuum made of blocks
}

// blockFix is a block that vacuum wrote anew, with what is stored of it now.
type blockFix struct {
	block  uint64
	phys   int
	groups int
	vector bool
}

// append appends the entry to the value of a log key, which is a list of them.
func (e *entry) append(dst []byte) []byte {
	u := binary.AppendUvarint
	dst = u(u(u(u(dst, e.seq), e.start), e.rows), uint64(e.live))
	dst = appendDeltas(dst, e.dead)
	dst = u(dst, uint64(len(e.gone)))
	for _, h := range e.gone {
		dst = binary.LittleEndian.AppendUint64(dst, h.hi)
		dst = binary.LittleEndian.AppendUint32(dst, h.lo)
	}
	dst = appendDeltas(dst, e.unborn)
	dst = u(dst, uint64(len(e.blocks)))
	for _, b := range e.blocks {
		dst = u(dst, b.block)
		dst = u(dst, uint64(newDirEntry(0, b.phys, b.groups, b.vector)))
	}
	return dst
}

// maxEntryHead is more than an entry without its lists takes.
const maxEntryHead = 64

// maxDelta is more than one record number of an entry takes.
const maxDelta = 7

func appendDeltas(dst []byte, list []uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	prev := uint64(0)
	for _, x := range list {
		dst = binary.AppendVarint(dst, int64(x-prev))
		prev = x
	}
	return dst
}

// decode reads the next entry.
func (e *entry) decode(r *reader) bool {
	e.seq, e.start, e.rows, e.live = r.uvarint(), r.uvarint(), r.uvarint(), int64(r.uvarint())
	e.dead = readDeltas(r, e.dead[:0])
	e.gone = e.gone[:0]
	for n := r.count(12); n > 0 && r.ok; n-- {
		e.gone = append(e.gone, r.hash())
	}
	e.unborn = readDeltas(r, e.unborn[:0])
	e.blocks = e.blocks[:0]
	for n := r.count(2); n > 0 && r.ok; n-- {
		block, word := r.uvarint(), r.uvarint()
		d := dirEntry(word)
		if word > 1<<28 || !d.valid() || block > maxRecord>>blockBits {
			r.fail()
		}
		e.blocks = append(e.blocks, blockFix{block, d.phys(), d.groups(), d.vector()})
	}
	if e.seq > maxSeq || e.start > maxRecord || e.rows > maxRecord || e.live < 0 {
		r.fail()
	}
	return r.ok
}

func readDeltas(r *reader, list []uint64) []uint64 {
	prev := uint64(0)
	for n := r.count(1); n > 0 && r.ok; n-- {
		prev += uint64(r.varint())
		if prev > maxRecord {
			r.fail()
		}
		list = append(list, prev)
	}
	return list
}
