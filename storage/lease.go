package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// Lease proves that its holder is the one writer of a table. It does not expire:
// whoever takes it next, a new process on the same folder, ends it, and from then
// on every commit that carries its Guard fails with ErrGuard.
type Lease struct {
	Owner string // who holds it, for the operator
	Epoch uint64 // rises with each taking, from 1
	guard Guard
}

// Guard is what each commit to the table must carry.
func (l *Lease) Guard() Guard { return l.guard }

const (
	leaseKind    = 'L'
	leaseVersion = 1

	// leaseTries is how often a taking gives way to another at the same time.
	leaseTries = 8
)

// TakeLease takes the lease that lies at key for owner, whoever has it.
//
// # Errors
//
// ErrGuard when others keep taking it at the same time; ErrDamaged when the
// record cannot be read, which leaves it to the operator to delete it.
func TakeLease(ctx context.Context, kv KV, key []byte, owner string) (*Lease, error) {
	for range leaseTries {
		before, err := readLease(ctx, kv, key)
		if err != nil {
			return nil, err
		}
		next := Lease{Owner: owner, Epoch: before.Epoch + 1}
		value := Seal(nil, key, leaseKind, leaseVersion, next.encode())
		err = kv.Commit(ctx, []Op{{Key: key, Value: value}}, []Guard{before.guard})
		if errors.Is(err, ErrGuard) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("take lease: %w", err)
		}
		// The version is known only by reading; by now it may be another's.
		after, err := readLease(ctx, kv, key)
		if err != nil {
			return nil, err
		}
		if after.Epoch == next.Epoch && after.Owner == owner {
			return after, nil
		}
	}
	return nil, fmt.Errorf("take lease: %w", ErrGuard)
}

// readLease returns the lease as it stands; one that was never taken has epoch 0.
func readLease(ctx context.Context, kv KV, key []byte) (*Lease, error) {
	l := &Lease{guard: Guard{Key: append([]byte(nil), key...)}}
	value, version, err := kv.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return l, nil
	} else if err != nil {
		return nil, fmt.Errorf("read lease: %w", err)
	}
	format, payload, err := Open(key, value, leaseKind)
	if err == nil && (format != leaseVersion || len(payload) < 8) {
		err = ErrDamaged
	}
	if err != nil {
		return nil, fmt.Errorf("read lease: %w", err)
	}
	l.Epoch, l.Owner = binary.LittleEndian.Uint64(payload), string(payload[8:])
	l.guard.Version = version
	return l, nil
}

func (l *Lease) encode() []byte {
	return append(binary.LittleEndian.AppendUint64(nil, l.Epoch), l.Owner...)
}
