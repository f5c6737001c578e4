package table

import (
	"encoding/binary"
	"sort"

	"github.com/klauspost/compress/s2"
)

// Flags of a stored group.
const (
	groupSparse = 1 << iota // slots are listed
	groupMoved              // births are listed
	groupDates              // dates are listed
	groupPlain              // the records are not compressed
	groupFlags  = 1<<iota - 1
)

// maxGroupRaw is where a group ends though it has not 256 rows. One record may
// be longer.
const maxGroupRaw = 128 << 10

// maxRaw bounds what a damaged length can make us allocate. A record is at most
// 0.2 MB, and a group takes no more once it is over maxGroupRaw.
const maxRaw = 1 << 20

// groupRow is one row without its record.
type groupRow struct {
	birth            uint64 // record number that its id carries
	created, updated int64  // Unix milliseconds
	size             uint32 // bytes of its record
	job              string
	slot             uint8
}

// appendGroup appends the payload of a group of block. raw holds the records of
// rows, one behind the other. Slots rise.
func appendGroup(dst []byte, block uint64, rows []groupRow, raw []byte) []byte {
	first := &rows[0]
	flags := byte(0)
	for i := range rows {
		r := &rows[i]
		if r.slot != first.slot+uint8(i) {
			flags |= groupSparse
		}
		if r.birth != block<<blockBits|uint64(r.slot) {
			flags |= groupMoved
		}
		if r.created != first.created || r.updated != first.updated {
			flags |= groupDates
		}
	}
	at := len(dst)
	dst = append(dst, flags, byte(len(rows)-1), first.slot)
	if flags&groupSparse != 0 {
		for i := range rows {
			dst = append(dst, rows[i].slot)
		}
	}
	dst = binary.AppendVarint(dst, first.created)
	dst = binary.AppendVarint(dst, first.updated)
	dst = appendJobs(dst, rows)
	for i := range rows {
		dst = binary.AppendUvarint(dst, uint64(rows[i].size))
	}
	if flags&groupMoved != 0 {
		prev := int64(0)
		for i := range rows {
			d := int64(block<<blockBits|uint64(rows[i].slot)) - int64(rows[i].birth)
			dst = binary.AppendVarint(dst, d-prev)
			prev = d
		}
	}
	if flags&groupDates != 0 {
		for i := range rows {
			dst = binary.AppendVarint(dst, rows[i].created-first.created)
			dst = binary.AppendVarint(dst, rows[i].updated-first.updated)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(raw)))
	body := len(dst)
	dst = growBy(dst, s2.MaxEncodedLen(len(raw)))
	packed := s2.Encode(dst[body:], raw)
	if len(packed) >= len(raw) {
		dst[at] |= groupPlain
		return append(dst[:body], raw...)
	}
	return dst[:body+len(packed)]
}

// appendJobs appends the runs of rows that one job wrote; none at all where no
// row has a job.
func appendJobs(dst []byte, rows []groupRow) []byte {
	runs := 1
	for i := 1; i < len(rows); i++ {
		if rows[i].job != rows[i-1].job {
			runs++
		}
	}
	if runs == 1 && rows[0].job == "" {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(runs))
	for i := 0; i < len(rows); {
		n := 1
		for i+n < len(rows) && rows[i+n].job == rows[i].job {
			n++
		}
		dst = binary.AppendUvarint(dst, uint64(n))
		dst = binary.AppendUvarint(dst, uint64(len(rows[i].job)))
		dst = append(dst, rows[i].job...)
		i += n
	}
	return dst
}

func growBy(b []byte, n int) []byte {
	if cap(b)-len(b) < n {
		b = append(make([]byte, 0, len(b)+n+len(b)/2), b...)
	}
	return b[:len(b)+n]
}

// group is a decoded group. Its memory can be used again.
type group struct {
	block uint64
	key   uint8 // slot in its key
	rows  []groupRow
	offs  []uint32 // of the records in raw, and their end
	raw   []byte
}

// decode reads a group's payload; every length is checked. The group keeps no
// part of payload.
func (g *group) decode(block uint64, payload []byte) bool {
	g.block, g.rows, g.offs = block, g.rows[:0], g.offs[:0]
	if len(payload) < 3 || payload[0] > groupFlags || block > maxRecord>>blockBits {
		return false
	}
	flags, n, r := payload[0], int(payload[1])+1, reader{rest: payload[3:], ok: true}
	first := int(payload[2])
	if flags&groupSparse == 0 && first+n > blockRows {
		return false
	}
	for i := range n {
		slot := first + i
		if flags&groupSparse != 0 {
			slot = int(r.byte())
			if i > 0 && slot <= int(g.rows[i-1].slot) {
				return false
			}
		}
		g.rows = append(g.rows, groupRow{slot: uint8(slot), birth: block<<blockBits | uint64(uint8(slot))})
	}
	created, updated := r.varint(), r.varint()
	if !g.decodeJobs(&r) {
		return false
	}
	total := uint64(0)
	for i := range g.rows {
		size := r.uvarint()
		g.offs = append(g.offs, uint32(total))
		if total += size; size > maxRaw || total > 2*maxRaw {
			return false
		}
		g.rows[i].size = uint32(size)
	}
	g.offs = append(g.offs, uint32(total))
	if flags&groupMoved != 0 {
		d := int64(0)
		for i := range g.rows {
			d += r.varint()
			if d < 0 || uint64(d) > g.rows[i].birth {
				return false
			}
			g.rows[i].birth -= uint64(d)
		}
	}
	for i := range g.rows {
		g.rows[i].created, g.rows[i].updated = created, updated
		if flags&groupDates != 0 {
			g.rows[i].created += r.varint()
			g.rows[i].updated += r.varint()
		}
	}
	if r.uvarint() != total || !r.ok {
		return false
	}
	if flags&groupPlain != 0 {
		g.raw = append(g.raw[:0], r.rest...)
		return uint64(len(g.raw)) == total
	}
	if size, err := s2.DecodedLen(r.rest); err != nil || uint64(size) != total {
		return false
	}
	g.raw = growBy(g.raw[:0], int(total))
	raw, err := s2.Decode(g.raw, r.rest)
	if err != nil || uint64(len(raw)) != total {
		return false
	}
	g.raw = raw
	return true
}

func (g *group) decodeJobs(r *reader) bool {
	runs := r.uvarint()
	if runs == 0 {
		return r.ok
	}
	at := 0
	for ; runs > 0 && r.ok; runs-- {
		n, name := r.uvarint(), r.bytes()
		if n == 0 || n > uint64(len(g.rows)-at) {
			return false
		}
		job := string(name)
		for range n {
			g.rows[at].job = job
			at++
		}
	}
	return r.ok && at == len(g.rows)
}

// find returns the row of a slot.
func (g *group) find(slot uint8) (int, bool) {
	if len(g.rows) == 0 || slot < g.rows[0].slot {
		return 0, false
	}
	if i := int(slot - g.rows[0].slot); i < len(g.rows) && g.rows[i].slot == slot {
		return i, true
	}
	i := sort.Search(len(g.rows), func(i int) bool { return g.rows[i].slot >= slot })
	return i, i < len(g.rows) && g.rows[i].slot == slot
}

// record returns the record of row i; a view.
func (g *group) record(i int) []byte { return g.raw[g.offs[i]:g.offs[i+1]:g.offs[i+1]] }
