package host

import (
	"context"
	"errors"
	"fmt"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/storage"
	"sluice/storage/spool"
	"sluice/storage/table"
)

// store is engine.Store over the tables of a KV.
type store struct {
	records
	tables *table.Set
}

func (s store) Update(ctx context.Context, tenant string, fn func(engine.Tx) error) error {
	t, err := s.tables.Table(ctx, tenant)
	if err != nil {
		return fmt.Errorf("open table: %w", err)
	}
	return full(t.Update(ctx, func(tx *table.Tx) error { return fn(storeTx{tx}) }))
}

func (s store) Stream(ctx context.Context, tenant string, fn func(engine.Tx) error) error {
	t, err := s.tables.Table(ctx, tenant)
	if err != nil {
		return fmt.Errorf("open table: %w", err)
	}
	return full(t.Stream(ctx, func(tx *table.Tx) error { return fn(storeTx{tx}) }))
}

// full translates what a commit gives that its fn alone is too large for.
func full(err error) error {
	if errors.Is(err, storage.ErrTooLarge) {
		return fmt.Errorf("%w: %w", engine.ErrFull, err)
	}
	return err
}

func (s store) DryRun(ctx context.Context, tenant string) (engine.Trial, error) {
	t, err := s.tables.Table(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("open table: %w", err)
	}
	return t.DryRun(ctx)
}

func (s store) Tenants(ctx context.Context) ([]string, error) { return s.tables.Tenants(ctx) }

// storeTx is engine.Tx over a table's.
type storeTx struct{ *table.Tx }

func (tx storeTx) Put(c engine.Change) {
	if op := sealed(c); op.Delete {
		tx.Tx.Delete(op.Key)
	} else {
		tx.Tx.Put(op.Key, op.Value)
	}
}

// uploads is engine.Spool over a spool.
type uploads struct{ *spool.Spool }

func (u uploads) Create(id string) (engine.SpoolWriter, error) { return u.Spool.Create(id) }

func (u uploads) Open(id string) (engine.SpoolReader, error) {
	r, err := u.Reader(id)
	if errors.Is(err, storage.ErrNotFound) {
		err = fault.Wrap(fault.Internal, err, "the upload is gone from the server's disk; send the file again")
	}
	return r, err
}

func (u uploads) Sweep(keep func(id string) bool) error {
	_, err := u.Spool.Sweep(keep)
	return err
}
