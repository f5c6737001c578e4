package table

import (
	"math/bits"
	"sync"
)

// What a map of places holds besides record numbers.
const (
	gone = ^uint64(0)     // the key is there no more, whatever an older layer says
	none = ^uint64(0) - 1 // nothing is known of the key here
)

type mapSlot struct {
	hi   uint64
	lo   uint32
	used bool
	val  uint64
}

// hashMap is an open-addressing map whose slots stand nearly in the order of
// their hashes, so that a range of it comes out sorted for almost nothing. The
// first skip bits of all its hashes are the same. Keys are never removed one by
// one. The zero value is empty.
type hashMap struct {
	tags  []uint8 // a byte of the hash in each slot, 0 where it is free: what is not there is missed by these alone
	slots []mapSlot
	n     int
	skip  uint8
}

const minMapSlots = 16

func (m *hashMap) home(hi uint64) int {
	h, _ := bits.Mul64(hi<<m.skip, uint64(len(m.slots)))
	return int(h)
}

func (m *hashMap) get(h hash) uint64 {
	if m.n == 0 {
		return none
	}
	for i, tag := m.home(h.hi), tagOf(h.hi); ; {
		switch m.tags[i] {
		case 0:
			return none
		case tag:
			if s := &m.slots[i]; s.hi == h.hi && s.lo == h.lo {
				return s.val
			}
		}
		if i++; i == len(m.tags) {
			i = 0
		}
	}
}

// tagOf is of the bits that neither place a hash nor are those of a bucket.
func tagOf(hi uint64) uint8 { return uint8(hi) | 1 }

// touch asks for the memory that get will look at. Many of them in a row wait
// for it together.
func (m *hashMap) touch(h hash) uint64 {
	if len(m.tags) == 0 {
		return 0
	}
	return uint64(m.tags[m.home(h.hi)])
}

// touchSlot asks for the memory that set writes besides. Stores become visible in order,
// so one that misses holds up all behind it.
func (m *hashMap) touchSlot(h hash) uint64 {
	if len(m.slots) == 0 {
		return 0
	}
	return m.slots[m.home(h.hi)].hi
}

// set returns what the key had before.
func (m *hashMap) set(h hash, val uint64) uint64 {
	if m.n >= len(m.slots)/4*3 {
		m.grow()
	}
	for i, tag := m.home(h.hi), tagOf(h.hi); ; {
		switch m.tags[i] {
		case 0:
			m.tags[i], m.slots[i] = tag, mapSlot{h.hi, h.lo, true, val}
			m.n++
			return none
		case tag:
			if s := &m.slots[i]; s.hi == h.hi && s.lo == h.lo {
				old := s.val
				s.val = val
				return old
			}
		}
		if i++; i == len(m.tags) {
			i = 0
		}
	}
}

func (m *hashMap) grow() {
	old := m.slots
	factor := 2
	if len(old) < 1024 {
		factor = 4
	}
	m.slots = make([]mapSlot, max(minMapSlots, factor*len(old)))
	m.tags = make([]uint8, len(m.slots))
	m.n = 0
	for i := range old {
		if s := &old[i]; s.used {
			m.set(hash{s.hi, s.lo}, s.val)
		}
	}
}

// reset empties m and keeps its memory, unless that is far more than it used.
func (m *hashMap) reset() {
	if len(m.slots) > 1024 && m.n < len(m.slots)/16 {
		m.tags, m.slots = nil, nil
	}
	clear(m.tags)
	clear(m.slots)
	m.n = 0
}

// appendRange appends the slots with lo ≤ hi ≤ last to dst, sorted.
func (m *hashMap) appendRange(dst []mapSlot, lo, last uint64) []mapSlot {
	if m.n == 0 {
		return dst
	}
	at, end := len(dst), m.home(last)
	for i, steps := m.home(lo), 0; steps < len(m.slots); steps++ {
		s := &m.slots[i%len(m.slots)]
		if !s.used && i >= end {
			break
		}
		if s.used && s.hi >= lo && s.hi <= last {
			dst = append(dst, *s)
		}
		i++
	}
	sortSlots(dst[at:])
	return dst
}

// sortSlots sorts what is almost sorted.
func sortSlots(s []mapSlot) {
	for i := 1; i < len(s); i++ {
		x, j := s[i], i
		for ; j > 0 && (x.hi < s[j-1].hi || x.hi == s[j-1].hi && x.lo < s[j-1].lo); j-- {
			s[j] = s[j-1]
		}
		s[j] = x
	}
}

const shardBits = 6

// sharedMap is a map with one writer and any number of readers, none of whom
// waits for longer than one shard's growth.
type sharedMap struct {
	shards [1 << shardBits]struct {
		mu sync.RWMutex
		m  hashMap
	}
}

func newSharedMap() *sharedMap {
	s := new(sharedMap)
	for i := range s.shards {
		s.shards[i].m.skip = shardBits
	}
	return s
}

func (s *sharedMap) get(h hash) uint64 {
	sh := &s.shards[h.hi>>(64-shardBits)]
	sh.mu.RLock()
	v := sh.m.get(h)
	sh.mu.RUnlock()
	return v
}

// own is get for the one writer, or for anybody once the map is frozen.
func (s *sharedMap) own(h hash) uint64 { return s.shards[h.hi>>(64-shardBits)].m.get(h) }

func (s *sharedMap) touch(h hash) uint64 { return s.shards[h.hi>>(64-shardBits)].m.touch(h) }

func (s *sharedMap) set(h hash, val uint64) (fresh bool) {
	sh := &s.shards[h.hi>>(64-shardBits)]
	sh.mu.Lock()
	fresh = sh.m.set(h, val) == none
	sh.mu.Unlock()
	return fresh
}

// appendRange is hashMap's, over a frozen map.
func (s *sharedMap) appendRange(dst []mapSlot, lo, last uint64) []mapSlot {
	for i := lo >> (64 - shardBits); i <= last>>(64-shardBits); i++ {
		base := i << (64 - shardBits)
		end := base | ^uint64(0)>>shardBits
		dst = s.shards[i].m.appendRange(dst, max(lo, base), min(last, end))
	}
	return dst
}
