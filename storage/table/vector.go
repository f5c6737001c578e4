package table

import (
	"encoding/binary"
	"math/bits"
)

// slotSet is a set of slots.
type slotSet [blockRows / 64]uint64

func (s *slotSet) add(slot uint8)      { s[slot/64] |= 1 << (slot % 64) }
func (s *slotSet) has(slot uint8) bool { return s[slot/64]&(1<<(slot%64)) != 0 }

func (s *slotSet) len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// vector says which rows of a block are dead. Rows that some scan may still
// have to see carry the commit that killed them; the others are one bit each.
type vector struct {
	old    slotSet
	recent []deadRow // not in old
}

func (v *vector) reset() { *v = vector{recent: v.recent[:0]} }

// add marks a row dead as of a commit, unless it is known.
func (v *vector) add(d deadRow) {
	if !v.has(d.slot()) {
		v.recent = append(v.recent, d)
	}
}

// settle turns the rows that every scan since commit horizon knows as dead into bits.
func (v *vector) settle(horizon uint64) {
	kept := v.recent[:0]
	for _, d := range v.recent {
		if d.seq() <= horizon {
			v.old.add(d.slot())
		} else {
			kept = append(kept, d)
		}
	}
	v.recent = kept
}

func (v *vector) has(slot uint8) bool {
	if v.old.has(slot) {
		return true
	}
	for _, d := range v.recent {
		if d.slot() == slot {
			return true
		}
	}
	return false
}

func (v *vector) len() int { return len(v.recent) + v.old.len() }

func (v *vector) append(dst []byte) []byte {
	for _, w := range v.old {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	dst = binary.AppendUvarint(dst, uint64(len(v.recent)))
	for _, d := range v.recent {
		dst = append(dst, d.slot())
		dst = binary.AppendUvarint(dst, d.seq())
	}
	return dst
}

func (v *vector) decode(payload []byte) bool {
	v.reset()
	r := reader{payload, true}
	for i := range v.old {
		v.old[i] = r.uint64()
	}
	for n := r.count(2); n > 0 && r.ok; n-- {
		slot, seq := r.byte(), r.uvarint()
		if v.has(slot) || seq > maxSeq {
			return false
		}
		v.recent = append(v.recent, newDeadRow(seq, slot))
	}
	return r.done()
}
