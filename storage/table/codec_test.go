package table

import (
	"bytes"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"sluice/engine/company"
)

func sampleGroup(rnd *rand.Rand, block uint64) (rows []groupRow, raw []byte) {
	slot, shape := rnd.Intn(3), rnd.Intn(16)
	for slot < blockRows {
		r := groupRow{slot: uint8(slot), created: 1000, updated: 2000, birth: block<<blockBits | uint64(slot)}
		if shape&1 != 0 && rnd.Intn(2) == 0 {
			r.birth = uint64(rnd.Int63n(int64(r.birth) + 1))
		}
		if shape&2 != 0 {
			r.created, r.updated = rnd.Int63(), -rnd.Int63()
		}
		if shape&4 != 0 {
			r.job = fmt.Sprintf("imp_%d", slot/40)
		}
		r.size = uint32(rnd.Intn(60))
		raw = append(raw, bytes.Repeat([]byte{byte(rnd.Intn(256))}, int(r.size))...)
		rows = append(rows, r)
		if slot++; shape&8 != 0 {
			slot += rnd.Intn(4)
		}
	}
	return rows, raw
}

func TestGroupCodec(t *testing.T) {
	seeds(t, 60, func(t *testing.T, seed int64) {
		rnd := rand.New(rand.NewSource(seed))
		block := uint64(1 + rnd.Int63n(maxRecord>>blockBits))
		rows, raw := sampleGroup(rnd, block)
		var g group
		for range 2 { // the second into used memory
			if !g.decode(block, appendGroup(nil, block, rows, raw)) {
				t.Fatal("does not decode")
			}
		}
		var got []groupRow
		var records []byte
		for i := range g.n {
			got = append(got, g.row(i))
			records = append(records, g.record(i)...)
			if at, ok := g.find(rows[i].slot); !ok || at != i {
				t.Fatalf("slot %d is found at %d, %v", rows[i].slot, at, ok)
			}
		}
		if !reflect.DeepEqual(got, rows) || !bytes.Equal(records, raw) {
			t.Fatalf("got %v, want %v", got, rows)
		}
	})
}

func FuzzGroup(f *testing.F) {
	for seed := range int64(16) {
		rows, raw := sampleGroup(rand.New(rand.NewSource(seed)), 9)
		f.Add(uint64(9), appendGroup(nil, 9, rows, raw))
	}
	f.Add(uint64(0), []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, block uint64, payload []byte) {
		var g group
		if !g.decode(block, payload) {
			return
		}
		var rows []groupRow
		for i := range g.n {
			_ = g.record(i)
			rows = append(rows, g.row(i))
		}
		var again group
		if !again.decode(block, appendGroup(nil, block, rows, g.raw)) || again.n != g.n || !bytes.Equal(again.raw, g.raw) {
			t.Fatal("what was decoded does not encode")
		}
		for i := range g.n {
			if again.row(i) != g.row(i) {
				t.Fatalf("row %d is %v, was %v", i, again.row(i), g.row(i))
			}
		}
	})
}

func FuzzVector(f *testing.F) {
	v := vector{recent: []deadRow{newDeadRow(7, 3), newDeadRow(9, 200)}}
	v.old.add(0)
	v.old.add(255)
	f.Add(v.append(nil))
	f.Add((&vector{}).append(nil))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var v, again vector
		if v.decode(payload) && (!again.decode(v.append(nil)) || v.old != again.old || !slices.Equal(v.recent, again.recent)) {
			t.Fatal("what was decoded does not encode")
		}
	})
}

func FuzzLog(f *testing.F) {
	e := entry{seq: 5, start: 600, rows: 7, live: 3, dead: []uint64{1, 500, 2}, gone: []hash{{1, 2}}, unborn: []uint64{4},
		blocks: []blockFix{{1, 200, 2, true}, {2, 0, 0, false}}}
	f.Add(e.append(e.append(nil)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		for r := (reader{payload, true}); r.ok && len(r.rest) > 0; {
			var e, again entry
			if !e.decode(&r) {
				return
			}
			second := reader{e.append(nil), true}
			if !again.decode(&second) || !second.done() || !reflect.DeepEqual(e, again) {
				t.Fatalf("%+v encodes as %+v", e, again)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	m := manifest{seq: 1, next: 2, live: 3, epoch: 4, pages: 5, doms: shape{1, 3, 1, 99}, ids: shape{2, 2, 0, 1}}
	f.Add(m.append(nil))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var m, again manifest
		if m.decode(payload) && (!again.decode(m.append(nil)) || m != again) {
			t.Fatalf("%+v encodes as %+v", m, again)
		}
	})
}

func FuzzDirectory(f *testing.F) {
	d := directory{pages: []*dirPage{{newDirEntry(1, 2, 1, true)}, {}}}
	f.Add(d.appendStored(nil, 0))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var d directory
		if d.addStored(payload) && !bytes.Equal(d.appendStored(nil, 0), payload) {
			t.Fatal("what was decoded does not encode")
		}
	})
}

