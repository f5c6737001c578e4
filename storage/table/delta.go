package table

import "sync"

// places are those that one commit changed, on their way into the active delta. As
// long as they are open they go before it.
type places struct {
	mu        sync.RWMutex
	doms, ids *hashMap // the transaction's; nil: the delta has them
}

// domain returns what the commit made of a domain; p may be nil.
func (p *places) domain(h hash) place {
	if p == nil {
		return none
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.doms == nil {
		return none
	}
	return p.doms.get(h)
}

// id returns where the commit put a company; p may be nil.
func (p *places) id(h hash) place {
	if p == nil {
		return none
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.ids == nil {
		return none
	}
	return p.ids.get(h)
}

// close gives the maps back to the transaction.
func (p *places) close() {
	p.mu.Lock()
	p.doms, p.ids = nil, nil
	p.mu.Unlock()
}

// delta holds what changed since the last fold: places that buckets do not know
// yet, and rows that died. The writer adds to it after a commit; readers look
// into it at any time. A frozen one never changes again.
type delta struct {
	doms *sharedMap // domain → record number
	ids  *sharedMap // birth of a moved row → record number
	dead deadSet

	// Of the writer alone.
	domN, idN, deadN int
	logs             int // log keys that it stands in
}

func newDelta() *delta {
	return &delta{doms: newSharedMap(), ids: newSharedMap()}
}

func (d *delta) size() int { return d.domN + d.idN + d.deadN }

// deadSet holds the rows that died, with the commit that killed each.
type deadSet struct {
	mu     sync.RWMutex
	blocks map[uint64][]deadRow
}

// deadRow is a commit's sequence number and a slot.
type deadRow uint64

func newDeadRow(seq uint64, slot uint8) deadRow { return deadRow(seq<<8 | uint64(slot)) }

func (d deadRow) seq() uint64 { return uint64(d) >> 8 }
func (d deadRow) slot() uint8 { return uint8(d) }

// add marks recs, best given in order: a run of one block takes the lock once.
func (s *deadSet) add(seq uint64, recs []uint64) {
	for len(recs) > 0 {
		block, n := recs[0]>>blockBits, 1
		for n < len(recs) && recs[n]>>blockBits == block {
			n++
		}
		s.mu.Lock()
		if s.blocks == nil {
			s.blocks = make(map[uint64][]deadRow)
		}
		list := s.blocks[block]
		if cap(list)-len(list) < n {
			list = append(make([]deadRow, 0, max(4, 2*len(list), len(list)+n)), list...)
		}
		for _, rec := range recs[:n] {
			list = append(list, newDeadRow(seq, uint8(rec)))
		}
		s.blocks[block] = list
		s.mu.Unlock()
		recs = recs[n:]
	}
}

// of returns the dead rows of a block; what it returned never changes.
func (s *deadSet) of(block uint64) []deadRow {
	s.mu.RLock()
	list := s.blocks[block]
	s.mu.RUnlock()
	return list
}

// has reports whether a row is dead as of commit seq.
func (s *deadSet) has(rec, seq uint64) bool {
	for _, d := range s.of(rec >> blockBits) {
		if d.slot() == uint8(rec) && d.seq() <= seq {
			return true
		}
	}
	return false
}
