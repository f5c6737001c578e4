package table

import (
	"fmt"

	"sluice/engine/company"
	"sluice/storage"
)

// later is a run of updates whose outcome is known but whose rows are not read
// yet. They are read in the order of the blocks, each of which is decoded once
// however the updates are scattered, and made in their own order.
type later struct {
	list    []laterUpdate
	patches []byte
	order   []uint64 // record number and place in list, sorted
	making  bool

	readers [maxReaders]laterReader
}

type laterUpdate struct {
	rec, birth uint64
	off, size  uint32   // of the patch
	old        groupRow // its record is what the reader made of it
	reader     uint8
	same       bool // nothing changes
}

// A sort key of later holds a record number above a place in its list.
const (
	laterBits = 16
	maxLater  = 1 << laterBits
)

// updateCost is what an update of a table takes, learnt from those before: bytes of
// the commit and of its memory. It rises at once and falls slowly, since a run for
// which the commit has no room was in vain.
type updateCost struct{ stored, raw int }

// firstCost is assumed of a table whose updates are not known yet.
func firstCost() updateCost { return updateCost{stored: 256, raw: 1 << 10} }

func (c *updateCost) learn(stored, raw, n int) {
	rise := func(old, now int) int {
		now += now / 8
		if now >= old {
			return now
		}
		return (3*old + now) / 4
	}
	c.stored, c.raw = rise(c.stored, stored/n), rise(c.raw, raw/n)
}

func (l *later) reset() { l.list, l.patches, l.making = l.list[:0], l.patches[:0], false }

// waiting is about what the updates will take of the commit and of its memory.
func (tx *Tx) waiting() updateCost {
	l := &tx.later
	if l.making { // then the commit has them
		return updateCost{}
	}
	c := tx.t.updates
	return updateCost{(c.stored + maxDelta) * len(l.list), c.raw*len(l.list) + len(l.patches)}
}

// waitingKeys is about how many groups they will make.
func (tx *Tx) waitingKeys() int {
	n := len(tx.later.list)
	if n == 0 || tx.later.making {
		return 0
	}
	return n/blockRows + tx.t.updates.raw*n/maxGroupRaw + 1
}

// match updates the company born as birth, which has the op's domain.
func (tx *Tx) match(birth uint64, op *company.Op, p *probe, res *company.Result) (fit bool, err error) {
	rec, err := tx.current(birth, p)
	if err != nil {
		return false, err
	}
	if rec == none {
		return tx.create(op, p, res)
	}
	// What can fail, since lists are united, fails now.
	if rec < tx.start && tx.t.lower == nil && !op.Patch.Sets(company.Tags) && !op.Patch.Sets(company.Custom) {
		if len(tx.later.list) == maxLater {
			if err := tx.catchUp(); err != nil {
				return false, err
			}
			return tx.match(birth, op, p, res)
		}
		if !tx.fits(tx.t.updates.stored) {
			return false, nil
		}
		l := &tx.later
		l.list = append(roomFor(l.list), laterUpdate{rec: rec, birth: birth, off: uint32(len(l.patches)), size: uint32(len(op.Patch))})
		l.patches = append(l.patches, op.Patch...)
		res.Outcome, res.ID = company.Updated, tx.named(op, birth, p)
		return true, nil
	}
	if len(tx.later.list) > 0 {
		if err := tx.catchUp(); err != nil {
			return false, err
		}
		if rec, err = tx.current(birth, p); err != nil {
			return false, err
		}
	}
	return tx.update(rec, op, p, res)
}

// catchUp makes the updates that were left for later. Their results are given, so
// it is an error when the commit has no room for them.
func (tx *Tx) catchUp() error {
	l := &tx.later
	if len(l.list) == 0 {
		return nil
	}
	tx.collect(true)
	defer func(stored, raw, rows int) {
		tx.collect(true)
		if n := len(tx.rows) - rows; n > 0 {
			tx.t.updates.learn(tx.groupBytes+tx.openBytes-stored, tx.rawBytes+len(tx.raw)-raw, n)
		}
		l.reset()
	}(tx.groupBytes+tx.openBytes, tx.rawBytes+len(tx.raw), len(tx.rows))
	l.making = true
	if len(l.list) <= fewUpdates {
		return tx.catchUpFew()
	}
	return tx.catchUpMany()
}

// fewUpdates are read by way of the cache: what reads them once may do so again.
const fewUpdates = 64

// catchUpFew reads and changes one after the other.
func (tx *Tx) catchUpFew() error {
	for i := range tx.later.list {
		u := &tx.later.list[i]
		old, record, err := tx.row(u.rec)
		if err != nil {
			return fmt.Errorf("read rows to update: %w", err)
		}
		if err := tx.change(u, &old, record); err != nil {
			return err
		}
	}
	return nil
}

// change makes one update of a company that was old before the run.
func (tx *Tx) change(u *laterUpdate, old *groupRow, record company.Record) error {
	if again, err := tx.changeAgain(u); again || err != nil {
		return err
	}
	at := len(tx.raw)
	raw, same, err := tx.merge(tx.raw, record, tx.later.patch(u))
	if err != nil || same {
		return err
	}
	tx.raw = raw
	return tx.replace(u, old, at)
}

// changeAgain makes an update of a company that the run has changed before; again
// is false for others.
func (tx *Tx) changeAgain(u *laterUpdate) (again bool, err error) {
	rec := tx.ids.get(tx.t.keys.birth(u.birth))
	if rec == none {
		return false, nil
	}
	op := company.Op{Kind: company.Upsert, Update: true, Unnamed: true, Patch: tx.later.patch(u)}
	fit, err := tx.update(rec, &op, &probe{found: none}, new(company.Result))
	return true, orTooLarge(fit, err)
}

// replace puts the record that was appended to raw at at in the place of an old row.
func (tx *Tx) replace(u *laterUpdate, old *groupRow, at int) error {
	fit, err := tx.append(at, old.birth, old.created)
	if fit && err == nil {
		tx.moved(u.rec, old.birth)
	}
	return orTooLarge(fit, err)
}

func (l *later) patch(u *laterUpdate) company.Patch {
	return company.Patch(l.patches[u.off : u.off+u.size])
}

func orTooLarge(fit bool, err error) error {
	if err == nil && !fit {
		return storage.ErrTooLarge
	}
	return err
}
