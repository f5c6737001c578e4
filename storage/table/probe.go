package table

import (
	"context"
	"math"
	"runtime"
	"sync/atomic"

	"sluice/engine/company"
)

// probe is what the committed table says of an op's domain.
type probe struct {
	h     hash
	keyed bool  // the op has a domain
	found place // the birth
	id    company.ID
	at    place // of an update: where the company is; none: not asked
}

const (
	// probeChunk is how many ops are looked up at once, before the first of them
	// acts: independent look-ups overlap their waits for memory.
	probeChunk = 256

	// probeAhead bounds the ops that are looked up before the first of them acts.
	probeAhead = 16 * probeChunk
)

// prober looks the domains of ops up. Look-ups wait for memory most of the time
// and read only what is committed, so a goroutine beside the writer takes every
// chunk that the writer has not come to. All but the goroutine belongs to the writer.
type prober struct {
	wake  chan struct{} // nil: the goroutine does not run
	ended chan struct{} // closed when it has ended
	work  probing
	taken int    // chunks that the writer looked at, or got back
	ready []bool // by chunk
}

// probing is one Apply's ops, and then the next one's. No two look at the same chunk.
// Whoever has taken one may read all of it until the writer has the chunk back.
type probing struct {
	ctx    context.Context
	t      *Table
	v      *view
	ops    []company.Op
	probes []probe
	errs   []error // by chunk
	left   chunks
	done   chan int // the goroutine's chunks, as they are ready

	touched, beside uint64 // keep the reads of a touch from being left out
}

// chunks are those that nobody has begun: the next one, and behind the last.
type chunks struct{ atomic.Uint64 }

const noChunk = -1

func (c *chunks) reset(n int) { c.Store(uint64(n)) }

// take returns a chunk that nobody has begun.
func (c *chunks) take() int {
	for {
		s := c.Load()
		next, n := s>>32, s&math.MaxUint32
		if next == n {
			return noChunk
		}
		if c.CompareAndSwap(s, s+1<<32) {
			return int(next)
		}
	}
}

// close leaves none, and returns how many were begun.
func (c *chunks) close() int { return int(c.Swap(0) >> 32) }

func (p *prober) begin(tx *Tx, ops []company.Op) {
	w := &p.work
	w.ctx, w.t, w.v, w.ops = tx.ctx, tx.t, tx.v, ops
	if cap(w.probes) < len(ops) {
		w.probes = make([]probe, len(ops))
	}
	w.probes = w.probes[:len(ops)]
	n := (len(ops) + probeChunk - 1) / probeChunk
	if w.errs == nil {
		w.errs, p.ready = make([]error, probeAhead/probeChunk), make([]bool, probeAhead/probeChunk)
		w.done = make(chan int, probeAhead/probeChunk)
	}
	clear(p.ready)
	p.taken = 0
	w.left.reset(n)
	if n > 1 && runtime.GOMAXPROCS(0) > 1 {
		if p.wake == nil {
			p.wake, p.ended = make(chan struct{}, 1), make(chan struct{})
			go probeBeside(w, p.wake, p.ended)
		}
		select {
		case p.wake <- struct{}{}:
		default: // it has not seen the last one yet
		}
	}
}

func probeBeside(w *probing, wake <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	for range wake {
		for i := w.left.take(); i != noChunk; i = w.left.take() {
			w.beside += w.look(i)
			w.done <- i
		}
	}
}

// chunk returns the probes from op n on, which begins a chunk. Until they are
// ready the writer looks up others.
func (p *prober) chunk(n int) ([]probe, error) {
	w, i := &p.work, n/probeChunk
	for !p.ready[i] {
		if mine := w.left.take(); mine != noChunk {
			w.touched += w.look(mine)
			p.ready[mine] = true
		} else {
			p.ready[<-w.done] = true
		}
		p.taken++
	}
	return w.probes[n:min(len(w.probes), n+probeChunk)], w.errs[i]
}

// end returns when nobody looks at the table any more. It does not wait for the
// goroutine to be given a processor: where others keep them busy, the writer waited
// for that as long as it worked.
func (p *prober) end() {
	w := &p.work
	for begun := w.left.close(); p.taken < begun; p.taken++ {
		<-w.done
	}
	w.ctx, w.t, w.v, w.ops = nil, nil, nil, nil
}

// stop ends the goroutine, between two Applies.
func (p *prober) stop() {
	if p.wake != nil {
		close(p.wake)
		<-p.ended
		p.wake, p.ended = nil, nil
	}
}

// look fills in chunk i.
func (w *probing) look(i int) (touched uint64) {
	from, to := i*probeChunk, min(len(w.ops), (i+1)*probeChunk)
	touched, w.errs[i] = w.t.probe(w.ctx, w.v, w.ops[from:to], w.probes[from:to])
	return touched
}

