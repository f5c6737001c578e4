package jsonscan

import "hash/maphash"

const (
	// MaxColumns is how many columns the rows of one import may bring.
	MaxColumns = 4096

	// MaxKeys is how many keys one row may have, repeated ones included.
	MaxKeys = 4096

	// MaxKeyBytes is the longest key, unescaped.
	MaxKeyBytes = 1024

	// MaxIgnored is how many ignored keys are remembered by name for the report.
	MaxIgnored = 100

	// maxKnownKeys bounds the table; ignored keys past it are judged anew each
	// time they come.
	maxKnownKeys = 2 * MaxColumns
)

// ignored is the column of a key that is none.
const ignored = -1

// key is a key seen before.
type key struct {
	name    string
	pattern string // "name": as most writers send it; empty where it would need escapes
	hash    uint64
	column  int // or ignored
	next    int // index of the key that followed it last
}

// keys maps keys to columns: a hash table with linear probing under a random
// seed, and for each key a guess which one follows. Entries are only ever
// removed in reverse order of insertion, so that no gap breaks a probe. Entry 0
// is no key: its next is the first key of a row.
type keys struct {
	seed  maphash.Seed
	list  []key
	slots []uint16 // index into list, 0 if free; a power of two, at most half full
}

func (k *keys) reset() {
	k.seed = maphash.MakeSeed()
	k.list = append(k.list[:0], key{})
	k.slots = make([]uint16, 64)
}

// find returns the index of a key, or 0.
func (k *keys) find(name []byte) int {
	h := maphash.Bytes(k.seed, name)
	mask := uint64(len(k.slots) - 1)
	for s := h & mask; k.slots[s] != 0; s = (s + 1) & mask {
		if e := &k.list[k.slots[s]]; e.hash == h && e.name == string(name) {
			return int(k.slots[s])
		}
	}
	return 0
}

// add appends a key that is not there yet and returns its index.
func (k *keys) add(name []byte, column int) int {
	e := key{hash: maphash.Bytes(k.seed, name), column: column}
	if special(name, 0) == len(name) {
		// Where a name holds a quote or a backslash, equal bytes in a row would
		// not be the same key.
		e.pattern = `"` + string(name) + `":`
		e.name = e.pattern[1 : len(name)+1]
	} else {
		e.name = string(name)
	}
	k.list = append(k.list, e)
	if 2*len(k.list) > len(k.slots) {
		k.slots = make([]uint16, 2*len(k.slots))
		for i := 1; i < len(k.list); i++ {
			k.slots[k.free(k.list[i].hash)] = uint16(i)
		}
	} else {
		k.slots[k.free(e.hash)] = uint16(len(k.list) - 1)
	}
	return len(k.list) - 1
}

// free returns the slot where a key with this hash goes.
func (k *keys) free(hash uint64) uint64 {
	mask := uint64(len(k.slots) - 1)
	s := hash & mask
	for k.slots[s] != 0 {
		s = (s + 1) & mask
	}
	return s
}

// truncate forgets all but the first n entries.
func (k *keys) truncate(n int) {
	mask := uint64(len(k.slots) - 1)
	for i := len(k.list) - 1; i >= n; i-- {
		s := k.list[i].hash & mask
		for k.slots[s] != uint16(i) {
			s = (s + 1) & mask
		}
		k.slots[s] = 0
	}
	clear(k.list[n:])
	k.list = k.list[:n]
}

// guess returns the index of the key that b starts with at i, if it is one of
// the two that are likely after prev, and else 0: the second is the right one
// when a key is left out.
func (k *keys) guess(b []byte, i, prev int) int {
	for range 2 {
		prev = k.list[prev].next
		if prev == 0 || prev >= len(k.list) { // a truncated key
			return 0
		}
		p := k.list[prev].pattern
		if n := len(p); n != 0 && len(b)-i >= n && string(b[i:i+n]) == p {
			return prev
		}
	}
	return 0
}
