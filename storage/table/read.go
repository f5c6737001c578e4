package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage"
)

// maxAttempts is how often a reader starts anew because what it looked at was
// moved under its feet. Each time takes a whole fold or vacuum step to happen.
const maxAttempts = 1000

// Get returns a company, the caller's own copy.
func (t *Table) Get(ctx context.Context, id company.ID) (company.Company, error) {
	birth, ours := t.keys.record(id)
	if !ours {
		return company.Company{}, notFound()
	}
	return t.read(ctx, func(v *view) (uint64, error) {
		if birth >= v.next {
			return none, nil
		}
		return t.committed(ctx, v, birth)
	})
}

// ByDomain returns the company that has a domain, in the form that is stored.
func (t *Table) ByDomain(ctx context.Context, domain []byte) (company.Company, error) {
	if len(domain) == 0 {
		return company.Company{}, notFound()
	}
	h := t.keys.domain(domain)
	find := func(v *view) (uint64, error) {
		birth, err := t.viewDomain(ctx, v, h)
		if err != nil || !there(birth) {
			return none, err
		}
		return t.placed(ctx, v, birth)
	}
	// A commit between the looks at domain and row may lead to a company that gets
	// the domain after, or has just lost it.
	var c company.Company
	for range domainAttempts {
		var err error
		if c, err = t.read(ctx, find); err != nil || bytes.Equal(c.Record.Domain(), domain) {
			return c, err
		}
	}
	return company.Company{}, notFound()
}

// domainAttempts is how often a domain that leads to a company without it is
// looked up. Each time takes another commit to happen.
const domainAttempts = 3

// placed returns where the company born as birth is now, which has a domain.
func (t *Table) placed(ctx context.Context, v *view, birth uint64) (uint64, error) {
	p, err := t.viewID(ctx, v, birth)
	switch {
	case err != nil || p == gone:
		return none, err
	case p == none:
		return birth, nil
	}
	return p, nil
}

// Count returns the number of companies as of the last commit.
func (t *Table) Count(ctx context.Context) (int64, error) {
	return t.view.Load().live, ctx.Err()
}

// read copies the row that find finds. Row groups keep what they hold until
// vacuum, so the row found is as good as the moment it was found in; a row that
// is missing is looked for again if anything changed meanwhile.
func (t *Table) read(ctx context.Context, find func(*view) (uint64, error)) (company.Company, error) {
	for range maxAttempts {
		v := t.view.Load()
		rec, err := find(v)
		switch {
		case errors.Is(err, errStale):
			continue
		case err != nil:
			return company.Company{}, err
		case rec == none:
			if t.view.Load().active != v.active {
				continue
			}
			return company.Company{}, notFound()
		}
		b, err := t.blockWith(ctx, rec)
		if err != nil {
			return company.Company{}, err
		}
		if g, i, ok := b.find(uint8(rec)); ok {
			return t.company(g, i), nil
		}
		if now := t.view.Load(); now.seq == v.seq && now.doms == v.doms && now.ids == v.ids {
			return company.Company{}, fmt.Errorf("read row %d at key %x: %w", rec, t.src.space.block(rec>>blockBits), storage.ErrDamaged)
		}
	}
	return company.Company{}, fault.New(fault.Overloaded, "the table changes too fast to be read")
}

// blockWith returns the block of a row. One kept since before the row was
// written is read anew.
func (t *Table) blockWith(ctx context.Context, rec uint64) (*block, error) {
	b, err := t.block(ctx, rec>>blockBits)
	if err != nil {
		return nil, err
	}
	if _, _, ok := b.find(uint8(rec)); ok {
		return b, nil
	}
	fresh := new(block)
	return fresh, fresh.read(ctx, &t.src, rec>>blockBits, 0)
}