func FuzzBucket(f *testing.F) {
	f.Add(appendBucket(nil, nil), uint64(0), uint32(0))
	f.Add(appendBucket(nil, []mapSlot{{1, 2, true, 3}, {1, 4, true, gone}, {9, 9, true, 1 << 50}}), uint64(1), uint32(4))
	f.Fuzz(func(t *testing.T, payload []byte, hi uint64, lo uint32) {
		var b bucket
		if !b.open(0, payload) {
			return
		}
		b.find(hash{hi, lo})
		var slots []mapSlot
		for i := range b.n {
			slots = append(slots, b.slot(i))
		}
		var again bucket
		if !again.open(0, appendBucket(nil, slots)) || again.n != b.n {
			t.Fatal("what was decoded does not encode")
		}
		for i := range b.n {
			if again.slot(i) != b.slot(i) {
				t.Fatalf("entry %d is %v, was %v", i, again.slot(i), b.slot(i))
			}
		}
	})
}

// Every key of a bucket is found and no other, at any depth.
func TestBucketFind(t *testing.T) {
	seeds(t, 20, func(t *testing.T, seed int64) {
		rnd := rand.New(rand.NewSource(seed))
		depth := uint8(rnd.Intn(12))
		prefix := rnd.Uint64() >> (64 - depth) << (64 - depth)
		var slots []mapSlot
		for range rnd.Intn(3000) {
			slots = append(slots, mapSlot{prefix | rnd.Uint64()>>depth, rnd.Uint32(), true, uint64(rnd.Int63n(1 << 39))})
		}
		slices.SortFunc(slots, func(a, b mapSlot) int {
			if a.hi < b.hi {
				return -1
			}
			return 1
		})
		var b bucket
		if !b.open(depth, appendBucket(nil, slots)) {
			t.Fatal("does not decode")
		}
		for _, s := range slots {
			if got := b.find(hash{s.hi, s.lo}); got != s.val {
				t.Fatalf("found %d, want %d", got, s.val)
			}
			if got := b.find(hash{s.hi, s.lo + 1}); got != none {
				t.Fatalf("found %d, want none", got)
			}
		}
		if got := b.find(hash{prefix, 1}); got != none {
			t.Fatalf("found %d, want none", got)
		}
	})
}

func TestIDs(t *testing.T) {
	k, other := deriveKeys([]byte("secret"), "acme"), deriveKeys([]byte("secret"), "other")
	seen := map[company.ID]bool{}
	rnd := rand.New(rand.NewSource(1))
	for i := range 20000 {
		rec := uint64(i)
		if i >= 10000 {
			rec = rnd.Uint64()
		}
		id := k.id(rec)
		if id[6]>>4 != 8 || id[8]>>6 != 2 {
			t.Fatalf("%x is no UUID of version 8", id)
		}
		if got, ok := k.record(id); !ok || got != rec || seen[id] {
			t.Fatalf("id of %d reads as %d, %v", rec, got, ok)
		}
		seen[id] = true
		if _, ok := other.record(id); ok {
			t.Fatalf("another table takes %x for its own", id)
		}
		bit := rnd.Intn(128)
		id[bit/8] ^= 1 << (bit % 8)
		if _, ok := k.record(id); ok {
			t.Fatalf("a made-up id %x is taken for ours", id)
		}
	}
}

// The map against Go's, and its ranges against sorting.
func TestHashMap(t *testing.T) {
	seeds(t, 20, func(t *testing.T, seed int64) {
		rnd, m, want := rand.New(rand.NewSource(seed)), newSharedMap(), map[hash]uint64{}
		for range rnd.Intn(20000) {
			h := hash{rnd.Uint64(), uint32(rnd.Intn(2))}
			if rnd.Intn(4) == 0 {
				h.hi = ^uint64(0) - uint64(rnd.Intn(300)) // a cluster that wraps around
			}
			if _, was := want[h]; m.set(h, 7) == was {
				t.Fatal("fresh is wrong")
			}
			v := uint64(rnd.Intn(100))
			m.set(h, v)
			want[h] = v
		}
		for h, v := range want {
			if got := m.get(h); got != v {
				t.Fatalf("got %d, want %d", got, v)
			}
		}
		if got := m.get(hash{rnd.Uint64(), 9}); got != none {
			t.Fatalf("got %d, want none", got)
		}
		for range 20 {
			lo, last := rnd.Uint64(), rnd.Uint64()
			if rnd.Intn(3) == 0 {
				lo, last = 0, ^uint64(0)
			}
			if lo > last {
				lo, last = last, lo
			}
			n := 0
			for h := range want {
				if h.hi >= lo && h.hi <= last {
					n++
				}
			}
			got := m.appendRange(nil, lo, last)
			sorted := slices.IsSortedFunc(got, func(a, b mapSlot) int {
				if a.hi < b.hi || a.hi == b.hi && a.lo < b.lo {
					return -1
				}
				return 1
			})
			if len(got) != n || n > 0 && !sorted {
				t.Fatalf("range has %d, want %d; sorted %v", len(got), n, sorted)
			}
		}
	})
}
