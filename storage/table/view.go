package table

import "sync"

// view is a table as of one commit. A view never changes, but the deltas that it
// points to grow: what they got later is told by its sequence number, or by a
// record number that the view does not have yet.
type view struct {
	seq    uint64 // of the last commit
	next   uint64 // record number of the next row
	live   int64
	fresh  *places // of the last commit, while active has not all of them; else nil
	active *delta
	frozen *delta // being folded; nil: nothing is
	doms   *index
	ids    *index
	dir    *directory

	folded manifest // as stored
}

// deadSlots returns which rows of a block are dead in the view, whose vector may
// be newer.
func (v *view) deadSlots(b *block) slotSet {
	set := slotSet(b.dead.old)
	for _, list := range [...][]deadRow{b.dead.recent, v.active.dead.of(b.number), v.frozenDead(b.number)} {
		for _, d := range list {
			if d.seq() <= v.seq {
				set.add(d.slot())
			}
		}
	}
	return set
}

// died reports whether the death of a row is in a delta.
func (v *view) died(rec uint64) bool {
	return v.active.dead.has(rec, v.seq) || v.frozen != nil && v.frozen.dead.has(rec, v.seq)
}

func (v *view) frozenDead(block uint64) []deadRow {
	if v.frozen == nil {
		return nil
	}
	return v.frozen.dead.of(block)
}

// pins counts the scans under way by the commit that they see. What died after
// the oldest of them stays in the store.
type pins struct {
	mu   sync.Mutex
	seqs map[uint64]int
}

// pin returns the current view and keeps its rows until unpin.
func (t *Table) pin() *view {
	t.pins.mu.Lock()
	defer t.pins.mu.Unlock()
	v := t.view.Load()
	if t.pins.seqs == nil {
		t.pins.seqs = make(map[uint64]int)
	}
	t.pins.seqs[v.seq]++
	return v
}

func (t *Table) unpin(v *view) {
	t.pins.mu.Lock()
	defer t.pins.mu.Unlock()
	if t.pins.seqs[v.seq]--; t.pins.seqs[v.seq] == 0 {
		delete(t.pins.seqs, v.seq)
	}
}

// horizon is the newest commit that every scan, now or later, has seen.
func (t *Table) horizon() uint64 {
	t.pins.mu.Lock()
	defer t.pins.mu.Unlock()
	h := t.view.Load().seq
	for seq := range t.pins.seqs {
		h = min(h, seq)
	}
	return h
}
