package table

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/storage"
)

// fold is a delta on its way into buckets, vectors and directory pages.
type fold struct {
	seq, next uint64 // the commit that it ends with, and the row after it
	live      int64
	dir       *dirEdit // as of seq, with what the fold does to blocks

	blocks []uint64     // with dead rows
	at     int          // of blocks
	page   uint64       // next directory key to write
	halves [2]bool      // domains, ids: the index is being cut, without changes
	drops  []storage.Op // buckets that no reader looks for any more
}

// scratch is memory that one fold leaves to the next.
type scratch struct {
	slots, merged []mapSlot
	payload       []byte
}

// folding returns the index being folded and the frozen changes to it.
func (t *Table) folding(v *view) (*index, *sharedMap, int) {
	if t.keeper.stage == foldDomains {
		return v.doms, v.frozen.doms, v.frozen.domN
	}
	return v.ids, v.frozen.ids, v.frozen.idN
}

// By how many bits buckets are cut at most while they take changes in, and while
// they don't. A bucket's parts are one commit.
const (
	maxCut      = 2
	maxEmptyCut = 8
)

// foldIndex does a step of one index: it rewrites the next buckets that have
// changes, or all where the index is cut finer. Old buckets go one step later,
// when no reader of a current view looks for them.
func (t *Table) foldIndex() error {
	k, v := &t.keeper, *t.view.Load()
	old, changes, changed := t.folding(&v)
	ix := *old
	if ix.next == nil {
		if changed == 0 {
			k.next()
			return nil
		}
		for (ix.count+int64(changed))>>ix.target > bucketRows && ix.target < maxDepth {
			ix.target++
		}
		if ix.target > ix.depth+maxCut {
			// The changes of one bucket would be more than a commit. First it is cut.
			ix.target = min(ix.target, ix.depth+maxEmptyCut)
			k.fold.halves[k.stage-foldDomains] = true
		}
		ix.next = make([]bucketSlot, 1<<ix.target)
	}
	if k.fold.halves[k.stage-foldDomains] {
		changes = newSharedMap() // first end what was left; the changes come after
	}
	step := foldStep{t: t, ix: &ix, changes: changes, scratch: &k.scratch}
	for ix.done < 1<<ix.depth && step.bytes < stepBytes && len(step.ops) < stepKeys {
		if err := step.bucket(); err != nil {
			return fmt.Errorf("fold index: %w", err)
		}
	}
	done := ix.done == 1<<ix.depth
	if done {
		ix = index{shape: shape{depth: ix.target, target: ix.target, count: ix.count}, sect: ix.sect, cur: ix.next}
	}
	m := v.folded
	if k.stage == foldDomains {
		v.doms, m.doms = &ix, ix.stored()
	} else {
		v.ids, m.ids = &ix, ix.stored()
	}
	if len(step.ops)+len(k.fold.drops) > 0 {
		ops := append(append(step.ops, k.fold.drops...), t.manifestOp(&m))
		if err := t.put(context.Background(), ops); err != nil {
			return fmt.Errorf("fold index: %w", err)
		}
	}
	v.folded = m
	k.fold.drops = step.drops
	step.place()
	t.view.Store(&v)
	if done {
		t.dropBuckets(old)
		if half := &k.fold.halves[k.stage-foldDomains]; *half {
			*half = false
			return nil // now the changes
		}
		k.next()
	}
	return nil
}

// stored is the shape as a reader after a crash finds it. A pass that does not
// cut finer can begin anew, so its progress is not told.
func (ix *index) stored() shape {
	s := ix.shape
	if s.target == s.depth {
		s.done = 0
	}
	return s
}

// dropBuckets stops counting the buckets of an index that is no longer used.
func (t *Table) dropBuckets(ix *index) {
	for i := range ix.cur {
		if b := ix.cur[i].Load(); b != nil {
			t.src.cache.drop(&b.cached)
		}
	}
}

type foldStep struct {
	t       *Table
	ix      *index
	changes *sharedMap
	scratch *scratch
	ops     []storage.Op
	bytes   int
	drops   []storage.Op
	made    []madeBucket
}

type madeBucket struct {
	n uint64
	b *bucket
}

// bucket does the next bucket.
func (s *foldStep) bucket() error {
	ix, n := s.ix, s.ix.done
	lo := n << (64 - ix.depth)
	slots := s.changes.appendRange(s.scratch.slots[:0], lo, lo|^uint64(0)>>ix.depth)
	s.scratch.slots = slots
	base := ix.cur[n].Load()
	ix.done++
	if len(slots) == 0 && ix.target == ix.depth {
		if base != nil {
			s.made = append(s.made, madeBucket{n, base.copy()})
		}
		return nil
	}
	if base == nil {
		var err error
		if base, err = s.t.src.readBucket(context.Background(), ix.sect, ix.depth, n); err != nil {
			return err
		}
	}
	s.scratch.merged = mergeSlots(s.scratch.merged[:0], base, slots, s.t.lower != nil)
	ix.count += int64(len(s.scratch.merged) - base.n)
	if base.n > 0 && ix.target != ix.depth {
		s.drops = append(s.drops, storage.Op{Key: s.t.src.space.bucket(ix.sect, ix.depth, n), Delete: true})
	}
	rest, children := s.scratch.merged, uint64(1)<<(ix.target-ix.depth)
	for c := n * children; c < (n+1)*children; c++ {
		end := len(rest)
		if c+1 < (n+1)*children {
			limit := (c + 1) << (64 - ix.target)
			end, _ = slices.BinarySearchFunc(rest, limit, func(m mapSlot, l uint64) int {
				if m.hi < l {
					return -1
				}
				return 1
			})
		}
		s.put(c, rest[:end], base.n > 0)
		rest = rest[end:]
	}
	return nil
}

