package table

import (
	"context"
	"errors"

	"sluice/engine/company"
	"sluice/storage"
)

// Scan calls fn for each company after a cursor, but for the first skip ones, in
// the order in which their rows were written, all as of one moment. What fn gets
// is valid until it returns; at is the cursor that goes on behind it. fn ends the
// scan with storage.ErrStop.
func (t *Table) Scan(ctx context.Context, after Cursor, skip uint64, fn func(c company.Company, at Cursor) error) error {
	v := t.pin()
	defer t.unpin(v)
	s := scan{t: t, v: v, from: after.next, skip: skip, fn: fn}
	if !s.leap() {
		return ctx.Err()
	}
	var from []byte
	first := s.from >> blockBits
	prefix := t.src.space.section(sectRows, 0)
	if first > 0 {
		from = append(t.src.space.block(first-1), 0xFF, 0xFF)
	}
	s.b.reset(first)
	err := t.src.kv.Scan(ctx, prefix, from, func(key, value []byte) error {
		block, tag, slot, ok := cutRow(key[len(prefix):])
		if !ok {
			return damaged("row key", key)
		}
		if block != s.b.number {
			if err := s.flush(); err != nil {
				return err
			}
			s.b.reset(block)
		}
		if block<<blockBits >= v.next {
			return storage.ErrStop
		}
		return s.b.add(key, value, tag, slot)
	})
	if err == nil {
		err = s.flush()
	}
	if s.ended || errors.Is(err, storage.ErrStop) {
		return nil
	}
	return err
}

// scan is one Scan under way. A block is given once all of it was read.
type scan struct {
	t     *Table
	v     *view
	from  uint64 // first record number to give
	skip  uint64
	fn    func(company.Company, Cursor) error
	b     block
	ended bool
}

// leap passes over whole blocks that skip covers, by what the directory knows.
// It is false when nothing is left.
func (s *scan) leap() bool {
	if s.from >= s.v.next {
		return false
	}
	if s.skip == 0 {
		return true
	}
	block := s.from >> blockBits
	if s.from&(blockRows-1) != 0 { // of a block begun, only reading tells
		return true
	}
	for last := (s.v.next - 1) >> blockBits; block <= last; block++ {
		n := uint64(s.v.dir.entry(block).live())
		if n > s.skip {
			break
		}
		s.skip -= n
	}
	s.from = block << blockBits
	return s.from < s.v.next
}

func (s *scan) flush() error {
	if len(s.b.groups) == 0 || s.ended {
		return nil
	}
	live := s.v.dir.entry(s.b.number).live()
	begin := s.b.number << blockBits
	if s.skip >= uint64(live) && s.from <= begin {
		s.skip -= uint64(live)
		return nil
	}
	dead := s.v.deadSlots(&s.b)
	for _, g := range s.b.groups {
		for i := range g.n {
			rec := begin | uint64(g.slot(i))
			if rec >= s.v.next {
				return nil
			}
			if rec < s.from || dead.has(g.slot(i)) {
				continue
			}
			if s.skip > 0 {
				s.skip--
				continue
			}
			if err := s.give(g, i, rec); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scan) give(g *group, i int, rec uint64) error {
	r := g.row(i)
	err := s.fn(company.Company{
		ID:      s.t.keys.id(r.birth),
		Record:  g.record(i),
		Created: r.created,
		Updated: r.updated,
	}, Cursor{rec + 1})
	if errors.Is(err, storage.ErrStop) {
		s.ended = true
		return storage.ErrStop
	}
	return err
}
