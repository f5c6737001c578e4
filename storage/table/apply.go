package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage"
)

// Apply applies ops in order and fills results. n < len(ops) without an error:
// the commit is full, and nothing of ops from n on was done.
func (tx *Tx) Apply(ops []company.Op, results []company.Result) (n int, err error) {
	defer func() {
		if err != nil {
			tx.broken = err
		}
	}()
	for n < len(ops) {
		part := ops[n:min(len(ops), n+probeAhead)]
		did, err := tx.applyPart(part, results[n:])
		if n += did; err != nil || did < len(part) {
			return n, err
		}
	}
	return n, nil
}

func (tx *Tx) applyPart(ops []company.Op, results []company.Result) (n int, err error) {
	tx.prober.begin(tx, ops)
	defer tx.prober.end()

	for n < len(ops) {
		probes, err := tx.prober.chunk(n)
		if err != nil {
			return n, err
		}
		for i := range probes {
			tx.touched += tx.doms.touch(probes[i].h)
			if there(probes[i].found) {
				tx.touched += tx.ids.touch(tx.t.keys.birth(probes[i].found))
			} else {
				tx.touched += tx.doms.touchSlot(probes[i].h)
			}
		}
		for i := range probes {
			results[n] = company.Result{}
			fit, err := tx.step(&ops[n], &probes[i], &results[n])
			if err != nil || !fit {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// step does one op. fit is false when the commit has no room for it; then
// nothing was done.
func (tx *Tx) step(op *company.Op, p *probe, res *company.Result) (fit bool, err error) {
	switch op.Kind {
	case company.Upsert, company.Create:
		own := tx.owner(p)
		if !there(own) {
			// Rows stand in the order of their ops.
			if err := tx.catchUp(); err != nil {
				return false, err
			}
			return tx.create(op, p, res)
		}
		if op.Kind == company.Upsert && op.Update {
			return tx.match(own, op, p, res)
		}
		if op.Kind == company.Create {
			*res = conflict(tx.t.keys.id(own))
		} else {
			res.Outcome, res.ID = company.Skipped, tx.named(op, own, p)
		}
		return true, nil
	case company.Modify, company.Delete:
		if err := tx.catchUp(); err != nil {
			return false, err
		}
		rec, err := tx.locate(op.ID)
		if errors.Is(err, fault.NotFound) {
			res.ID, res.Err = op.ID, notFound()
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if op.Kind == company.Delete {
			return tx.remove(rec, res)
		}
		return tx.update(rec, op, p, res)
	}
	return false, fmt.Errorf("apply op: unknown kind %d", op.Kind)
}

func conflict(id company.ID) company.Result {
	return company.Result{ID: id, Err: fault.New(fault.Conflict, "another company has this domain")}
}

func notFound() *fault.Error { return fault.New(fault.NotFound, "no such company") }

// row returns a row of the commit or of the committed table; the record is a view.
func (tx *Tx) row(rec uint64) (groupRow, company.Record, error) {
	if rec >= tx.start {
		i := int(rec - tx.start)
		r := tx.rows[i]
		return r, tx.rawOf(i)[r.off : r.off+r.size : r.off+r.size], nil
	}
	t := tx.t
	for rec < t.base {
		t = t.lower
	}
	if tx.lastOf == t && tx.last.number == rec>>blockBits {
		if g, i, ok := tx.last.find(uint8(rec)); ok {
			return g.row(i), g.record(i), nil
		}
		// The table below a dry run has written the row since the block was read.
	}
	b, err := t.blockWith(tx.ctx, rec)
	if err != nil {
		return groupRow{}, nil, err
	}
	tx.last, tx.lastOf = b, t
	g, i, ok := b.find(uint8(rec))
	if !ok {
		return groupRow{}, nil, fmt.Errorf("read row %d at key %x: %w", rec, t.src.space.block(rec>>blockBits), storage.ErrDamaged)
	}
	return g.row(i), g.record(i), nil
}

func (tx *Tx) create(op *company.Op, p *probe, res *company.Result) (bool, error) {
	patch := op.Patch
	if blank(text(patch.Record(), company.Name)) || patch.Clears(company.Name) && !patch.Sets(company.Name) {
		res.Err = company.NoName()
		return true, nil
	}
	at := len(tx.raw)
	raw, err := tx.first(patch)
	if err != nil {
		return tx.failed(err, res)
	}
	rec := tx.start + uint64(len(tx.rows))
	if tx.raw, err = tx.strip(raw, at); err != nil {
		return false, err
	}
	if fit, err := tx.append(at, rec, tx.now); !fit || err != nil {
		return false, err
	}
	if p.keyed {
		tx.setDomain(p.h, rec)
	}
	tx.live++
	// Field by field: a literal is put together on the stack, and reading that back whole
	// waits for all stores before.
	res.Outcome, res.ID = company.Created, tx.named(op, rec, p)
	return true, nil
}

// first appends the record that a patch makes of nothing: what it sets as it
// stands, but for lists, which must be united.
func (tx *Tx) first(patch company.Patch) ([]byte, error) {
	if patch.Sets(company.Tags) || patch.Sets(company.Custom) {
		return tx.merger.Apply(tx.raw, nil, patch)
	}
	if !patch.Record().Plain() {
		return tx.raw, company.ErrRecord
	}
	return append(tx.raw, patch.Record()...), nil
}

// failed turns a limit that a merged record breaks into the op's result.
func (tx *Tx) failed(err error, res *company.Result) (bool, error) {
	var e *fault.Error
	if !errors.As(err, &e) {
		return false, fmt.Errorf("merge record: %w", err)
	}
	res.Err = e
	return true, nil
}

// update patches the company at rec. A new version is a new row; the old one is
// dead.
func (tx *Tx) update(rec uint64, op *company.Op, p *probe, res *company.Result) (bool, error) {
	old, record, err := tx.row(rec)
	if err != nil {
		return false, err
	}
	res.ID = tx.named(op, old.birth, p)
	patch := op.Patch
	if op.Kind == company.Upsert {
		if patch, err = tx.keepName(patch); err != nil {
			return false, err
		}
	}
	if own := tx.owner(p); op.Kind == company.Modify && there(own) && own != old.birth {
		*res = conflict(tx.t.keys.id(own))
		return true, nil
	}
	at := len(tx.raw)
	raw, err := tx.merger.Apply(tx.raw, record, patch)
	if err != nil {
		return tx.failed(err, res)
	}
	merged := company.Record(raw[at:])
	if bytes.Equal(merged, record) {
		res.Outcome = company.Updated
		return true, nil
	}
	was, is := record.Domain(), merged.Domain()
	moved := !bytes.Equal(was, is)
	var wasHash hash
	isHash, keyed := p.h, moved && len(is) > 0
	lost := moved && len(was) > 0
	if lost {
		wasHash = tx.t.keys.domain(was)
	}
	if keyed && !p.keyed {
		isHash = tx.t.keys.domain(is)
	}
	if tx.raw, err = tx.strip(raw, at); err != nil {
		return false, err
	}
	if fit, err := tx.append(at, old.birth, old.created); !fit || err != nil {
		return false, err
	}
	if lost {
		tx.setDomain(wasHash, gone)
	}
	if keyed {
		tx.setDomain(isHash, old.birth)
	}
	tx.moved(rec, old.birth)
	res.Outcome = company.Updated
	return true, nil
}

func (tx *Tx) remove(rec uint64, res *company.Result) (bool, error) {
	if !tx.fits(0) {
		return false, nil
	}
	r, record, err := tx.row(rec)
	if err != nil {
		return false, err
	}
	if d := record.Domain(); len(d) > 0 {
		tx.setDomain(tx.t.keys.domain(d), gone)
	}
	tx.setID(r.birth, gone)
	tx.kill(rec)
	tx.live--
	*res = company.Result{Outcome: company.Deleted, ID: tx.t.keys.id(r.birth)}
	return true, nil
}

// moved notes that the last row is the new version of what stood at rec.
func (tx *Tx) moved(rec, birth uint64) {
	tx.setID(birth, tx.start+uint64(len(tx.rows))-1)
	tx.kill(rec)
}

func (tx *Tx) kill(rec uint64) {
	if rec >= tx.t.base {
		tx.dead = append(tx.dead, rec)
	}
}

// append adds a row whose record was just appended to raw at at.
func (tx *Tx) append(at int, birth uint64, created int64) (fit bool, err error) {
	n := len(tx.rows)
	rec := tx.start + uint64(n)
	if rec > maxRecord {
		return false, errors.New("append row: the table is out of record numbers")
	}
	size := len(tx.raw) - at
	cost := rowCost(size, tx.job)
	if !tx.fits(cost) {
		tx.raw = tx.raw[:at]
		return false, nil
	}
	tx.rows = roomFor(tx.rows)[:n+1]
	r := &tx.rows[n] // field by field, as a result is
	r.birth, r.created, r.updated = birth, created, tx.now
	r.size, r.off, r.slot = uint32(size), uint32(at), uint8(rec)
	r.job = tx.job
	tx.openBytes += cost
	if r.slot == blockRows-1 || len(tx.raw) >= maxGroupRaw {
		return true, tx.seal(true)
	}
	return true, nil
}

// strip takes from the record that begins at at what a dry run has no use for:
// no later outcome depends on any text but the domain.
func (tx *Tx) strip(raw []byte, at int) ([]byte, error) {
	if tx.t.lower == nil {
		return raw, nil
	}
	tx.scratch = append(tx.scratch[:0], raw[at:]...)
	if err := tx.view.Decode(company.Record(tx.scratch)); err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	domain := tx.view.Text[company.Domain]
	tx.view.Text = [company.TextFields][]byte{company.Domain: domain}
	return tx.view.Append(raw[:at]), nil
}

// patcher changes records. It holds scratch memory, so one belongs to one goroutine.
type patcher struct {
	merger  company.Merger
	view    company.View
	scratch []byte
}

// merge appends what an import's patch makes of an old record, unless it is the same.
func (p *patcher) merge(dst []byte, old company.Record, patch company.Patch) (out []byte, same bool, err error) {
	if patch, err = p.keepName(patch); err != nil {
		return dst, false, err
	}
	out, err = p.merger.Apply(dst, old, patch)
	if err != nil {
		return dst, false, fmt.Errorf("merge record: %w", err)
	}
	if bytes.Equal(out[len(dst):], old) {
		return out[:len(dst)], true, nil
	}
	return out, false, nil
}

// keepName takes what would blank the name out of an import's patch.
func (p *patcher) keepName(patch company.Patch) (company.Patch, error) {
	sets := patch.Sets(company.Name)
	if !patch.Clears(company.Name) && (!sets || !blank(text(patch.Record(), company.Name))) {
		return patch, nil
	}
	const head = 3
	p.scratch = append(p.scratch[:0], patch[:head]...)
	cleared := binary.LittleEndian.Uint16(p.scratch[1:]) &^ (1 << company.Name)
	binary.LittleEndian.PutUint16(p.scratch[1:], cleared)
	if err := p.view.Decode(patch.Record()); err != nil {
		return nil, fmt.Errorf("read patch: %w", err)
	}
	if blank(p.view.Text[company.Name]) {
		p.view.Text[company.Name] = nil
	}
	p.scratch = p.view.Append(p.scratch)
	return p.scratch, nil
}

// text returns one of the first text fields of a record, nil where it has none.
func text(r company.Record, f company.Field) []byte {
	if len(r) < 2 {
		return nil
	}
	present, p := binary.LittleEndian.Uint16(r), []byte(r[2:])
	for g := range f + 1 {
		if present&(1<<g) == 0 {
			continue
		}
		n, w := binary.Uvarint(p)
		if w <= 0 || n > uint64(len(p)-w) {
			return nil
		}
		if g == f {
			return p[w : w+int(n)]
		}
		p = p[w+int(n):]
	}
	return nil
}

func blank(p []byte) bool { return len(bytes.TrimSpace(p)) == 0 }
