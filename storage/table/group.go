package table

import (
	"encoding/binary"
	"slices"

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
	size, off        uint32 // of its record; off is only known in a commit
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

// group is a decoded group. Columns that say the same of every row are not
// spelled out. Its memory can be used again.
type group struct {
	block            uint64
	key              uint8 // slot in its key
	n                int
	first            uint8
	slots            []uint8 // empty: from first on without a gap
	created, updated int64
	births           []uint64 // empty: none has moved
	dates            []int64  // created and updated of each; empty: as above
	jobs             []jobRun
	offs             []uint32 // of the records in raw, and their end
	raw              []byte
}

// jobRun is a number of rows that one job wrote.
type jobRun struct {
	end int
	job string
}

// decode reads a group's payload; every length is checked. The group keeps no
// part of payload.
func (g *group) decode(block uint64, payload []byte) bool {
	g.block, g.n = block, 0
	g.slots, g.births, g.dates, g.jobs, g.offs = g.slots[:0], g.births[:0], g.dates[:0], g.jobs[:0], g.offs[:0]
	if len(payload) < 3 || payload[0] > groupFlags || block > maxRecord>>blockBits {
		return false
	}
	flags, r := payload[0], reader{rest: payload[3:], ok: true}
	g.n, g.first = int(payload[1])+1, payload[2]
	if flags&groupSparse == 0 && int(g.first)+g.n > blockRows || flags&groupSparse != 0 && !g.decodeSlots(&r) {
		return false
	}
	g.created, g.updated = r.varint(), r.varint()
	if !g.decodeJobs(&r) {
		return false
	}
	total := uint64(0)
	for range g.n {
		g.offs = append(g.offs, uint32(total))
		size := r.uvarint()
		if total += size; size > maxRaw || total > 2*maxRaw {
			return false
		}
	}
	g.offs = append(g.offs, uint32(total))
	if flags&groupMoved != 0 {
		d := int64(0)
		for i := range g.n {
			rec := block<<blockBits | uint64(g.slot(i))
			if d += r.varint(); d < 0 || uint64(d) > rec {
				return false
			}
			g.births = append(g.births, rec-uint64(d))
		}
	}
	if flags&groupDates != 0 {
		for range g.n {
			g.dates = append(g.dates, g.created+r.varint(), g.updated+r.varint())
		}
	}
	return r.uvarint() == total && r.ok && g.decodeRecords(flags, r.rest, int(total))
}

func (g *group) decodeSlots(r *reader) bool {
	for i := range g.n {
		slot := r.byte()
		if i > 0 && slot <= g.slots[i-1] {
			return false
		}
		g.slots = append(g.slots, slot)
	}
	return r.ok && g.slots[0] == g.first
}

func (g *group) decodeJobs(r *reader) bool {
	at := 0
	for runs := r.count(2); runs > 0; runs-- {
		n, name := r.uvarint(), r.bytes()
		if n == 0 || n > uint64(g.n-at) || !r.ok {
			return false
		}
		at += int(n)
		g.jobs = append(g.jobs, jobRun{at, string(name)})
	}
	return r.ok && (at == 0 || at == g.n)
}

func (g *group) decodeRecords(flags byte, packed []byte, total int) bool {
	if flags&groupPlain != 0 {
		g.raw = append(g.raw[:0], packed...)
		return len(g.raw) == total
	}
	if size, err := s2.DecodedLen(packed); err != nil || size != total {
		return false
	}
	if cap(g.raw) < total {
		g.raw = make([]byte, total)
	}
	raw, err := s2.Decode(g.raw[:cap(g.raw)], packed)
	if err != nil || len(raw) != total {
		return false
	}
	g.raw = raw
	return true
}

func (g *group) slot(i int) uint8 {
	if len(g.slots) > 0 {
		return g.slots[i]
	}
	return g.first + uint8(i)
}

func (g *group) last() uint8 { return g.slot(g.n - 1) }

// birth is the record number that the id of row i carries.
func (g *group) birth(i int) uint64 {
	if len(g.births) > 0 {
		return g.births[i]
	}
	return g.block<<blockBits | uint64(g.slot(i))
}

// row returns what is known of row i besides its record.
func (g *group) row(i int) groupRow {
	r := groupRow{birth: g.birth(i), created: g.created, updated: g.updated, slot: g.slot(i), size: g.offs[i+1] - g.offs[i]}
	if len(g.dates) > 0 {
		r.created, r.updated = g.dates[2*i], g.dates[2*i+1]
	}
	for _, run := range g.jobs {
		if i < run.end {
			r.job = run.job
			break
		}
	}
	return r
}

// find returns the row of a slot.
func (g *group) find(slot uint8) (int, bool) {
	if len(g.slots) == 0 {
		i := int(slot) - int(g.first)
		return i, i >= 0 && i < g.n
	}
	return slices.BinarySearch(g.slots, slot)
}

// record returns the record of row i; a view.
func (g *group) record(i int) []byte { return g.raw[g.offs[i]:g.offs[i+1]:g.offs[i+1]] }
