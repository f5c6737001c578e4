package badgerkv

import (
	"context"
	"sync"
)

// State is the store as it was at one moment, for as long as it is held: what is
// deleted or overwritten meanwhile stays on disk. Release it.
type State struct {
	kv      *KV
	snap    *snapshot
	release func()
}

// State holds the last state that is on disk. The store's Close waits for its
// release.
func (kv *KV) State(ctx context.Context) (*State, error) {
	leave, err := kv.enter(ctx)
	if err != nil {
		return nil, err
	}
	snap := kv.snapshots.acquire()
	return &State{kv: kv, snap: snap, release: sync.OnceFunc(func() {
		kv.snapshots.release(snap)
		leave()
	})}, nil
}

// Release lets go of the state. It may be called twice.
func (s *State) Release() { s.release() }

// Version is the state's number: greater for every later state of the store.
func (s *State) Version() uint64 { return s.snap.version }

// Scan calls fn for each key that begins with prefix, in order. Of a key that is
// as it was at the version since, changed is false and value is not read; 0 reads
// all. A key that is not given was not there. Key and value are valid until fn
// returns.
func (s *State) Scan(ctx context.Context, prefix []byte, since uint64, fn func(key, value []byte, changed bool) error) error {
	return s.kv.scan(ctx, s.snap.version, prefix, nil, since, fn)
}
