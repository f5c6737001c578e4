// Package enginetest holds fakes of what the engine needs, and the reference
// model of what an import does: a store that is a map and a spool that is one
// too. They are slow, simple and exact, so that other stores can be held to them.
package enginetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"sluice/engine"
	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// Store is an engine.Store in memory.
type Store struct {
	// FailAt makes the Nth call that writes fail with Err, counted from 1; 0: none.
	FailAt int64
	Err    error

	// MaxOps bounds the ops of one commit, like the commit limit of a real store;
	// 0: no bound.
	MaxOps int

	writes  atomic.Int64
	mu      sync.Mutex
	tables  map[string]*table
	records map[string][]byte
}

type table struct {
	next     uint64
	byID     map[company.ID]company.Record
	byDomain map[string]company.ID
	order    []company.ID
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{tables: map[string]*table{}, records: map[string][]byte{}}
}

func (s *Store) fail() error {
	if n := s.writes.Add(1); n == s.FailAt {
		return s.Err
	}
	return nil
}

// Writes tells how many calls have written so far.
func (s *Store) Writes() int64 { return s.writes.Load() }

func (s *Store) table(tenant string) *table {
	if s.tables[tenant] == nil {
		s.tables[tenant] = &table{byID: map[company.ID]company.Record{}, byDomain: map[string]company.ID{}}
	}
	return s.tables[tenant]
}

// Update implements engine.Store.
func (s *Store) Update(_ context.Context, tenant string, fn func(engine.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tx := &tx{t: s.table(tenant), max: s.MaxOps}
	err := fn(tx)
	if err == nil {
		err = s.fail()
	}
	if err != nil {
		tx.rollback()
		return err
	}
	s.put(tx.changes)
	return nil
}

// Stream implements engine.Store.
func (s *Store) Stream(ctx context.Context, tenant string, fn func(engine.Tx) error) error {
	return s.Update(ctx, tenant, fn)
}

// Tenants implements engine.Store.
func (s *Store) Tenants(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for n := range s.tables {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, nil
}

// DryRun implements engine.Store: it judges on a copy of the table, as long as ctx
// lasts.
func (s *Store) DryRun(ctx context.Context, tenant string) (engine.Trial, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.table(tenant)
	return &trial{tx{t: &table{next: t.next, byID: maps.Clone(t.byID), byDomain: maps.Clone(t.byDomain)}}, t.next, ctx}, nil
}

// Record implements engine.Records.
func (s *Store) Record(_ context.Context, key tuple.Key) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.records[string(key)]
	if !ok {
		return nil, fault.New(fault.NotFound, "no such record")
	}
	return bytes.Clone(v), nil
}

// Records implements engine.Records.
func (s *Store) Records(_ context.Context, prefix, after tuple.Key, fn func(tuple.Key, []byte) (bool, error)) error {
	s.mu.Lock()
	var keys []string
	values := map[string][]byte{}
	for k, v := range s.records {
		if bytes.HasPrefix([]byte(k), prefix) && k > string(after) {
			keys = append(keys, k)
			values[k] = v
		}
	}
	s.mu.Unlock()
	sort.Strings(keys)
	for _, k := range keys {
		if more, err := fn(tuple.Key(k), values[k]); err != nil || !more {
			return err
		}
	}
	return nil
}

// Write implements engine.Records.
func (s *Store) Write(_ context.Context, changes []engine.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail(); err != nil {
		return err
	}
	s.put(changes)
	return nil
}

func (s *Store) put(changes []engine.Change) {
	for _, c := range changes {
		if c.Value == nil {
			delete(s.records, string(c.Key))
		} else {
			s.records[string(c.Key)] = bytes.Clone(c.Value)
		}
	}
}

// Companies returns the records of a tenant's companies, in the order in which
// they were created.
func (s *Store) Companies(tenant string) []company.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []company.Record
	t := s.table(tenant)
	for _, id := range t.order {
		all = append(all, t.byID[id])
	}
	return all
}

type tx struct {
	t       *table
	m       company.Merger
	changes []engine.Change
	undo    []func()
	bytes   int
	max     int
	done    int
}

// rollback undoes what the tx did, the last first.
func (tx *tx) rollback() {
	for _, f := range slices.Backward(tx.undo) {
		f()
	}
}

// Apply implements engine.Tx for upserts, the ops of an import.
func (tx *tx) Apply(ops []company.Op, results []company.Result) (int, error) {
	for i, op := range ops {
		if tx.max > 0 && tx.done == tx.max {
			return i, nil
		}
		tx.done++
		r, err := tx.upsert(op)
		if err != nil {
			return i, err
		}
		results[i] = r
		tx.bytes += len(op.Patch)
	}
	return len(ops), nil
}

func (tx *tx) upsert(op company.Op) (company.Result, error) {
	domain := op.Patch.Domain()
	id, there := tx.t.byDomain[string(domain)]
	there = there && domain != nil
	if there && !op.Update {
		return company.Result{Outcome: company.Skipped, ID: id}, nil
	}
	if !there && !op.Patch.Sets(company.Name) {
		return company.Result{Err: company.NoName()}, nil
	}
	var old company.Record
	if there {
		old = tx.t.byID[id]
	}
	rec, err := tx.m.Apply(nil, old, op.Patch)
	if fault.CodeOf(err) == fault.TooLong {
		return company.Result{Err: err.(*fault.Error)}, nil
	}
	if err != nil {
		return company.Result{}, err
	}
	if there {
		tx.undo = append(tx.undo, func() { tx.t.byID[id] = old })
		tx.t.byID[id] = rec
		return company.Result{Outcome: company.Updated, ID: id}, nil
	}
	tx.undo = append(tx.undo, func() {
		tx.t.next--
		tx.t.order = tx.t.order[:len(tx.t.order)-1]
		delete(tx.t.byID, id)
		delete(tx.t.byDomain, string(domain))
	})
	tx.t.next++
	binary.BigEndian.PutUint64(id[8:], tx.t.next)
	tx.t.byID[id] = rec
	tx.t.order = append(tx.t.order, id)
	if domain != nil {
		tx.t.byDomain[string(domain)] = id
	}
	return company.Result{Outcome: company.Created, ID: id}, nil
}

// Put implements engine.Tx.
func (tx *tx) Put(c engine.Change) {
	tx.changes = append(tx.changes, c)
	tx.bytes += len(c.Key) + len(c.Value)
}

// Job implements engine.Tx.
func (tx *tx) Job(string) {}

// Bytes implements engine.Tx.
func (tx *tx) Bytes() int { return tx.bytes }

type trial struct {
	tx
	first uint64 // ids above it are the trial's
	ctx   context.Context
}

func (t *trial) Made(id company.ID) bool { return binary.BigEndian.Uint64(id[8:]) > t.first }

func (t *trial) Apply(ops []company.Op, results []company.Result) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	_, err := t.tx.Apply(ops, results)
	return err
}

func (t *trial) Close(context.Context) error { return nil }