// probe is for the writer, and for others while it makes a commit: maps are read
// without locks.
func (t *Table) probe(ctx context.Context, v *view, ops []company.Op, probes []probe) (touched uint64, err error) {
	for i := range probes {
		p := &probes[i]
		*p = probe{found: none, at: none}
		if op := &ops[i]; op.Kind != company.Delete {
			if d := op.Patch.Domain(); len(d) > 0 {
				p.h, p.keyed = t.keys.domain(d), true
			}
		}
	}
	older := v.active
	if v.frozen != nil {
		older = v.frozen
	}
	var at spots
	for i := range probes {
		h := probes[i].h
		touched += v.active.doms.touch(h) + older.doms.touch(h)
		at[i].open(v.doms, h)
	}
	touched += at.touchHashes(len(probes))
	for i := range probes {
		if p := &probes[i]; p.keyed {
			if p.found = v.recentDomain(p.h); p.found == none {
				at[i].walk(p.h)
			}
		}
	}
	touched += at.touchPlaces(len(probes))
	for i := range probes {
		if p := &probes[i]; p.keyed && p.found == none {
			if p.found, err = t.olderDomain(ctx, v, &at[i], p.h); err != nil {
				return touched, err
			}
		}
	}
	for i := range probes {
		p := &probes[i]
		if !there(p.found) {
			continue
		}
		if !ops[i].Unnamed {
			p.id = t.keys.id(p.found)
		}
		if ops[i].Update && t.lower == nil {
			h := t.keys.birth(p.found)
			touched += v.active.ids.touch(h) + older.ids.touch(h)
			at[i].open(v.ids, h)
		}
	}
	if t.lower != nil {
		return touched, nil
	}
	touched += at.touchHashes(len(probes))
	for i := range probes {
		if p := &probes[i]; there(p.found) && ops[i].Update {
			h := t.keys.birth(p.found)
			if p.at = v.recentID(h); p.at == none {
				at[i].walk(h)
			}
		}
	}
	touched += at.touchPlaces(len(probes))
	for i := range probes {
		if p := &probes[i]; there(p.found) && ops[i].Update && p.at == none {
			if p.at, err = t.olderID(ctx, v, &at[i], p.found); err != nil {
				return touched, err
			}
		}
	}
	return touched, nil
}

// committedDomain looks a domain up in what is committed, as probe does.
func (t *Table) committedDomain(ctx context.Context, v *view, h hash) (place, error) {
	if p := v.recentDomain(h); p != none {
		return p, nil
	}
	return t.olderDomain(ctx, v, new(spot), h)
}

// recentDomain looks into the deltas, without locks.
func (v *view) recentDomain(h hash) place {
	if p := v.active.doms.own(h); p != none || v.frozen == nil {
		return p
	}
	return v.frozen.doms.own(h)
}

// olderDomain looks below the deltas.
func (t *Table) olderDomain(ctx context.Context, v *view, s *spot, h hash) (place, error) {
	p, err := v.doms.findAt(ctx, &t.src, s, h)
	if p == none && err == nil && t.lower != nil {
		return t.lower.findDomain(ctx, h)
	}
	return p, err
}

// whereabouts returns where the company born as birth is, which must exist, in
// what is committed, as probe does.
func (t *Table) whereabouts(ctx context.Context, v *view, birth uint64) (place, error) {
	if birth < t.base {
		return t.committedBelow(ctx, v, birth)
	}
	if p := v.recentID(t.keys.birth(birth)); p != none {
		return p, nil
	}
	return t.olderID(ctx, v, new(spot), birth)
}

// recentID looks into the deltas, without locks.
func (v *view) recentID(h hash) place {
	if p := v.active.ids.own(h); p != none || v.frozen == nil {
		return p
	}
	return v.frozen.ids.own(h)
}

// olderID looks below the deltas.
func (t *Table) olderID(ctx context.Context, v *view, s *spot, birth uint64) (place, error) {
	p, err := v.ids.findAt(ctx, &t.src, s, t.keys.birth(birth))
	if p == none {
		p = birth
	}
	return p, err
}

// owner returns the birth of the company that has the probed domain now.
func (tx *Tx) owner(p *probe) place {
	if !p.keyed {
		return none
	}
	if own := tx.doms.get(p.h); own != none {
		return own
	}
	return p.found
}

// named is the id of the company born as birth, if somebody asks for it; the probe
// may have it.
func (tx *Tx) named(op *company.Op, birth place, p *probe) (id company.ID) {
	switch {
	case op.Unnamed:
		return id
	case birth == p.found:
		return p.id
	}
	return tx.t.keys.id(birth)
}

// current returns where the company born as birth is now; none: it was deleted from
// the table below a dry run after its domain was looked up.
func (tx *Tx) current(birth uint64, p *probe) (uint64, error) {
	if at := tx.ids.get(tx.t.keys.birth(birth)); at != none {
		return at, nil
	}
	switch {
	case birth >= tx.start:
		return birth, nil
	case birth == p.found && p.at != none:
		return p.at, nil
	}
	return tx.t.whereabouts(tx.ctx, tx.v, birth)
}
