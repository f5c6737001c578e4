package badgerkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"sluice/engine/fault"
	"sluice/storage"
)

func openStore(t *testing.T, change func(*Config)) *KV {
	t.Helper()
	cfg := DefaultConfig(t.TempDir())
	cfg.MinFreeBytes = 1 << 20
	if change != nil {
		change(&cfg)
	}
	kv, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kv.Close(); err != nil {
			t.Error(err)
		}
	})
	return kv
}

func TestConfig(t *testing.T) {
	f := func(cfg Config, want string) {
		t.Helper()
		if _, err := Open(cfg); err == nil || err.Error() != want {
			t.Fatalf("%v, want %s", err, want)
		}
	}
	dir := t.TempDir()
	f(Config{}, "storage: Dir is empty")
	f(Config{Dir: dir, ValueLogFileSize: 1}, "storage: ValueLogFileSize is 1, must be 1 MiB to 1 GiB")
	f(Config{Dir: dir, ValueLogFileSize: 1<<30 + 1}, "storage: ValueLogFileSize is 1073741825, must be 1 MiB to 1 GiB")
	f(Config{Dir: dir, MemTableSize: 1 << 20}, "storage: MemTableSize is 1048576, must be 16 MiB to 1 GiB")
}

// While the disk is too full commits are refused and leave nothing; when there is
// room again they go on.
func TestDiskFull(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 30)
	kv := openStore(t, func(c *Config) {
		c.MinFreeBytes = 256 << 20
		c.diskSpace = func(string) (uint64, uint64, error) { return free.Load(), 100 << 30, nil }
	})
	ctx := context.Background()
	if err := kv.Commit(ctx, put("a"), nil); err != nil {
		t.Fatal(err)
	}
	free.Store(100 << 20)
	err := kv.Commit(ctx, put("b"), nil)
	const want = "overloaded: The disk is nearly full: 100 MB are free, 256 MB are needed. Free some, or lower the reserve."
	if !errors.Is(err, fault.Overloaded) || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	if err := kv.Compact(ctx); !errors.Is(err, fault.Overloaded) {
		t.Fatalf("compact: %v", err)
	}
	if _, _, err := kv.Get(ctx, []byte("b")); !errors.Is(err, storage.ErrNotFound) {
		t.Fatal(err)
	}
	free.Store(1 << 30)
	if err := kv.Commit(ctx, put("b"), nil); err != nil {
		t.Fatal(err)
	}
}

// Badger only logs that the fsync of a value log failed. The commit must fail, not
// be seen, and nothing be written after it.
func TestFailedSync(t *testing.T) {
	kv := openStore(t, nil)
	ctx := context.Background()
	if err := kv.Commit(ctx, put("a"), nil); err != nil {
		t.Fatal(err)
	}
	kv.log.Errorf(syncFailure+": %v\n", errors.New("input/output error"))
	err := kv.Commit(ctx, []storage.Op{{Key: []byte("b"), Value: make([]byte, 5000)}}, nil)
	const want = "write commit, its outcome is unknown until the store is opened again: fsync of the value log failed"
	if err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	if _, _, err := kv.Get(ctx, []byte("b")); !errors.Is(err, storage.ErrNotFound) {
		t.Fatalf("what failed is seen: %v", err)
	}
	for _, err := range []error{kv.Commit(ctx, put("c"), nil), kv.Failed()} {
		if !errors.Is(err, fault.Overloaded) || !strings.Contains(err.Error(), "the server must be restarted") {
			t.Fatal(err)
		}
	}
	if _, _, err := kv.Get(ctx, []byte("a")); err != nil {
		t.Fatal(err)
	}
}

