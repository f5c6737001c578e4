package table

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"sluice/engine/tuple"
	"sluice/storage"
)

// Set is all tenants' tables over one KV.
type Set struct {
	kv     storage.KV
	opts   Options
	secret []byte
	cache  cache

	mu     sync.Mutex
	tables map[string]*opening
	closed bool
	idle   sync.Pool // of *Tx

	deltaRows atomic.Int64 // in the active deltas of all tables
}

// opening is a table that is open or being opened; done is closed when it is.
type opening struct {
	done chan struct{}
	t    *Table
	err  error
}

const secretBytes = 32

// Open opens the tables in kv. On first use it makes the secret that all keys of
// tables are derived from.
func Open(ctx context.Context, kv storage.KV, opts Options) (*Set, error) {
	def := DefaultOptions()
	if opts.Now == nil {
		opts.Now = def.Now
	}
	if opts.CacheBytes <= 0 {
		opts.CacheBytes = def.CacheBytes
	}
	if opts.DeltaRows <= 0 {
		opts.DeltaRows = def.DeltaRows
	}
	s := &Set{kv: kv, opts: opts, tables: make(map[string]*opening)}
	s.cache.limit = opts.CacheBytes
	if err := s.openSecret(ctx); err != nil {
		return nil, fmt.Errorf("open tables: %w", err)
	}
	if err := s.sweepDryRuns(ctx); err != nil {
		return nil, fmt.Errorf("open tables: %w", err)
	}
	return s, nil
}

func (s *Set) openSecret(ctx context.Context) error {
	key := SecretKey()
	for {
		value, _, err := s.kv.Get(ctx, key)
		if err == nil {
			version, secret, err := storage.Open(key, value, sealSecret)
			if err == nil && version != formatVersion {
				return fmt.Errorf("%w: the tables in this store are of format %d, and this version of Sluice reads format %d; "+
					"open the store with the version that wrote it", storage.ErrFormat, version, formatVersion)
			}
			if err != nil || len(secret) != secretBytes {
				return damaged("secret", key)
			}
			s.secret = secret
			return nil
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("read secret: %w", err)
		}
		secret := make([]byte, secretBytes)
		rand.Read(secret) // never fails
		op := storage.Op{Key: key, Value: storage.Seal(nil, key, sealSecret, formatVersion, secret)}
		err = s.kv.Commit(ctx, []storage.Op{op}, []storage.Guard{{Key: key}})
		if err != nil && !errors.Is(err, storage.ErrGuard) {
			return fmt.Errorf("store secret: %w", err)
		}
	}
}

// Table returns a tenant's table, which is created on first use.
func (s *Set) Table(ctx context.Context, tenant string) (*Table, error) {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, errClosed
		}
		o, found := s.tables[tenant]
		if !found {
			o = &opening{done: make(chan struct{})}
			s.tables[tenant] = o
		}
		s.mu.Unlock()
		if !found {
			// Others wait for this one, so it does not end with one caller.
			o.t, o.err = s.openTable(context.WithoutCancel(ctx), tenant)
			if o.err != nil {
				s.mu.Lock()
				delete(s.tables, tenant)
				s.mu.Unlock()
			}
			close(o.done)
		}
		select {
		case <-o.done:
			return o.t, o.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Tenants returns the tenants that have a table, in order.
func (s *Set) Tenants(ctx context.Context) ([]string, error) {
	var list []string
	prefix := tuple.New("", kindTables)
	err := s.kv.Scan(ctx, prefix, nil, func(key, value []byte) error {
		tenant, rest, err := tuple.Key(key[len(prefix):]).CutString()
		if err != nil || len(rest) > 0 {
			return damaged("tenant", key)
		}
		if _, _, err := storage.Open(key, value, sealTenant); err != nil {
			return damaged("tenant", key)
		}
		list = append(list, tenant)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	sort.Strings(list)
	return list, nil
}

// Close lets no more requests in, waits for those under way and gives the
// leases back.
func (s *Set) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	tables := make([]*opening, 0, len(s.tables))
	for _, o := range s.tables {
		tables = append(tables, o)
	}
	s.mu.Unlock()
	var errs []error
	for _, o := range tables {
		select {
		case <-o.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if o.t == nil {
			continue
		}
		if err := o.t.close(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// takeTx returns a transaction for a writer. The memory of one is large, so it
// goes from writer to writer, and to the garbage collector when all are idle.
func (s *Set) takeTx(t *Table) *Tx {
	tx, _ := s.idle.Get().(*Tx)
	if tx == nil {
		tx = new(Tx)
	}
	tx.t = t
	return tx
}

func (s *Set) giveTx(tx *Tx) {
	tx.collect(true)
	tx.sealer.stop()
	tx.prober.stop()
	tx.t, tx.v, tx.ctx, tx.last, tx.lastOf = nil, nil, nil, nil, nil
	s.idle.Put(tx)
}
