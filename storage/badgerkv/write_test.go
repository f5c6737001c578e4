package badgerkv

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sluice/storage"
)

// What a failed write left is not read once the collector writes: it takes the
// version that was not published.
func TestCollectAfterFailedWrite(t *testing.T) {
	ctx := context.Background()
	kv := openStore(t, func(c *Config) { c.CollectEvery = -1 })
	if err := kv.Commit(ctx, put("a"), nil); err != nil {
		t.Fatal(err)
	}
	dir := kv.names.dir
	kv.names.dir = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(kv.names.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := kv.Commit(ctx, put("b"), nil); err == nil || kv.Failed() == nil {
		t.Fatal(err)
	}
	kv.names.dir = dir
	err := kv.Compact(ctx)
	if _, _, found := kv.Get(ctx, []byte("b")); !errors.Is(found, storage.ErrNotFound) {
		t.Fatalf("a commit that failed is read (%v) after a collection (%v)", found, err)
	}
	if _, _, err := kv.Get(ctx, []byte("a")); err != nil {
		t.Fatal(err)
	}
}
