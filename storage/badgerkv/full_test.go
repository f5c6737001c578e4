package badgerkv

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"sluice/engine/fault"
)

// Replaying the logs on a full disk would kill the process.
func TestOpenOnFullDisk(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.diskSpace = func(string) (uint64, uint64, error) { return 63 << 20, 100 << 30, nil }
	want := "open store in " + cfg.Dir + ": overloaded: The disk is nearly full: 63 MB are free, 64 MB are needed. Free some, or lower the reserve."
	if _, err := Open(cfg); !errors.Is(err, fault.Overloaded) || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	cfg.diskSpace = func(string) (uint64, uint64, error) { return 64 << 20, 100 << 30, nil }
	kv, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
}

// A store that takes no more commits makes room by itself, out of what is held
// back, though it has written less than would make it collect otherwise.
func TestFullStoreCollects(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 30)
	collected := make(chan int, 100)
	kv := openStore(t, func(c *Config) {
		c.ValueLogFileSize, c.MinFreeBytes, c.CollectEvery = 1<<20, 256<<20, time.Millisecond
		c.diskSpace = func(string) (uint64, uint64, error) { return free.Load(), 100 << 30, nil }
		c.Events.Collected = func(files int) { collected <- files }
	})
	last := rewrite(t, kv, 50_000, 6)
	if n := len(collected); n != 0 || kv.written.Load() >= idleBytes {
		t.Fatalf("%d collections before the disk is full; %d bytes written", n, kv.written.Load())
	}
	free.Store(200 << 20)
	if err := kv.Commit(context.Background(), put("b"), nil); !errors.Is(err, fault.Overloaded) {
		t.Fatal(err)
	}
	<-collected
	verify(t, kv, last)
}

// What a collection writes itself is no reason for the next one.
func TestCollectorRests(t *testing.T) {
	kv := openStore(t, nil)
	rewrite(t, kv, 50_000, 1)
	if err := kv.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := kv.written.Load(); n != 0 {
		t.Fatalf("%d bytes count as written by others", n)
	}
}
