package table

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/engine/tuple"
	"sluice/storage"
)

// Dry judges ops as Apply would, at any size and without touching the table. It
// is a table of its own, in scratch keys, that lies over the real one and keeps
// of each company only what later ops may depend on. Nothing is written at all
// until it has grown by one commit.
type Dry struct {
	mu     sync.Mutex
	over   *Table // the real one
	pinned *view
	t      *Table // the scratch
	tx     *Tx
	err    error // what ended it
	stored bool
}

// dryGap lies between the table's record numbers and those of a dry run, so that
// rows written meanwhile don't meet them.
const dryGap = 1 << 32

// DryRun begins a dry run, which must be closed. ctx is that of all its calls.
func (t *Table) DryRun(ctx context.Context) (*Dry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var b [8]byte
	rand.Read(b[:]) // never fails
	d := &Dry{over: t, pinned: t.pin()}
	d.t = t.set.newTable(t.tenant, scratchSpace(binary.BigEndian.Uint64(b[:])))
	d.t.lower, d.t.lease = t, t.lease
	d.t.base = (d.pinned.next + dryGap) &^ (blockRows - 1)
	d.t.view.Store(d.t.fresh(manifest{next: d.t.base, live: d.pinned.live}))
	d.tx = t.set.takeTx(d.t)
	d.tx.begin(ctx)
	d.tx.now = t.set.opts.Now().UnixMilli()
	return d, nil
}

// Apply judges ops in order. They act on what the ops before them did.
func (d *Dry) Apply(ops []company.Op, results []company.Result) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.err == nil && len(ops) > 0 {
		n, err := d.tx.Apply(ops, results)
		switch ops, results = ops[n:], results[n:]; {
		case err != nil:
			d.err = fmt.Errorf("dry run: %w", err)
		case len(ops) == 0:
		case d.tx.empty():
			d.err = fmt.Errorf("dry run: %w", storage.ErrTooLarge)
		default:
			d.err = d.flush()
		}
	}
	return d.err
}

// Made reports whether an id is of a company that only the dry run knows, and
// which ends with it.
func (d *Dry) Made(id company.ID) bool {
	rec, ours := d.t.keys.record(id)
	return ours && rec >= d.t.base
}

// flush stores what the transaction holds in scratch.
func (d *Dry) flush() error {
	ctx, now := d.tx.ctx, d.tx.now
	d.stored = true
	if err := d.t.finish(d.tx); err != nil {
		return fmt.Errorf("dry run: %w", err)
	}
	if err := d.t.settle(1); err != nil {
		return fmt.Errorf("dry run: %w", err)
	}
	d.tx.begin(ctx)
	d.tx.now = now
	return nil
}

// Close removes the scratch.
func (d *Dry) Close(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tx == nil {
		return nil
	}
	s, v := d.t.set, d.t.view.Load()
	s.giveTx(d.tx)
	d.tx, d.err = nil, fault.New(fault.Internal, "the dry run is over")
	d.over.unpin(d.pinned)
	s.deltaRows.Add(-int64(v.active.size()))
	if v.frozen != nil {
		s.deltaRows.Add(-int64(v.frozen.size()))
	}
	d.t.dropBuckets(v.doms)
	d.t.dropBuckets(v.ids)
	if !d.stored {
		return nil
	}
	if err := s.sweep(ctx, d.t.src.space.prefix); err != nil {
		return fmt.Errorf("close dry run: %w", err)
	}
	return nil
}

// sweepDryRuns removes what dry runs left when the process ended.
func (s *Set) sweepDryRuns(ctx context.Context) error {
	if err := s.sweep(ctx, tuple.New("", kindScratch)); err != nil {
		return fmt.Errorf("remove dry runs: %w", err)
	}
	return nil
}

// sweep deletes all keys that begin with prefix, a bounded commit at a time.
func (s *Set) sweep(ctx context.Context, prefix []byte) error {
	for {
		var ops []storage.Op
		err := s.kv.Scan(ctx, prefix, nil, func(key, _ []byte) error {
			if ops = append(ops, storage.Op{Key: slices.Clone(key), Delete: true}); len(ops) >= stepKeys {
				return storage.ErrStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, storage.ErrStop) {
			return err
		}
		if len(ops) == 0 {
			return nil
		}
		if err := s.kv.Commit(ctx, ops, nil); err != nil {
			return err
		}
	}
}
