package host

import (
	"context"
	"errors"
	"fmt"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/engine/tuple"
	"sluice/storage"
)

// Every record of the host and the engine is sealed as this kind. What it is
// stands in its key, which the seal covers; its own format is its owner's.
const (
	recordKind    = 0x40
	recordVersion = 1
)

// records puts engine.Records on a KV.
type records struct{ kv storage.KV }

func (r records) Record(ctx context.Context, key tuple.Key) ([]byte, error) {
	value, _, err := r.kv.Get(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fault.Wrap(fault.NotFound, err, "there is no such record")
	}
	if err != nil {
		return nil, fmt.Errorf("get record: %w", err)
	}
	return unseal(key, value)
}

func (r records) Records(ctx context.Context, prefix, after tuple.Key, fn func(tuple.Key, []byte) (bool, error)) error {
	err := r.kv.Scan(ctx, prefix, after, func(key, value []byte) error {
		payload, err := unseal(key, value)
		if err != nil {
			return err
		}
		more, err := fn(key, payload)
		if err == nil && !more {
			err = storage.ErrStop
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("scan records: %w", err)
	}
	return nil
}

func (r records) Write(ctx context.Context, changes []engine.Change) error {
	ops := make([]storage.Op, len(changes))
	for i, c := range changes {
		ops[i] = sealed(c)
	}
	if err := r.kv.Commit(ctx, ops, nil); err != nil {
		return full(fmt.Errorf("write records: %w", err))
	}
	return nil
}

// sealed returns a change as the KV takes it.
func sealed(c engine.Change) storage.Op {
	if c.Value == nil {
		return storage.Op{Key: c.Key, Delete: true}
	}
	return storage.Op{Key: c.Key, Value: storage.Seal(nil, c.Key, recordKind, recordVersion, c.Value)}
}

func unseal(key, value []byte) ([]byte, error) {
	version, payload, err := storage.Open(key, value, recordKind)
	if err == nil && version != recordVersion {
		err = fmt.Errorf("format version %d: %w", version, storage.ErrDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("open record %q: %w", key, err)
	}
	return payload, nil
}
