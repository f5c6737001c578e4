package table

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"sluice/storage"
)

// bucketRows is the most a bucket holds on average after a fold.
const bucketRows = 1536

// index finds places by hash. Its buckets stand in the store; those read lately
// are kept. An index itself never changes: each step of a fold makes another
// that shares the buckets.
type index struct {
	shape
	sect byte
	cur  []bucketSlot // by depth
	next []bucketSlot // by target, while a fold is on its way
}

type bucketSlot struct{ atomic.Pointer[bucket] }

func newIndex(sect byte, s shape) *index {
	ix := &index{shape: s, sect: sect, cur: make([]bucketSlot, 1<<s.depth)}
	if s.target != s.depth || s.done > 0 {
		ix.next = make([]bucketSlot, 1<<s.target)
	}
	return ix
}

// locate returns where the bucket of hi stands.
func (ix *index) locate(hi uint64) (slot *bucketSlot, depth uint8, n uint64) {
	if n := hi >> (64 - ix.depth); n >= ix.done || ix.next == nil {
		return &ix.cur[n], ix.depth, n
	}
	n = hi >> (64 - ix.target)
	return &ix.next[n], ix.target, n
}

// source is what a table's index reads from.
type source struct {
	kv    storage.KV
	space space
	cache *cache
}

// errStale says that a bucket is not where an old view of the index has it.
var errStale = errors.New("storage/table: index changed meanwhile")

func (ix *index) bucket(ctx context.Context, src *source, hi uint64) (*bucket, error) {
	slot, depth, n := ix.locate(hi)
	if b := slot.Load(); b != nil {
		b.touch()
		return b, nil
	}
	b, err := src.readBucket(ctx, ix.sect, depth, n)
	if err != nil {
		return nil, err
	}
	src.keep(slot, b)
	return b, nil
}

// spot is where a hash may stand in a bucket, if that is in memory.
type spot struct {
	b *bucket // nil: not in memory
	i int
}

// spots are those of many look-ups, which go step by step together: open, walk, and
// then findAt. Each step asks for the memory of the next, in a loop that does nothing
// else, so that as many loads as can be are under way.
type spots [probeChunk]spot

// open goes to where s's hash should stand.
func (s *spot) open(ix *index, h hash) {
	s.b = nil
	if ix.count == 0 {
		return
	}
	slot, _, _ := ix.locate(h.hi)
	if s.b = slot.Load(); s.b != nil {
		s.i = s.b.home(h.hi)
	}
}

// walk goes to where it stands, if it does.
func (s *spot) walk(h hash) {
	if s.b != nil {
		s.i = s.b.walk(s.i, h.hi)
	}
}

// touchHashes asks for what walk reads.
func (s *spots) touchHashes(n int) (touched uint64) {
	for i := range s[:n] {
		if b, at := s[i].b, s[i].i; b != nil && at < b.n {
			touched += b.hi(at)
		}
	}
	return touched
}

// touchPlaces asks for what findAt reads.
func (s *spots) touchPlaces(n int) (touched uint64) {
	for i := range s[:n] {
		if b, at := s[i].b, s[i].i; b != nil && at < b.n {
			touched += uint64(b.lo(at)) + uint64(b.vals[at*b.width])
		}
	}
	return touched
}

// findAt is find where the bucket was walked.
func (ix *index) findAt(ctx context.Context, src *source, s *spot, h hash) (uint64, error) {
	if s.b == nil {
		return ix.find(ctx, src, h)
	}
	s.b.touch()
	return s.b.findFrom(s.i, h), nil
}

func (ix *index) find(ctx context.Context, src *source, h hash) (uint64, error) {
	if ix.count == 0 {
		return none, nil
	}
	b, err := ix.bucket(ctx, src, h.hi)
	if err != nil {
		return none, err
	}
	return b.find(h), nil
}

// readBucket reads a bucket; one that is not stored is empty.
func (s *source) readBucket(ctx context.Context, sect byte, depth uint8, n uint64) (*bucket, error) {
	key := s.space.bucket(sect, depth, n)
	b := new(bucket)
	value, _, err := s.kv.Get(ctx, key)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		b.depth = depth
		return b, nil
	case err != nil:
		return nil, fmt.Errorf("read index bucket: %w", err)
	}
	version, payload, err := storage.Open(key, value, sealBucket)
	if err != nil || version != formatVersion || !b.open(depth, payload) {
		return nil, damaged("index bucket", key)
	}
	return b, nil
}

// keep puts b where it is found next time.
func (s *source) keep(slot *bucketSlot, b *bucket) {
	const overhead = 256
	b.bytes = int64(len(b.his)+len(b.los)+len(b.vals)) + overhead
	b.evict = func() { slot.CompareAndSwap(b, nil) }
	b.used.Store(true)
	if slot.CompareAndSwap(nil, b) {
		s.cache.add(&b.cached)
	}
}

// damaged names a key whose value can't be read.
func damaged(what string, key []byte) error {
	return fmt.Errorf("read %s at key %x: %w", what, key, storage.ErrDamaged)
}
