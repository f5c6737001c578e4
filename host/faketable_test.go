package host

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"sluice/engine"
	"sluice/engine/company"
	"sluice/engine/fault"
)

// fakeTables are tables in memory that do what the real ones promise.
type fakeTables struct {
	mu      sync.Mutex
	records engine.Records
	tables  map[string]*fakeTable
}

func (f *fakeTables) Table(_ context.Context, tenant string) (companyTable, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tables[tenant]
	if t == nil {
		t = &fakeTable{records: f.records}
		f.tables[tenant] = t
	}
	return t, nil
}

type fakeRow struct {
	at position
	company.Company
}

type fakeTable struct {
	mu      sync.Mutex
	records engine.Records
	rows    []fakeRow
	next    uint64
	now     int64
}

func (t *fakeTable) Get(_ context.Context, id company.ID) (company.Company, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.get(id)
}

func (t *fakeTable) get(id company.ID) (company.Company, error) {
	for _, r := range t.rows {
		if r.ID == id {
			return r.Company, nil
		}
	}
	return company.Company{}, fault.New(fault.NotFound, "no company")
}

func (t *fakeTable) byDomain(domain []byte) (company.Company, bool) {
	for _, r := range t.rows {
		if domain != nil && string(r.Record.Domain()) == string(domain) {
			return r.Company, true
		}
	}
	return company.Company{}, false
}

func (t *fakeTable) ByDomain(_ context.Context, domain []byte) (company.Company, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.byDomain(domain)
	if !ok {
		return c, fault.New(fault.NotFound, "no company")
	}
	return c, nil
}

func (t *fakeTable) Count(context.Context) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(len(t.rows)), nil
}

func (t *fakeTable) Scan(_ context.Context, after position, skip uint64, fn func(position, *company.Company) (bool, error)) error {
	t.mu.Lock()
	rows := append([]fakeRow{}, t.rows...)
	t.mu.Unlock()
	for _, r := range rows {
		if r.at <= after {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if more, err := fn(r.at, &r.Company); err != nil || !more {
			return err
		}
	}
	return nil
}

func (t *fakeTable) Update(ctx context.Context, fn func(companyTx) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := append([]fakeRow{}, t.rows...)
	tx := &fakeTx{fakeTable: t}
	err := fn(tx)
	if err == nil {
		err = t.records.Write(ctx, tx.changes)
	}
	if err != nil {
		t.rows = before
	}
	return err
}

type fakeTx struct {
	*fakeTable
	changes []engine.Change
}

func (tx *fakeTx) Put(c engine.Change) { tx.changes = append(tx.changes, c) }

func (tx *fakeTx) Get(_ context.Context, id company.ID) (company.Company, error) { return tx.get(id) }

func (tx *fakeTx) Apply(ops []company.Op, results []company.Result) (int, error) {
	for i, op := range ops {
		var err error
		if results[i], err = tx.apply(op); err != nil {
			return i, err
		}
	}
	return len(ops), nil
}

func (tx *fakeTx) apply(op company.Op) (company.Result, error) {
	fail := func(code fault.Code, id company.ID) (company.Result, error) {
		return company.Result{ID: id, Err: fault.New(code, "fake")}, nil
	}
	tx.next++
	tx.now = max(tx.now+1, time.Now().UnixMilli())
	c := company.Company{Created: tx.now}
	binary.BigEndian.PutUint64(c.ID[8:], tx.next)
	at, outcome := len(tx.rows), company.Created
	if op.Kind != company.Create {
		for at = range tx.rows {
			if tx.rows[at].ID == op.ID {
				c, outcome = tx.rows[at].Company, company.Updated
				break
			}
		}
		if outcome != company.Updated {
			return fail(fault.NotFound, op.ID)
		}
		if op.Kind == company.Delete {
			tx.rows = append(append([]fakeRow{}, tx.rows[:at]...), tx.rows[at+1:]...)
			return company.Result{Outcome: company.Deleted, ID: op.ID}, nil
		}
	}
	if owner, ok := tx.byDomain(op.Patch.Domain()); ok && owner.ID != c.ID {
		return fail(fault.Conflict, owner.ID)
	}
	var m company.Merger
	record, err := m.Apply(nil, c.Record, op.Patch)
	if err != nil {
		return company.Result{Err: err.(*fault.Error)}, nil
	}
	c.Record, c.Updated = record, tx.now
	// A changed row moves to the end.
	tx.rows = append(append(append([]fakeRow{}, tx.rows[:at]...), tx.rows[min(at+1, len(tx.rows)):]...), fakeRow{position(tx.next), c})
	return company.Result{Outcome: outcome, ID: c.ID}, nil
}
