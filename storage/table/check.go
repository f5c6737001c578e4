package table

import (
	"context"
	"errors"
	"fmt"

	"sluice/engine/company"
	"sluice/storage"
)

// Report is what Check found.
type Report struct {
	Companies int64    // live ones
	Groups    int64    // row groups
	Problems  []string // at most maxProblems, each with its key; none: the table is sound
}

const maxProblems = 100

func (r *Report) add(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Check reads the whole table between two commits and compares what is stored
// with what is known of it: each live company is found by its id and by its
// domain, and nothing is found that is not there. It holds up the writer.
func (t *Table) Check(ctx context.Context) (Report, error) {
	var rep Report
	err := t.Update(ctx, func(tx *Tx) error {
		if !tx.empty() {
			tx.over = true // alone, please
			return nil
		}
		c := check{t: t, v: tx.v, rep: &rep}
		rep = Report{}
		return c.run(ctx)
	})
	return rep, err
}

// Check checks a tenant's table. What keeps it from being opened is a problem,
// and so is a table that has no manifest: opening it would make an empty one.
func (s *Set) Check(ctx context.Context, tenant string) (Report, error) {
	var rep Report
	key := tableSpace(tenant).manifest()
	_, _, err := s.kv.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		rep.add("key %x: there is no manifest", key)
		return rep, nil
	}
	var t *Table
	if err == nil {
		t, err = s.Table(ctx, tenant)
	}
	if err == nil {
		rep, err = t.Check(ctx)
	}
	if errors.Is(err, storage.ErrDamaged) {
		rep.add("%v", err)
		return rep, nil
	}
	return rep, err
}

type check struct {
	t       *Table
	v       *view
	rep     *Report
	block   block
	domains int64
	moved   int64
	prefix  []byte
}