func (s *foldStep) put(n uint64, slots []mapSlot, was bool) {
	ix := s.ix
	key := s.t.src.space.bucket(ix.sect, ix.target, n)
	if len(slots) == 0 {
		if was && ix.target == ix.depth {
			s.ops = append(s.ops, storage.Op{Key: key, Delete: true})
		}
		return
	}
	s.scratch.payload = appendBucket(s.scratch.payload[:0], slots)
	value := storage.Seal(nil, key, sealBucket, formatVersion, s.scratch.payload)
	b := new(bucket)
	if !b.open(ix.target, value[storage.Overhead:]) {
		panic("BUG: table: a bucket just made is damaged")
	}
	s.ops = append(s.ops, storage.Op{Key: key, Value: value})
	s.bytes += len(key) + len(value)
	s.made = append(s.made, madeBucket{n, b})
}

// place keeps what the step made, for the view that is about to be published.
func (s *foldStep) place() {
	slots := s.ix.next
	if slots == nil {
		slots = s.ix.cur
	}
	for _, m := range s.made {
		s.t.src.keep(&slots[m.n], m.b)
	}
}

// copy is the same bucket for another place.
func (b *bucket) copy() *bucket {
	return &bucket{depth: b.depth, width: b.width, n: b.n, his: b.his, los: b.los, vals: b.vals}
}

// sorted lists the blocks that have dead rows.
func (s *deadSet) sorted() []uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]uint64, 0, len(s.blocks))
	for block := range s.blocks {
		list = append(list, block)
	}
	slices.Sort(list)
	return list
}

// foldDead does a step of the dead rows: they go into the vectors of their
// blocks, and blocks of which nothing is left go altogether.
func (t *Table) foldDead() error {
	f, v := t.keeper.fold, t.view.Load()
	u := t.newUpkeep(v)
	u.ops = append(u.ops, f.drops...)
	horizon := t.horizon()
	for at := f.at; at < len(f.blocks) && u.bytes < stepBytes && len(u.ops) < stepKeys; at++ {
		if err := u.kill(f.blocks[at], v.frozen.dead.of(f.blocks[at]), horizon); err != nil {
			return fmt.Errorf("fold dead rows: %w", err)
		}
		u.done++
	}
	if err := u.commit(); err != nil {
		return fmt.Errorf("fold dead rows: %w", err)
	}
	f.drops = nil
	for _, fix := range u.fixes {
		e := f.dir.at(fix.block)
		*e = newDirEntry(min(e.live(), fix.phys), fix.phys, fix.groups, fix.vector)
	}
	if f.at += u.done; f.at == len(f.blocks) {
		t.keeper.next()
	}
	return nil
}

// foldPages writes the directory as of the fold, a step at a time, and last the
// manifest that makes all of it valid.
func (t *Table) foldPages() error {
	f, v := t.keeper.fold, *t.view.Load()
	m := v.folded
	m.epoch++
	var ops []storage.Op
	end := f.dir.storedKeys()
	for bytes := 0; f.page+uint64(len(ops)) < end && bytes < stepBytes; {
		n := f.page + uint64(len(ops))
		key := t.src.space.page(m.epoch, n)
		payload := f.dir.appendStored(nil, n)
		ops = append(ops, storage.Op{Key: key, Value: storage.Seal(nil, key, sealPages, formatVersion, payload)})
		bytes += len(payload)
	}
	last := f.page+uint64(len(ops)) == end
	if last {
		m.seq, m.next, m.live, m.pages = f.seq, f.next, f.live, uint64(len(f.dir.pages))
		ops = append(ops, t.manifestOp(&m))
	}
	if err := t.put(context.Background(), ops); err != nil {
		return fmt.Errorf("fold directory: %w", err)
	}
	if f.page += uint64(len(ops)); !last {
		return nil
	}
	t.set.deltaRows.Add(-int64(v.frozen.size()))
	v.folded, v.frozen = m, nil
	t.keeper.fold = nil
	t.view.Store(&v)
	t.keeper.next()
	return nil
}

// dropOld deletes a step of the log keys and directory pages that the last fold
// made useless.
func (t *Table) dropOld() error {
	m := t.view.Load().folded
	var ops []storage.Op
	collect := func(prefix []byte, old func(n uint64) bool) error {
		return t.src.kv.Scan(context.Background(), prefix, nil, func(key, _ []byte) error {
			if n, ok := cutNumber(key[len(prefix):]); !ok {
				return damaged("key", key)
			} else if !old(n) {
				return nil
			}
			if ops = append(ops, storage.Op{Key: slices.Clone(key), Delete: true}); len(ops) >= stepKeys {
				return storage.ErrStop
			}
			return nil
		})
	}
	err := collect(t.src.space.section(sectLog, 0), func(seq uint64) bool { return seq <= m.seq })
	if err == nil && len(ops) < stepKeys {
		err = collect(t.src.space.section(sectPages, 0), func(epoch uint64) bool { return epoch != m.epoch })
	}
	if err != nil && !errors.Is(err, storage.ErrStop) {
		return fmt.Errorf("drop folded log: %w", err)
	}
	if len(ops) > 0 {
		if err := t.put(context.Background(), ops); err != nil {
			return fmt.Errorf("drop folded log: %w", err)
		}
	}
	if len(ops) < stepKeys {
		t.keeper.next()
	}
	return nil
}
