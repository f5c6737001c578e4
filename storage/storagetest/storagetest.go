// Package storagetest helps to test what stands on a storage.KV, and the KVs
// themselves: Open gives a durable one in a temporary folder, Fail one that fails
// the Nth call, and Run is the contract that every KV keeps.
package storagetest

import (
	"testing"

	"sluice/storage"
	"sluice/storage/badgerkv"
)

// Open returns a store in a temporary folder, closed when the test ends.
func Open(tb testing.TB) storage.KV {
	tb.Helper()
	return OpenDir(tb, tb.TempDir())
}

// OpenDir returns the store in dir, closed when the test ends, so that a test may
// close it before and open the folder again.
func OpenDir(tb testing.TB, dir string) *badgerkv.KV {
	tb.Helper()
	cfg := badgerkv.DefaultConfig(dir)
	cfg.MinFreeBytes = 1 << 20 // the tests of this package don't fill disks
	kv, err := badgerkv.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := kv.Close(); err != nil {
			tb.Errorf("close store: %v", err)
		}
	})
	return kv
}
