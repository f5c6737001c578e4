// Package memkv is the KV that lives in memory, for tests and dry runs.
//
// It behaves as the durable one does, limits and guards included, and is
// stricter about ownership: the bytes of a View or Scan are overwritten as soon as fn
// returns, so a caller that keeps them fails here first. Readers never wait: a
// commit builds a new tree beside the old one and a scan walks the tree that was
// current when it began.
package memkv

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"sluice/storage"
)

// KV is an ordered map of bytes. Make it with New.
type KV struct {
	mu      sync.Mutex // one commit at a time
	version uint64     // of the last commit
	root    atomic.Pointer[node]
	seed    maphash.Seed
}

// New returns an empty KV.
func New() *KV { return &KV{seed: maphash.MakeSeed()} }

// Get implements storage.KV.
func (kv *KV) Get(ctx context.Context, key []byte) ([]byte, uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if err := storage.CheckKey(key); err != nil {
		return nil, 0, err
	}
	n := find(kv.root.Load(), key)
	if n == nil {
		return nil, 0, storage.ErrNotFound
	}
	return append([]byte{}, n.value...), n.version, nil
}

// View implements storage.KV.
func (kv *KV) View(ctx context.Context, key []byte, fn func(value []byte) error) error {
	value, _, err := kv.Get(ctx, key)
	if err != nil {
		return err
	}
	defer spoil(value)
	return fn(value)
}

// Scan implements storage.KV.
func (kv *KV) Scan(ctx context.Context, prefix, after []byte, fn func(key, value []byte) error) error {
	from := prefix
	if after != nil && bytes.Compare(after, prefix) >= 0 {
		from = after
	}
	var key, value []byte
	err := ascend(kv.root.Load(), from, func(n *node) error {
		if !bytes.HasPrefix(n.key, prefix) {
			return storage.ErrStop
		}
		if after != nil && bytes.Compare(n.key, after) <= 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		key, value = append(key[:0], n.key...), append(value[:0], n.value...)
		err := fn(key, value)
		spoil(key)
		spoil(value)
		return err
	})
	if errors.Is(err, storage.ErrStop) {
		return nil
	}
	if err != nil {
		return err
	}
	return ctx.Err()
}

// Commit implements storage.KV.
func (kv *KV) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	if err := storage.CheckCommit(ops, guards); err != nil {
		return err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	root := kv.root.Load()
	for _, g := range guards {
		var version uint64
		if n := find(root, g.Key); n != nil {
			version = n.version
		}
		if version != g.Version {
			return storage.ErrGuard
		}
	}
	kv.version++
	for _, op := range ops {
		if op.Delete {
			root = remove(root, op.Key)
			continue
		}
		root = insert(root, &node{
			key:     bytes.Clone(op.Key),
			value:   bytes.Clone(op.Value),
			version: kv.version,
			weight:  maphash.Bytes(kv.seed, op.Key),
		})
	}
	kv.root.Store(root)
	return nil
}

// spoil overwrites bytes that are no longer valid.
func spoil(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}
