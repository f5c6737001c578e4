package table

import (
	"context"
	"math/rand"
	"testing"

	"sluice/storage/memkv"
)

// Look-ups that go step by step find what find does: in a bucket, in an empty one, and
// in one that is not in memory.
func TestSpotsFindWhatFindDoes(t *testing.T) {
	const quarter = 1 << 62
	ctx, rnd := context.Background(), rand.New(rand.NewSource(1))
	ix := newIndex(sectDomains, shape{depth: 2, target: 2, count: 1})
	src := &source{kv: memkv.New(), space: tableSpace("t"), cache: &cache{limit: 1 << 20}}
	full, empty := new(bucket), new(bucket)
	slots := make([]mapSlot, 1000)
	for i := range slots {
		slots[i] = mapSlot{rnd.Uint64() % quarter, rnd.Uint32() &^ 1, true, uint64(i)}
	}
	sortSlots(slots)
	if !full.open(2, appendBucket(nil, slots)) || !empty.open(2, appendBucket(nil, nil)) {
		t.Fatal("does not open")
	}
	ix.cur[0].Store(full)
	ix.cur[1].Store(empty)
	var hashes [probeChunk]hash
	var at spots
	for round := range 20 {
		for i := range hashes {
			if s := slots[rnd.Intn(len(slots))]; i%2 == 0 {
				hashes[i] = hash{s.hi, s.lo | uint32(i>>1&1)} // every second is not there
			} else {
				hashes[i] = hash{rnd.Uint64(), rnd.Uint32()}
			}
			at[i].open(ix, hashes[i])
			if (at[i].b == nil) != (round == 0 && hashes[i].hi >= 2*quarter) {
				t.Fatalf("round %d: hash %x has bucket %p", round, hashes[i].hi, at[i].b)
			}
		}
		at.touchHashes(len(at))
		for i := range at {
			at[i].walk(hashes[i])
		}
		at.touchPlaces(len(at))
		found := 0
		for i, h := range hashes {
			want := full.find(h)
			if h.hi >= quarter {
				want = none
			}
			got, err := ix.findAt(ctx, src, &at[i], h)
			if got != want || err != nil {
				t.Fatalf("hash %x: found %d (%v), want %d", h.hi, got, err, want)
			}
			if got != none {
				found++
			}
		}
		if found < probeChunk/4 {
			t.Fatalf("only %d found", found)
		}
	}
}
