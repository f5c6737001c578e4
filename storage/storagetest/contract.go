package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/storage"
)

// Run tests that what open gives keeps the contract of storage.KV. Each test gets
// an empty one.
func Run(t *testing.T, open func(tb testing.TB) storage.KV) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, kv storage.KV)
	}{
		{"Get", testGet},
		{"View", testView},
		{"Order", testOrder},
		{"AnyKey", testAnyKey},
		{"Delete", testDelete},
		{"SameKeyTwice", testSameKeyTwice},
		{"Versions", testVersions},
		{"Guards", testGuards},
		{"Limits", testLimits},
		{"Copies", testCopies},
		{"ScanStops", testScanStops},
		{"ScanCommits", testScanCommits},
		{"Canceled", testCanceled},
		{"Snapshot", testSnapshot},
		{"Counter", testCounter},
		{"Transfers", testTransfers},
		{"Values", testValues},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func put(key, value string) storage.Op { return storage.Op{Key: []byte(key), Value: []byte(value)} }
func del(key string) storage.Op        { return storage.Op{Key: []byte(key), Delete: true} }

func mustCommit(t *testing.T, kv storage.KV, ops ...storage.Op) {
	t.Helper()
	if err := kv.Commit(context.Background(), ops, nil); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func mustGet(t *testing.T, kv storage.KV, key, want string) (version uint64) {
	t.Helper()
	value, version, err := kv.Get(context.Background(), []byte(key))
	if err != nil || string(value) != want || version == 0 {
		t.Fatalf("get %q: %q, version %d, %v; want %q", key, value, version, err, want)
	}
	seen := ""
	err = kv.View(context.Background(), []byte(key), func(value []byte) error {
		seen = string(value)
		return nil
	})
	if err != nil || seen != want {
		t.Fatalf("view %q: %q, %v; want %q", key, seen, err, want)
	}
	return version
}

func mustMiss(t *testing.T, kv storage.KV, key string) {
	t.Helper()
	value, version, err := kv.Get(context.Background(), []byte(key))
	if !errors.Is(err, storage.ErrNotFound) || value != nil || version != 0 {
		t.Fatalf("get %q: %q, version %d, %v; want not found", key, value, version, err)
	}
	err = kv.View(context.Background(), []byte(key), func(value []byte) error {
		t.Fatalf("view %q: %q; want not found", key, value)
		return nil
	})
	if !errors.Is(err, storage.ErrNotFound) {
		t.Fatalf("view %q: %v; want not found", key, err)
	}
}

// scan returns "key=value" of all that a scan gives. A nil after is written "-".
func scan(t *testing.T, kv storage.KV, prefix, after string) (got []string) {
	t.Helper()
	var from []byte
	if after != "-" {
		from = []byte(after)
	}
	err := kv.Scan(context.Background(), []byte(prefix), from, func(key, value []byte) error {
		got = append(got, fmt.Sprintf("%s=%s", key, value))
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return got
}

func testGet(t *testing.T, kv storage.KV) {
	mustMiss(t, kv, "a")
	mustCommit(t, kv, put("a", "1"), put("empty", ""))
	mustGet(t, kv, "a", "1")
	mustGet(t, kv, "empty", "")
	mustMiss(t, kv, "aa")
	mustMiss(t, kv, "A")
}

func testOrder(t *testing.T, kv storage.KV) {
	mustCommit(t, kv, put("b/2", "4"), put("a/", "1"), put("c", "6"), put("b/10", "3"), put("b/", "2"), put("b\xff", "5"))
	mustCommit(t, kv, put("b/3", "4½"))
	f := func(prefix, after string, want ...string) {
		t.Helper()
		if got := scan(t, kv, prefix, after); !slices.Equal(got, want) {
			t.Fatalf("scan %q after %q: %q, want %q", prefix, after, got, want)
		}
	}
	all := []string{"a/=1", "b/=2", "b/10=3", "b/2=4", "b/3=4½", "b\xff=5", "c=6"}
	f("", "-", all...)
	f("", "", all...)
	f("b/", "-", all[1:5]...)
	f("b/", "a", all[1:5]...)
	f("b/", "b", all[1:5]...)
	f("b/", "b/", all[2:5]...)
	f("b/", "b/10", all[3:5]...)
	f("b/", "b/1", all[2:5]...)
	f("b/", "b/3")
	f("b/", "z")
	f("b", "b/3", all[5])
	f("d", "-")
	f("b/100", "-")
}

// Keys are any bytes, also those that an engine might keep for itself.
func testAnyKey(t *testing.T, kv storage.KV) {
	keys := []string{"\x00", "\x00\x01", "!badger!txn", "!badger!", "\xff\xff\xff", "d", "o", string(bytes.Repeat([]byte{0xff}, storage.MaxKeyBytes))}
	for i, key := range keys {
		mustCommit(t, kv, put(key, fmt.Sprint(i)))
	}
	for i, key := range keys {
		mustGet(t, kv, key, fmt.Sprint(i))
	}
	if got := len(scan(t, kv, "", "-")); got != len(keys) {
		t.Fatalf("scanned %d keys, want %d", got, len(keys))
	}
}

func testDelete(t *testing.T, kv storage.KV) {
	mustCommit(t, kv, del("never"))
	mustMiss(t, kv, "never")
	mustCommit(t, kv, put("a", "1"), put("b", "2"))
	mustCommit(t, kv, del("a"))
	mustMiss(t, kv, "a")
	if got := scan(t, kv, "", "-"); !slices.Equal(got, []string{"b=2"}) {
		t.Fatalf("scan %q", got)
	}
	mustCommit(t, kv, put("a", "3"))
	mustGet(t, kv, "a", "3")
}

// In one commit the last op of a key counts.
func testSameKeyTwice(t *testing.T, kv storage.KV) {
	mustCommit(t, kv, put("a", "1"), put("a", "2"), put("b", "1"), del("b"), del("c"), put("c", "1"))
	mustGet(t, kv, "a", "2")
	mustMiss(t, kv, "b")
	mustGet(t, kv, "c", "1")
}

func testVersions(t *testing.T, kv storage.KV) {
	mustCommit(t, kv, put("a", "1"), put("b", "1"))
	first := mustGet(t, kv, "a", "1")
	mustCommit(t, kv, put("b", "2"))
	if again := mustGet(t, kv, "a", "1"); again != first {
		t.Fatalf("version of an unchanged key went from %d to %d", first, again)
	}
	mustCommit(t, kv, put("a", "1"))
	if again := mustGet(t, kv, "a", "1"); again <= first {
		t.Fatalf("version of a key written anew went from %d to %d", first, again)
	}
}

func testGuards(t *testing.T, kv storage.KV) {
	ctx := context.Background()
	mustCommit(t, kv, put("a", "1"))
	version := mustGet(t, kv, "a", "1")
	f := func(want error, guards ...storage.Guard) {
		t.Helper()
		err := kv.Commit(ctx, []storage.Op{put("b", "x")}, guards)
		if !errors.Is(err, want) {
			t.Fatalf("commit: %v, want %v", err, want)
		}
		if want != nil {
			mustMiss(t, kv, "b")
			return
		}
		mustGet(t, kv, "b", "x")
		mustCommit(t, kv, del("b"))
	}
	a, none := []byte("a"), []byte("none")
	f(nil, storage.Guard{Key: a, Version: version})
	f(nil, storage.Guard{Key: none})
	f(nil, storage.Guard{Key: a, Version: version}, storage.Guard{Key: none})
	f(storage.ErrGuard, storage.Guard{Key: a})
	f(storage.ErrGuard, storage.Guard{Key: a, Version: version + 1})
	f(storage.ErrGuard, storage.Guard{Key: none, Version: version})
	f(storage.ErrGuard, storage.Guard{Key: a, Version: version}, storage.Guard{Key: none, Version: 1})
	mustCommit(t, kv, put("a", "1"))
	f(storage.ErrGuard, storage.Guard{Key: a, Version: version})
	mustCommit(t, kv, del("a"))
	f(storage.ErrGuard, storage.Guard{Key: a, Version: version})
	f(nil, storage.Guard{Key: a})

	// A commit of guards alone is a question.
	if err := kv.Commit(ctx, nil, []storage.Guard{{Key: a}}); err != nil {
		t.Fatal(err)
	}
	if err := kv.Commit(ctx, nil, []storage.Guard{{Key: a, Version: version}}); !errors.Is(err, storage.ErrGuard) {
		t.Fatal(err)
	}
}

func testLimits(t *testing.T, kv storage.KV) {
	ctx := context.Background()
	f := func(want error, message string, ops []storage.Op, guards []storage.Guard) {
		t.Helper()
		err := kv.Commit(ctx, ops, guards)
		if !errors.Is(err, want) || err != nil && err.Error() != message {
			t.Fatalf("commit: %v, want %v", err, message)
		}
		if want == nil {
			return
		}
		if got := scan(t, kv, "refused", "-"); len(got) > 0 {
			t.Fatalf("a refused commit left %q", got)
		}
	}
	many := func(n int, prefix string) (ops []storage.Op) {
		for i := range n {
			ops = append(ops, put(fmt.Sprintf("%s%04d", prefix, i), "x"))
		}
		return ops
	}
	full := []storage.Op{put("full", string(make([]byte, storage.MaxCommitBytes-4)))}
	over := []storage.Op{put("refused", ""), put("full", string(make([]byte, storage.MaxCommitBytes-4)))}
	f(nil, "", many(storage.MaxCommitKeys-1, "many"), nil)
	f(storage.ErrTooLarge, "storage: commit is over the limit of keys or bytes: 1000 keys and 0 guards, limit 999",
		many(storage.MaxCommitKeys, "refused"), nil)
	f(storage.ErrTooLarge, "storage: commit is over the limit of keys or bytes: 1 keys and 1000 guards, limit 999",
		many(1, "refused"), make([]storage.Guard, storage.MaxCommitKeys))
	f(nil, "", full, nil)
	f(storage.ErrTooLarge, "storage: commit is over the limit of keys or bytes: 8388615 bytes, limit 8388608", over, nil)
	f(storage.ErrKey, "storage: key is empty or too long: 0 bytes, limit 1024", []storage.Op{put("refused", ""), put("", "")}, nil)
	long := put("refused"+string(make([]byte, storage.MaxKeyBytes)), "")
	f(storage.ErrKey, "storage: key is empty or too long: 1031 bytes, limit 1024", []storage.Op{long}, nil)
	f(storage.ErrKey, "storage: key is empty or too long: 0 bytes, limit 1024", many(1, "refused"), []storage.Guard{{}})

	// The largest commit of many keys, whatever the engine's way with small values.
	each := (storage.MaxCommitBytes - 8) / (storage.MaxCommitKeys - 1)
	for _, size := range []int{each, 1023} {
		ops := many(storage.MaxCommitKeys-1, "each")
		for i := range ops {
			key := len(ops[i].Key)
			if size == 1023 {
				ops[i].Key = append(ops[i].Key, make([]byte, storage.MaxKeyBytes-key)...)
				key = 0
			}
			ops[i].Value = make([]byte, size-key)
		}
		f(nil, "", ops, nil)
	}
	if _, _, err := kv.Get(ctx, nil); !errors.Is(err, storage.ErrKey) {
		t.Fatalf("get of no key: %v", err)
	}
	if err := kv.View(ctx, nil, nil); !errors.Is(err, storage.ErrKey) {
		t.Fatalf("view of no key: %v", err)
	}
}

// An error of fn is View's, whatever it is, and fn is called once.
func testView(t *testing.T, kv storage.KV) {
	mustCommit(t, kv, put("small", "1"), put("large", strings.Repeat("x", 100<<10)))
	for _, key := range []string{"small", "large"} {
		for _, want := range []error{errors.New("no good"), storage.ErrNotFound, storage.ErrDamaged, storage.ErrStop} {
			calls := 0
			err := kv.View(context.Background(), []byte(key), func([]byte) error {
				calls++
				return want
			})
			if !errors.Is(err, want) || calls != 1 {
				t.Fatalf("view %s: %v after %d calls, want %v", key, err, calls, want)
			}
		}
		for range 2 { // nothing is held afterwards
			mustCommit(t, kv, put(key, strings.Repeat("y", 100<<10)))
			mustGet(t, kv, key, strings.Repeat("y", 100<<10))
		}
	}
}

func testCopies(t *testing.T, kv storage.KV) {
	ctx := context.Background()
	op := put("key", "value")
	mustCommit(t, kv, op)
	copy(op.Key, "xxx")
	copy(op.Value, "xxxxx")
	mustGet(t, kv, "key", "value")
	value, _, err := kv.Get(ctx, []byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	copy(value, "yyyyy")
	mustGet(t, kv, "key", "value")
	err = kv.Scan(ctx, nil, nil, func(key, value []byte) error {
		copy(key, "zzz")
		copy(value, "zzzzz")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustGet(t, kv, "key", "value")
}

func testScanStops(t *testing.T, kv storage.KV) {
	mustCommit(t, kv, put("a", "1"), put("b", "2"), put("c", "3"))
	f := func(stop, want error) {
		t.Helper()
		calls := 0
		err := kv.Scan(context.Background(), nil, nil, func(_, _ []byte) error {
			if calls++; calls == 2 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, want) || calls != 2 {
			t.Fatalf("scan: %v after %d calls, want %v", err, calls, want)
		}
	}
	failure := errors.New("failure")
	f(storage.ErrStop, nil)
	f(fmt.Errorf("enough: %w", storage.ErrStop), nil)
	f(failure, failure)
}

// A scan's fn may use the KV; what it commits is not in the scan.
func testScanCommits(t *testing.T, kv storage.KV) {
	ctx := context.Background()
	big := string(make([]byte, 3<<20))
	mustCommit(t, kv, put("a", "1"), put("b", "2"))
	calls := 0
	err := kv.Scan(ctx, nil, nil, func(key, _ []byte) error {
		calls++
		next := string(key) + "x"
		for i := range 12 { // more than a small log file holds
			if err := kv.Commit(ctx, []storage.Op{put(fmt.Sprint(next, i), big)}, nil); err != nil {
				return err
			}
		}
		value, _, err := kv.Get(ctx, []byte(next+"1"))
		if len(value) != len(big) {
			return fmt.Errorf("get gave %d bytes, %w", len(value), err)
		}
		return nil
	})
	if err != nil || calls != 2 {
		t.Fatalf("scan: %v after %d calls", err, calls)
	}
	if got := len(scan(t, kv, "", "-")); got != 26 {
		t.Fatalf("%d keys, want 26", got)
	}
}

func testCanceled(t *testing.T, kv storage.KV) {
	mustCommit(t, kv, put("a", "1"), put("b", "2"))
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	err := kv.Scan(ctx, nil, nil, func(_, _ []byte) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Fatalf("scan: %v after %d calls", err, calls)
	}
	if _, _, err := kv.Get(ctx, []byte("a")); !errors.Is(err, context.Canceled) {
		t.Fatalf("get: %v", err)
	}
	if err := kv.View(ctx, []byte("a"), nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("view: %v", err)
	}
	if err := kv.Commit(ctx, []storage.Op{put("c", "3")}, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("commit: %v", err)
	}
	mustMiss(t, kv, "c")
}

// Values of all sizes that an engine may treat differently, replaced by others.
func testValues(t *testing.T, kv storage.KV) {
	sizes := []int{0, 1, 1023, 1024, 1025, 16 << 10, 64<<10 - 1, 64 << 10, 1<<20 - 1, 1 << 20, 5 << 20}
	for round := range len(sizes) {
		for i := range sizes {
			size := sizes[(i+round)%len(sizes)]
			key, value := fmt.Sprintf("key%02d", i), strings.Repeat(string(rune(i)), size)
			mustCommit(t, kv, put(key, value))
			mustGet(t, kv, key, value)
		}
	}
	i := 0
	err := kv.Scan(context.Background(), nil, nil, func(_, value []byte) error {
		size := sizes[(i+len(sizes)-1)%len(sizes)]
		if !bytes.Equal(value, bytes.Repeat([]byte{byte(i)}, size)) {
			return fmt.Errorf("key %d has %d bytes, want %d", i, len(value), size)
		}
		i++
		return nil
	})
	if err != nil || i != len(sizes) {
		t.Fatalf("scanned %d: %v", i, err)
	}
}
