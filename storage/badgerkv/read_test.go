package badgerkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sluice/storage"
)

// An fn that meets a lost value elsewhere ends its scan with what it met. The scan
// began again, and ended in a panic.
func TestScanMeetsLostValueElsewhere(t *testing.T) {
	ctx := context.Background()
	cfg := DefaultConfig(t.TempDir())
	cfg.MinFreeBytes, cfg.ValueLogFileSize, cfg.CollectEvery = 1<<20, 1<<20, -1
	kv, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		ops := []storage.Op{
			{Key: fmt.Appendf(nil, "big%02d", i), Value: bytes.Repeat([]byte{'v'}, 200_000)},
			{Key: fmt.Appendf(nil, "small%02d", i), Value: []byte("v")},
		}
		if err := kv.Commit(ctx, ops, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(cfg.Dir, fmt.Sprintf(valueLogName, 1))); err != nil {
		t.Fatal(err)
	}
	if kv, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	var seen []string
	err = kv.Scan(ctx, []byte("small"), []byte("small03"), func(key, _ []byte) error {
		if seen = append(seen, string(key)); len(seen) < 2 {
			return nil
		}
		_, _, err := kv.Get(ctx, []byte("big00"))
		return err
	})
	if fmt.Sprint(seen) != "[small04 small05]" || !errors.Is(err, storage.ErrDamaged) {
		t.Fatalf("%s: %v", seen, err)
	}
}