// rewrite replaces 40 values many times and returns the last of each.
func rewrite(t *testing.T, kv *KV, size, rounds int) map[string][]byte {
	t.Helper()
	rnd := rand.New(rand.NewSource(1))
	last := map[string][]byte{}
	for range rounds {
		var ops []storage.Op
		for i := range 40 {
			key, value := fmt.Sprintf("key%02d", i), make([]byte, size)
			rnd.Read(value)
			ops, last[key] = append(ops, storage.Op{Key: []byte(key), Value: value}), value
		}
		if err := kv.Commit(context.Background(), ops, nil); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

func verify(t *testing.T, kv *KV, want map[string][]byte) {
	t.Helper()
	seen := 0
	err := kv.Scan(context.Background(), nil, nil, func(key, value []byte) error {
		if seen++; !bytes.Equal(value, want[string(key)]) {
			return fmt.Errorf("%s is wrong", key)
		}
		return nil
	})
	if err != nil || seen != len(want) {
		t.Fatalf("scanned %d of %d: %v", seen, len(want), err)
	}
}

// Compact gives back what replaced values took, while a scan still sees them.
func TestCompact(t *testing.T) {
	var collected atomic.Int64
	kv := openStore(t, func(c *Config) {
		c.ValueLogFileSize = 4 << 20
		c.Events.Collected = func(files int) { collected.Add(int64(files)) }
	})
	ctx := context.Background()
	old := rewrite(t, kv, 200_000, 1)
	seen := 0
	err := kv.Scan(ctx, nil, nil, func(key, value []byte) error {
		if seen++; seen == 1 {
			rewrite(t, kv, 200_000, 8)
			if err := kv.Compact(ctx); err != nil {
				return err
			}
		}
		if !bytes.Equal(value, old[string(key)]) {
			return fmt.Errorf("%s is not the snapshot's", key)
		}
		return nil
	})
	if err != nil || seen != 40 {
		t.Fatalf("scanned %d: %v", seen, err)
	}
	last := rewrite(t, kv, 200_000, 2)
	before, err := kv.DiskUsage()
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	after, err := kv.DiskUsage()
	if err != nil {
		t.Fatal(err)
	}
	if before < 60<<20 || after > 40<<20 || collected.Load() == 0 {
		t.Fatalf("%d MB before, %d MB after, %d files collected", before>>20, after>>20, collected.Load())
	}
	verify(t, kv, last)
}

// Gets and scans while files are rewritten and removed: nothing is ever missing.
func TestCompactHammer(t *testing.T) {
	kv := openStore(t, func(c *Config) { c.ValueLogFileSize = 1 << 20 })
	ctx := context.Background()
	const size = 30_000
	rewrite(t, kv, size, 1)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := i; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				value, _, err := kv.Get(ctx, fmt.Appendf(nil, "key%02d", n%40))
				if err != nil || len(value) != size {
					t.Errorf("get: %d bytes, %v", len(value), err)
					return
				}
				seen := 0
				err = kv.Scan(ctx, []byte("key0"), nil, func(_, value []byte) error {
					if seen++; len(value) != size {
						return fmt.Errorf("%d bytes", len(value))
					}
					return nil
				})
				if err != nil || seen != 10 {
					t.Errorf("scan: %d keys, %v", seen, err)
					return
				}
			}
		})
	}
	var last map[string][]byte
	for range 2 {
		last = rewrite(t, kv, size, 2)
		if err := kv.Compact(ctx); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
	verify(t, kv, last)
}

func TestEvents(t *testing.T) {
	var mu sync.Mutex
	var sum Group
	kv := openStore(t, func(c *Config) {
		c.Events.Committed = func(g Group) {
			mu.Lock()
			defer mu.Unlock()
			sum.Commits += g.Commits
			sum.Keys += g.Keys
			sum.Bytes += g.Bytes
			sum.Took += g.Took
		}
	})
	for range 3 {
		if err := kv.Commit(context.Background(), append(put("a"), put("bc")...), nil); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if sum.Commits != 3 || sum.Keys != 6 || sum.Bytes != 15 || sum.Took <= 0 {
		t.Fatalf("%+v", sum)
	}
}

// A scan holds its state; states between two that are read are forgotten.
func TestSnapshots(t *testing.T) {
	var s snapshots
	s.publish(1)
	one := s.acquire()
	for version := uint64(2); version < 10; version++ {
		s.publish(version)
	}
	nine := s.acquire()
	if one.version != 1 || nine.version != 9 || s.oldest() != 1 || s.current() != 9 {
		t.Fatal(one, nine, s.oldest(), s.current())
	}
	s.publish(10)
	s.release(one)
	if s.oldest() != 9 {
		t.Fatal(s.oldest())
	}
	s.release(nine)
	if s.oldest() != 10 || len(s.states) != 1 {
		t.Fatal(s.oldest(), len(s.states))
	}
}
