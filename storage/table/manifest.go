package table

import "encoding/binary"

// manifest is where a table stands as of its last fold; the log goes on from
// there.
type manifest struct {
	seq   uint64 // commits up to this one are folded
	next  uint64 // record number of the next row after them
	live  int64
	epoch uint64 // of the directory's pages
	pages uint64 // how many there are
	doms  shape
	ids   shape
}

// shape is how an index is cut into buckets: 1<<depth of them by the first bits
// of their hashes, of which the first done are already cut by target bits.
type shape struct {
	depth, target uint8
	done          uint64
	count         int64
}

const maxDepth = 32

func (m *manifest) append(dst []byte) []byte {
	u := binary.AppendUvarint
	dst = u(u(u(dst, m.seq), m.next), uint64(m.live))
	dst = u(u(dst, m.epoch), m.pages)
	for _, s := range []shape{m.doms, m.ids} {
		dst = append(dst, s.depth, s.target)
		dst = u(u(dst, s.done), uint64(s.count))
	}
	return dst
}

func (m *manifest) decode(payload []byte) bool {
	r := reader{payload, true}
	m.seq, m.next, m.live = r.uvarint(), r.uvarint(), int64(r.uvarint())
	m.epoch, m.pages = r.uvarint(), r.uvarint()
	for _, s := range []*shape{&m.doms, &m.ids} {
		s.depth, s.target = r.byte(), r.byte()
		s.done, s.count = r.uvarint(), int64(r.uvarint())
		if s.depth > s.target || s.target > maxDepth || s.done > 1<<s.depth || s.count < 0 {
			return false
		}
	}
	return r.done() && m.seq <= maxSeq && m.next <= maxRecord && m.live >= 0 && m.pages <= maxRecord
}