// viewDomain looks a domain up for a reader.
func (t *Table) viewDomain(ctx context.Context, v *view, h hash) (place, error) {
	if p := v.fresh.domain(h); p != none {
		return p, nil
	}
	if p := v.active.doms.get(h); p != none {
		return p, nil
	}
	if v.frozen != nil {
		if p := v.frozen.doms.get(h); p != none {
			return p, nil
		}
	}
	p, err := v.doms.find(ctx, &t.src, h)
	if p == none && err == nil && t.view.Load().doms != v.doms {
		return none, errStale
	}
	return p, err
}

// findDomain is viewDomain until it is sure, for a table on top of this one.
func (t *Table) findDomain(ctx context.Context, h hash) (place, error) {
	for range maxAttempts {
		p, err := t.viewDomain(ctx, t.view.Load(), h)
		if !errors.Is(err, errStale) {
			return p, err
		}
	}
	return none, fault.New(fault.Overloaded, "the table changes too fast to be read")
}

// committed returns where the company born as birth is now; none: nowhere.
func (t *Table) committed(ctx context.Context, v *view, birth uint64) (uint64, error) {
	if birth < t.base {
		return t.committedBelow(ctx, v, birth)
	}
	if !v.died(birth) {
		b, err := t.blockWith(ctx, birth)
		if err != nil {
			return none, err
		}
		if g, i, ok := b.find(uint8(birth)); ok && !b.dead.has(uint8(birth)) {
			if g.birth(i) != birth {
				return none, nil // the row at that place has another id
			}
			return birth, nil
		}
	}
	p, err := t.viewID(ctx, v, birth)
	if err != nil || !there(p) {
		return none, err
	}
	return p, nil
}

// viewID looks up where a row moved.
func (t *Table) viewID(ctx context.Context, v *view, birth uint64) (place, error) {
	h := t.keys.birth(birth)
	if p := v.fresh.id(h); p != none {
		return p, nil
	}
	if p := v.active.ids.get(h); p != none {
		return p, nil
	}
	if v.frozen != nil {
		if p := v.frozen.ids.get(h); p != none {
			return p, nil
		}
	}
	p, err := v.ids.find(ctx, &t.src, h)
	if p == none && err == nil && t.view.Load().ids != v.ids {
		return none, errStale
	}
	return p, err
}

// committedBelow asks this table first and then the one below.
func (t *Table) committedBelow(ctx context.Context, v *view, birth uint64) (uint64, error) {
	p, err := t.viewID(ctx, v, birth)
	if err != nil || p == gone {
		return none, err
	}
	if there(p) {
		return p, nil
	}
	for range maxAttempts {
		rec, err := t.lower.committed(ctx, t.lower.view.Load(), birth)
		if !errors.Is(err, errStale) {
			return rec, err
		}
	}
	return none, fault.New(fault.Overloaded, "the table changes too fast to be read")
}

// locate returns where the company of an id is, as the commit has it, or a
// fault of code not_found.
func (tx *Tx) locate(id company.ID) (uint64, error) {
	t := tx.t
	birth, ours := t.keys.record(id)
	if !ours || birth >= tx.start+uint64(len(tx.rows)) {
		return 0, notFound()
	}
	if p := tx.ids.get(t.keys.birth(birth)); p == gone {
		return 0, notFound()
	} else if p != none {
		return p, nil
	}
	if birth >= tx.start {
		if tx.rows[birth-tx.start].birth != birth {
			return 0, notFound()
		}
		return birth, nil
	}
	rec, err := t.committed(tx.ctx, tx.v, birth)
	if err != nil {
		return 0, err
	}
	if rec == none {
		return 0, notFound()
	}
	return rec, nil
}

// Get returns a company as the commit has it, the caller's own copy.
func (tx *Tx) Get(id company.ID) (company.Company, error) {
	if err := tx.catchUp(); err != nil {
		tx.broken = err // updates that were told to be made are not
		return company.Company{}, err
	}
	rec, err := tx.locate(id)
	if err != nil {
		return company.Company{}, err
	}
	r, record, err := tx.row(rec)
	if err != nil {
		return company.Company{}, err
	}
	return company.Company{ID: id, Record: append(company.Record(nil), record...), Created: r.created, Updated: r.updated}, nil
}
