// Package storage holds the key-value seam that everything durable goes
// through. Nothing above it knows which engine is below: storage/badgerkv is the
// embedded one, storage/memkv the one for tests, and a replicated one must fit
// later. So a commit is small (MaxCommitKeys, MaxCommitBytes) whatever it
// changes, and a scan goes by whole leading parts of the tuple keys.
//
// Bytes given to a KV are not kept after the call returns; bytes that it gives
// are the caller's when returned by Get, and valid until fn returns in View and Scan.
package storage

import (
	"context"
	"errors"
)

// Limits of one commit, at any size of the store.
const (
	MaxCommitKeys  = 1000    // keys put and deleted, less than
	MaxCommitBytes = 8 << 20 // sum of their keys and values
)

// Errors of a KV, besides fault.Overloaded (the disk is full or writes stall).
var (
	ErrNotFound = errors.New("storage: no such key")
	ErrGuard    = errors.New("storage: a guarded key has changed")
	ErrTooLarge = errors.New("storage: commit is over the limit of keys or bytes")
	ErrDamaged  = errors.New("storage: damaged value")
	ErrFormat   = errors.New("storage: another format on disk") // sound, but of another version of Sluice
	ErrStop     = errors.New("storage: stop scanning")          // what a Scan's fn returns to end early
)

// Op is one put or delete of a commit.
type Op struct {
	Key    []byte
	Value  []byte
	Delete bool
}

// Guard makes a commit fail with ErrGuard unless Key is still at Version, as
// Get gave it; 0 means that the key must not exist.
type Guard struct {
	Key     []byte
	Version uint64
}

// KV is an ordered, durable map of bytes. All methods may be called from
// several goroutines at once.
type KV interface {
	// Get returns the value and its version, or ErrNotFound.
	Get(ctx context.Context, key []byte) (value []byte, version uint64, err error)

	// View is Get without a copy: value is valid until fn returns, and only to be
	// read. fn is called once and does not call the KV; its error is View's.
	View(ctx context.Context, key []byte, fn func(value []byte) error) error

	// Scan calls fn for each key that begins with prefix and is greater than
	// after (nil: from the first), in order, on one snapshot.
	Scan(ctx context.Context, prefix, after []byte, fn func(key, value []byte) error) error

	// Commit applies ops atomically; when it returns nil they are on disk.
	// Commits of several callers may share one fsync. It returns ErrGuard,
	// ErrTooLarge, or a fault.Overloaded when the disk is full; then nothing of
	// it is or will become visible.
	Commit(ctx context.Context, ops []Op, guards []Guard) error
}
