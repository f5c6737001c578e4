package table

import (
	"encoding/binary"
	"math/bits"
)

// bucket is one stretch of an index, used as it is stored:
//
//	u8   width of a place in bytes
//	u32  n
//	n × u64  first 64 bits of the hashes, sorted
//	n × u32  next 32 bits of the hashes
//	n × width bytes  places: a record number, or all ones where the key is gone
//
// all little-endian. Hashes are spread evenly, so a look-up begins where the key
// should stand and is a few steps from it.
type bucket struct {
	cached
	depth uint8
	width int
	n     int
	his   []byte
	los   []byte
	vals  []byte
}

const (
	bucketHead = 5
	bucketKey  = 12
	minWidth   = 5
	maxWidth   = 8
)

// open points b at a payload, which it keeps.
func (b *bucket) open(depth uint8, payload []byte) bool {
	b.depth, b.n = depth, 0
	if len(payload) < bucketHead {
		return false
	}
	width, n := int(payload[0]), binary.LittleEndian.Uint32(payload[1:])
	if width < minWidth || width > maxWidth || uint64(len(payload)-bucketHead) != uint64(n)*uint64(bucketKey+width) {
		return false
	}
	b.width, b.n = width, int(n)
	p := payload[bucketHead:]
	b.his, p = p[:8*b.n], p[8*b.n:]
	b.los, b.vals = p[:4*b.n], p[4*b.n:]
	return true
}

func (b *bucket) hi(i int) uint64 { return binary.LittleEndian.Uint64(b.his[8*i:]) }
func (b *bucket) lo(i int) uint32 { return binary.LittleEndian.Uint32(b.los[4*i:]) }

func (b *bucket) val(i int) uint64 {
	at, mask := i*b.width, ^uint64(0)>>(64-8*b.width)
	v := uint64(0)
	if at+8 <= len(b.vals) {
		v = binary.LittleEndian.Uint64(b.vals[at:]) & mask
	} else {
		for j, x := range b.vals[at : at+b.width] {
			v |= uint64(x) << (8 * j)
		}
	}
	if v == mask {
		return gone
	}
	return v
}

// home is where a hash stands, but for a few steps.
func (b *bucket) home(hi uint64) int {
	at, _ := bits.Mul64(hi<<b.depth, uint64(b.n))
	return int(at)
}

// walk goes from i to the first hash that is not below hi.
func (b *bucket) walk(i int, hi uint64) int {
	for i > 0 && b.hi(i-1) >= hi {
		i--
	}
	for i < b.n && b.hi(i) < hi {
		i++
	}
	return i
}

// findFrom is find from where walk came to.
func (b *bucket) findFrom(i int, h hash) uint64 {
	for ; i < b.n && b.hi(i) == h.hi; i++ {
		if b.lo(i) == h.lo {
			return b.val(i)
		}
	}
	return none
}

func (b *bucket) find(h hash) uint64 { return b.findFrom(b.walk(b.home(h.hi), h.hi), h) }

// appendBucket appends the payload of a bucket of sorted slots.
func appendBucket(dst []byte, slots []mapSlot) []byte {
	width := minWidth
	for i := range slots {
		if v := slots[i].val; v != gone {
			width = max(width, (bits.Len64(v+1)+7)/8)
		}
	}
	dst = append(dst, byte(width))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(slots)))
	at, n := len(dst), len(slots)
	dst = growBy(dst, n*(bucketKey+width)+8) // the last place is written eight bytes wide
	his, los, vals := dst[at:], dst[at+8*n:], dst[at+bucketKey*n:]
	for i := range slots {
		s := &slots[i]
		binary.LittleEndian.PutUint64(his[8*i:], s.hi)
		binary.LittleEndian.PutUint32(los[4*i:], s.lo)
	}
	for i := range slots {
		binary.LittleEndian.PutUint64(vals[width*i:], slots[i].val)
	}
	return dst[:at+n*(bucketKey+width)]
}

// mergeSlots appends to dst what base becomes with the changes of delta, both
// sorted. Keys that are gone are kept only where an older table lies below.
func mergeSlots(dst []mapSlot, base *bucket, delta []mapSlot, keepGone bool) []mapSlot {
	i := 0
	for j := range delta {
		d := &delta[j]
		for i < base.n && (base.hi(i) < d.hi || base.hi(i) == d.hi && base.lo(i) < d.lo) {
			dst = append(dst, base.slot(i))
			i++
		}
		if i < base.n && base.hi(i) == d.hi && base.lo(i) == d.lo {
			i++
		}
		if d.val != gone || keepGone {
			dst = append(dst, *d)
		}
	}
	for ; i < base.n; i++ {
		dst = append(dst, base.slot(i))
	}
	return dst
}

func (b *bucket) slot(i int) mapSlot { return mapSlot{b.hi(i), b.lo(i), true, b.val(i)} }