func (c *check) run(ctx context.Context) error {
	c.prefix = c.t.src.space.section(sectRows, 0)
	var at *block
	seen := uint64(0) // blocks below were met
	flush := func() {
		if at == nil {
			return
		}
		c.absent(seen, at.number)
		c.rows(ctx, at)
		seen, at = at.number+1, nil
	}
	err := c.t.src.kv.Scan(ctx, c.prefix, nil, func(key, value []byte) error {
		number, tag, slot, ok := cutRow(key[len(c.prefix):])
		if !ok {
			c.rep.add("key %x: not the key of a row group", key)
			return nil
		}
		if at == nil || number != at.number {
			flush()
			c.block.reset(number)
			at = &c.block
		}
		if err := at.add(key, value, tag, slot); err != nil {
			c.rep.add("key %x: %v", key, err)
			if tag == tagGroup {
				at.groups = at.groups[:len(at.groups)-1]
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check rows: %w", err)
	}
	flush()
	c.absent(seen, (c.v.next+blockRows-1)>>blockBits)
	if c.rep.Companies != c.v.live {
		c.rep.add("table of tenant %q: %d live rows are stored, %d are counted", c.t.tenant, c.rep.Companies, c.v.live)
	}
	if err := c.index(ctx, c.v.doms, c.v.active.doms, frozenMap(c.v, true), c.domains); err != nil {
		return err
	}
	return c.index(ctx, c.v.ids, c.v.active.ids, frozenMap(c.v, false), c.moved)
}

func frozenMap(v *view, domains bool) *sharedMap {
	switch {
	case v.frozen == nil:
		return newSharedMap()
	case domains:
		return v.frozen.doms
	}
	return v.frozen.ids
}

// absent checks blocks of which nothing is stored.
func (c *check) absent(from, to uint64) {
	for n := from; n < to; n++ {
		if e := c.v.dir.entry(n); e.phys() != 0 || e.live() != 0 {
			c.rep.add("key %x: %d rows should be stored, none is", c.t.src.space.block(n), e.phys())
		}
	}
}

func (c *check) rows(ctx context.Context, b *block) {
	key := c.t.src.space.block(b.number)
	dead, live, phys := c.v.deadSlots(b), 0, 0
	var stored slotSet
	for _, g := range b.groups {
		c.rep.Groups++
		phys += g.n
		for i := range g.n {
			stored.add(g.slot(i))
			rec := b.number<<blockBits | uint64(g.slot(i))
			if rec >= c.v.next {
				c.rep.add("key %x: row %d is after the last commit", key, rec)
				continue
			}
			if !dead.has(g.slot(i)) {
				live++
				c.row(ctx, key, rec, g.birth(i), g.record(i))
			}
		}
	}
	for slot := range blockRows {
		known := b.dead.has(uint8(slot))
		if known && !stored.has(uint8(slot)) {
			c.rep.add("key %x: slot %d is dead but not stored", c.t.src.space.vector(b.number), slot)
		}
	}
	e := c.v.dir.entry(b.number)
	if e.live() != live || e.phys() != phys || e.groups() != len(b.groups) {
		c.rep.add("key %x: %d of %d rows in %d groups are live, the directory has %d of %d in %d",
			key, live, phys, len(b.groups), e.live(), e.phys(), e.groups())
	}
	if b.dead.len() > 0 && !e.vector() {
		for slot := range blockRows {
			if b.dead.has(uint8(slot)) && !c.v.died(b.number<<blockBits|uint64(slot)) {
				c.rep.add("key %x: the directory does not know of the vector", c.t.src.space.vector(b.number))
				break
			}
		}
	}
	c.rep.Companies += int64(live)
}

// row checks that a live row is found where it is.
func (c *check) row(ctx context.Context, key []byte, rec, birth uint64, record company.Record) {
	var view company.View
	if err := view.Decode(record); err != nil {
		c.rep.add("key %x: row %d: %v", key, rec, err)
		return
	}
	at, err := c.t.committed(ctx, c.v, birth)
	if err != nil || at != rec {
		c.rep.add("key %x: row %d is not found by its id but row %d (%v)", key, rec, int64(at), err)
	}
	if birth != rec {
		c.moved++
	}
	if d := record.Domain(); len(d) > 0 {
		c.domains++
		p, err := c.t.committedDomain(ctx, c.v, c.t.keys.domain(d))
		if err != nil || p != birth {
			c.rep.add("key %x: row %d, born as %d, is not found by its domain %q but place %d (%v)", key, rec, birth, d, int64(p), err)
		}
	}
}

// index counts the places of an index. As all live rows were found in it, equal
// numbers mean that nothing else is.
func (c *check) index(ctx context.Context, ix *index, active, frozen *sharedMap, want int64) error {
	var found, stored int64
	changed := func(h hash) bool { return active.own(h) != none || frozen.own(h) != none }
	count := func(s *mapSlot) {
		if there(s.val) {
			found++
		}
	}
	for i := range active.shards {
		for j := range active.shards[i].m.slots {
			if s := &active.shards[i].m.slots[j]; s.used {
				count(s)
			}
		}
		for j := range frozen.shards[i].m.slots {
			if s := &frozen.shards[i].m.slots[j]; s.used && active.own(hash{s.hi, s.lo}) == none {
				count(s)
			}
		}
	}
	prefix := c.t.src.space.section(ix.sect, 0)
	err := c.t.src.kv.Scan(ctx, prefix, nil, func(key, value []byte) error {
		rest := key[len(prefix):]
		n, ok := cutNumber(rest[min(1, len(rest)):])
		version, payload, err := storage.Open(key, value, sealBucket)
		var b bucket
		if !ok || len(rest) != 9 || err != nil || version != formatVersion || !b.open(rest[0], payload) {
			c.rep.add("key %x: damaged index bucket", key)
			return nil
		}
		for i := range b.n {
			s := b.slot(i)
			if b.depth > 0 && s.hi>>(64-b.depth) != n || i > 0 && (b.hi(i-1) > s.hi || b.hi(i-1) == s.hi && b.lo(i-1) >= s.lo) {
				c.rep.add("key %x: entry %d stands at the wrong place", key, i)
			}
			if _, depth, at := ix.locate(s.hi); depth != b.depth || at != n {
				continue // about to be deleted
			}
			stored++
			if !changed(hash{s.hi, s.lo}) {
				count(&s)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check index: %w", err)
	}
	if found != want {
		c.rep.add("key %x: the index has %d places, %d rows need one", prefix, found, want)
	}
	if stored != ix.count {
		c.rep.add("key %x: %d places are stored, %d are counted", prefix, stored, ix.count)
	}
	return nil
}
