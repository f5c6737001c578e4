package storagetest

import (
	"context"
	"errors"
	"sync"

	"sluice/storage"
)

// ErrInjected is what a failing call of a Failing gives, unless told otherwise.
var ErrInjected = errors.New("storagetest: injected failure")

// Failing is a KV whose Nth call fails. A failed commit leaves nothing behind; a
// failed scan stops after half of what it was to give.
type Failing struct {
	storage.KV
	Err error // what the call gives; set before its first use

	mu    sync.Mutex
	left  int
	fired bool
}

// FailNth returns kv with its nth call of Get, View, Scan or Commit, from 0, failing.
// A test counts n up until Fired is false: then the run had no nth call.
func FailNth(kv storage.KV, n int) *Failing { return &Failing{KV: kv, Err: ErrInjected, left: n} }

// Fired reports whether the nth call has come.
func (f *Failing) Fired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

func (f *Failing) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	if f.left == -1 {
		f.fired = true
	}
	return f.left == -1
}

// Get implements storage.KV.
func (f *Failing) Get(ctx context.Context, key []byte) ([]byte, uint64, error) {
	if f.fails() {
		return nil, 0, f.Err
	}
	return f.KV.Get(ctx, key)
}

// View implements storage.KV.
func (f *Failing) View(ctx context.Context, key []byte, fn func(value []byte) error) error {
	if f.fails() {
		return f.Err
	}
	return f.KV.View(ctx, key, fn)
}

// Scan implements storage.KV.
func (f *Failing) Scan(ctx context.Context, prefix, after []byte, fn func(key, value []byte) error) error {
	if !f.fails() {
		return f.KV.Scan(ctx, prefix, after, fn)
	}
	total := 0
	err := f.KV.Scan(ctx, prefix, after, func(_, _ []byte) error {
		total++
		return nil
	})
	if err != nil {
		return err
	}
	seen := 0
	err = f.KV.Scan(ctx, prefix, after, func(key, value []byte) error {
		if seen >= total/2 {
			return f.Err
		}
		seen++
		return fn(key, value)
	})
	if err == nil {
		err = f.Err // there was nothing to give
	}
	return err
}

// Commit implements storage.KV.
func (f *Failing) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	if f.fails() {
		return f.Err
	}
	return f.KV.Commit(ctx, ops, guards)
}
