package table

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"sluice/engine/tuple"
	"sluice/storage"
)

// Table is one tenant's companies.
type Table struct {
	set     *Set
	tenant  string
	keys    keys
	src     source
	blocks  blockCache
	view    atomic.Pointer[view]
	pins    pins
	writer  writer
	keeper  keeper
	updates updateCost // the writer's own
	lease   *storage.Lease

	// A dry run's table holds what the run changed over lower, in record
	// numbers from base on.
	lower *Table
	base  uint64
}

func (s *Set) newTable(tenant string, space space) *Table {
	t := &Table{set: s, tenant: tenant, updates: firstCost(), keys: deriveKeys(s.secret, tenant)}
	t.src = source{kv: s.kv, space: space, cache: &s.cache}
	t.blocks.cache = &s.cache
	t.writer.wake = make(chan struct{}, 1)
	return t
}

func (s *Set) openTable(ctx context.Context, tenant string) (*Table, error) {
	t := s.newTable(tenant, tableSpace(tenant))
	var err error
	if t.lease, err = storage.TakeLease(ctx, s.kv, t.src.space.lease(), s.owner()); err != nil {
		return nil, fmt.Errorf("open table of tenant %q: %w", tenant, err)
	}
	if err := t.open(ctx); err != nil {
		return nil, fmt.Errorf("open table of tenant %q: %w", tenant, err)
	}
	return t, nil
}

// owner names this process in its leases.
func (s *Set) owner() string {
	host, _ := os.Hostname() // for the operator's eyes only
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// guards prove with each commit that nobody else took the table meanwhile.
func (t *Table) guards() []storage.Guard { return []storage.Guard{t.lease.Guard()} }

// close waits for the writer.
func (t *Table) close(ctx context.Context) error {
	if err := t.writer.close(ctx); err != nil {
		return fmt.Errorf("close table of tenant %q: %w", t.tenant, err)
	}
	return nil
}

// open reads where the table stands, or creates it.
func (t *Table) open(ctx context.Context) error {
	key := t.src.space.manifest()
	value, _, err := t.src.kv.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return t.create(ctx)
	}
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	var m manifest
	version, payload, err := storage.Open(key, value, sealManifest)
	if err != nil || version != formatVersion || !m.decode(payload) {
		return damaged("manifest", key)
	}
	return t.replay(ctx, m)
}

func (t *Table) create(ctx context.Context) error {
	var m manifest
	name := tuple.New("", kindTables).String(t.tenant)
	err := t.put(ctx, []storage.Op{
		t.manifestOp(&m),
		{Key: name, Value: storage.Seal(nil, name, sealTenant, formatVersion, nil)},
	})
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return t.replay(ctx, m)
}

func (t *Table) manifestOp(m *manifest) storage.Op {
	key := t.src.space.manifest()
	return storage.Op{Key: key, Value: storage.Seal(nil, key, sealManifest, formatVersion, m.append(nil))}
}

// fresh is the view of a table as of its last fold.
func (t *Table) fresh(m manifest) *view {
	return &view{
		seq: m.seq, next: m.next, live: m.live, active: newDelta(), folded: m,
		doms: newIndex(sectDomains, m.doms),
		ids:  newIndex(sectIDs, m.ids),
		dir:  &directory{first: t.base >> blockBits},
	}
}
