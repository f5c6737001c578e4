package table

import (
	"context"
	"fmt"

	"sluice/engine/company"
	"sluice/storage"
)

// replay brings the table from its last fold to its last commit: the log tells
// what died, the rows that were written since tell their own places.
func (t *Table) replay(ctx context.Context, m manifest) error {
	r := replay{t: t, v: t.fresh(m), m: m}
	if err := r.pages(ctx); err != nil {
		return err
	}
	if err := r.log(ctx); err != nil {
		return err
	}
	if err := r.rows(ctx); err != nil {
		return err
	}
	r.finish()
	t.set.deltaRows.Add(int64(r.v.active.size()))
	t.view.Store(r.v)
	return nil
}

type replay struct {
	t       *Table
	v       *view
	m       manifest
	edit    *dirEdit
	entries []entry
	applied int // entries whose lost places are taken out
	block   block
}

func (r *replay) pages(ctx context.Context) error {
	dir := &directory{first: r.v.dir.first}
	for n := range (r.m.pages + storedPages - 1) / storedPages {
		key := r.t.src.space.page(r.m.epoch, n)
		value, _, err := r.t.src.kv.Get(ctx, key)
		if err != nil {
			return fmt.Errorf("read directory at key %x: %w", key, err)
		}
		version, payload, err := storage.Open(key, value, sealPages)
		if err != nil || version != formatVersion || !dir.addStored(payload) {
			return damaged("directory", key)
		}
	}
	if uint64(len(dir.pages)) != r.m.pages {
		return damaged("directory", r.t.src.space.manifest())
	}
	r.edit = dir.edit()
	return nil
}

// log reads the entries after the fold. They must follow one another.
func (r *replay) log(ctx context.Context) error {
	prefix := r.t.src.space.section(sectLog, 0)
	return r.t.src.kv.Scan(ctx, prefix, nil, func(key, value []byte) error {
		version, payload, err := storage.Open(key, value, sealLog)
		if err != nil || version != formatVersion {
			return damaged("log", key)
		}
		r.v.active.logs++
		for rd := (reader{payload, true}); len(rd.rest) > 0 || !rd.ok; {
			var e entry
			if !e.decode(&rd) {
				return damaged("log", key)
			}
			if e.seq <= r.m.seq {
				continue // folded; its key is about to be deleted
			}
			if e.seq != r.v.seq+1 || e.start != r.v.next {
				return fmt.Errorf("read log at key %x: entry %d of row %d after %d of row %d: %w",
					key, e.seq, e.start, r.v.seq, r.v.next, storage.ErrDamaged)
			}
			r.v.seq, r.v.next, r.v.live = e.seq, e.start+e.rows, e.live
			r.v.active.dead.add(e.seq, e.dead)
			r.v.active.deadN += len(e.dead)
			r.entries = append(r.entries, e)
		}
		return nil
	})
}

// rows reads the rows after the fold, in order.
func (r *replay) rows(ctx context.Context) error {
	var from []byte
	first := r.m.next >> blockBits
	if first > 0 {
		from = append(r.t.src.space.block(first-1), 0xFF, 0xFF)
	}
	r.block.reset(first)
	prefix := r.t.src.space.section(sectRows, 0)
	err := r.t.src.kv.Scan(ctx, prefix, from, func(key, value []byte) error {
		number, tag, slot, ok := cutRow(key[len(prefix):])
		if !ok {
			return damaged("row key", key)
		}
		if number != r.block.number {
			r.flush()
			r.block.reset(number)
		}
		if number<<blockBits >= r.v.next {
			return fmt.Errorf("read rows at key %x: rows after the last commit: %w", key, storage.ErrDamaged)
		}
		return r.block.add(key, value, tag, slot)
	})
	r.flush()
	if err != nil {
		return fmt.Errorf("read new rows: %w", err)
	}
	return nil
}

// flush takes in the rows of a block that were written since the fold.
func (r *replay) flush() {
	b := &r.block
	if len(b.groups) == 0 {
		return
	}
	begin := b.number << blockBits
	dead := r.v.deadSlots(b)
	phys, live := 0, r.edit.entry(b.number).live()
	for _, g := range b.groups {
		phys += g.n
		for i := range g.n {
			rec := begin | uint64(g.slot(i))
			if rec < r.m.next {
				continue
			}
			live++
			r.lose(rec)
			if !dead.has(g.slot(i)) {
				r.place(rec, g.birth(i), g.record(i))
			}
		}
	}
	*r.edit.at(b.number) = newDirEntry(live, phys, len(b.groups), b.dead.len() > 0)
}

// lose takes out the places that were lost in commits before the one of rec.
func (r *replay) lose(rec uint64) {
	for r.applied < len(r.entries) && r.entries[r.applied].start+r.entries[r.applied].rows <= rec {
		e := &r.entries[r.applied]
		for _, h := range e.gone {
			r.setDomain(h, gone)
		}
		for _, birth := range e.unborn {
			r.setID(birth, gone)
		}
		r.applied++
	}
}

func (r *replay) place(rec uint64, birth uint64, record company.Record) {
	if d := record.Domain(); len(d) > 0 {
		r.setDomain(r.t.keys.domain(d), birth)
	}
	if birth != rec {
		r.setID(birth, rec)
	}
}

func (r *replay) setDomain(h hash, p place) {
	if r.v.active.doms.set(h, p) {
		r.v.active.domN++
	}
}

func (r *replay) setID(birth uint64, p place) {
	if r.v.active.ids.set(r.t.keys.birth(birth), p) {
		r.v.active.idN++
	}
}

// finish brings the directory to the last commit.
func (r *replay) finish() {
	r.lose(r.v.next)
	for i := range r.entries {
		for _, fix := range r.entries[i].blocks {
			if fix.block >= r.m.next>>blockBits && fix.phys > 0 {
				continue // what is stored of it was counted; it may have grown since
			}
			e := r.edit.at(fix.block)
			*e = newDirEntry(e.live(), fix.phys, fix.groups, fix.vector)
		}
		for _, rec := range r.entries[i].dead {
			r.edit.add(rec>>blockBits, -1, 0, 0)
		}
	}
	// The rows of a block that went can't be counted any more. Those since the
	// last fold never were, but their deaths are.
	for i := range r.entries {
		for _, fix := range r.entries[i].blocks {
			if fix.phys == 0 {
				*r.edit.at(fix.block) = 0
			}
		}
	}
	dir := r.edit.directory
	r.v.dir = &dir
}
