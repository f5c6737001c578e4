package badgerkv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sluice/storage"
	"sluice/storage/badgerkv"
)

// crash leaves in a new folder what a killed process would have left of dir.
func crash(t *testing.T, dir string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "crashed")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return copied
}

// filesOf lists the files of dir with a suffix, of which there must be one, in order.
func filesOf(t *testing.T, dir, suffix string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil || len(names) == 0 {
		t.Fatalf("no %s file: %v", suffix, err)
	}
	slices.Sort(names)
	return names
}

// newest returns the last file of dir with a suffix.
func newest(t *testing.T, dir, suffix string) string {
	t.Helper()
	names := filesOf(t, dir, suffix)
	return names[len(names)-1]
}

// lastByte returns the offset of the last byte that is not zero: the logs are
// sparse files, longer than what was written.
func lastByte(t *testing.T, path string) int64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) - 1; i >= 0; i-- {
		if data[i] != 0 {
			return int64(i)
		}
	}
	return 0
}

func damage(t *testing.T, path string, off int64) {
	t.Helper()
	invert(t, path, off, 0xff)
}

// invert changes some bits of one byte of a file.
func invert(t *testing.T, path string, off int64, bits byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, off); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b[0] ^ bits}, off); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// has returns which of the pairs 0 to n-1 are there; none may be by half, unless
// its big value is gone, which reads as an error.
func has(t *testing.T, dir string, n int) (whole, lost int) {
	t.Helper()
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	for i := range n {
		_, _, small := kv.Get(context.Background(), key("small", i))
		value, _, big := kv.Get(context.Background(), key("big", i))
		switch {
		case small == nil && big == nil:
			if _, _, err := storage.Open(key("big", i), value, 1); err != nil {
				t.Fatalf("pair %d: %v", i, err)
			}
			if whole++; whole != i+1 {
				t.Fatalf("pair %d is there, one before is not", i)
			}
		case errors.Is(small, storage.ErrNotFound) && errors.Is(big, storage.ErrNotFound):
		case small == nil && errors.Is(big, storage.ErrDamaged):
			err := kv.Scan(context.Background(), key("big", i), nil, func(_, _ []byte) error { return nil })
			if !errors.Is(err, storage.ErrDamaged) {
				t.Fatalf("scan of lost pair %d: %v", i, err)
			}
			lost++
		default:
			t.Fatalf("pair %d: %v, %v", i, small, big)
		}
	}
	// Whatever was dropped, the store goes on.
	if err := kv.Commit(context.Background(), pair(n), nil); err != nil {
		t.Fatal(err)
	}
	return whole, lost
}

// A process that is killed while it makes a log leaves an empty file; nothing was
// in it, so the store opens and has all that it had.
func TestKilledWhileMakingALog(t *testing.T) {
	const pairs = 5
	dir := t.TempDir()
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	for i := range pairs {
		if err := kv.Commit(context.Background(), pair(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, suffix := range []string{".vlog", ".mem"} {
		crashed := crash(t, dir)
		var number int
		if _, err := fmt.Sscanf(filepath.Base(newest(t, crashed, suffix)), "%d", &number); err != nil {
			t.Fatal(err)
		}
		width := map[string]int{".vlog": 6, ".mem": 5}[suffix]
		if err := os.WriteFile(filepath.Join(crashed, fmt.Sprintf("%0*d%s", width, number+1, suffix)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if whole, lost := has(t, crashed, pairs); whole != pairs || lost != 0 {
			t.Fatalf("%s: %d pairs, %d lost", suffix, whole, lost)
		}
	}
}

// What the two logs lose at their ends, by a crash, costs the commits that were
// there and no others.
func TestTornTail(t *testing.T) {
	const pairs = 20
	dir := t.TempDir()
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range pairs {
		if err := kv.Commit(context.Background(), pair(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	f := func(suffix string, cut func(t *testing.T, path string, last int64), wantWhole, wantLost int) {
		t.Helper()
		crashed := crash(t, dir)
		path := newest(t, crashed, suffix)
		cut(t, path, lastByte(t, path))
		if whole, lost := has(t, crashed, pairs); whole != wantWhole || lost != wantLost {
			t.Fatalf("%s: %d pairs whole and %d lost, want %d and %d", suffix, whole, lost, wantWhole, wantLost)
		}
	}
	truncate := func(less int64) func(*testing.T, string, int64) {
		return func(t *testing.T, path string, last int64) {
			if err := os.Truncate(path, last+1-less); err != nil {
				t.Fatal(err)
			}
		}
	}
	f(".mem", func(*testing.T, string, int64) {}, pairs, 0)
	f(".mem", truncate(0), pairs, 0)
	f(".mem", truncate(1), pairs-1, 0)
	f(".mem", func(t *testing.T, path string, last int64) { damage(t, path, last) }, pairs-1, 0)
	// The value log is on disk before the memtable's log is written, so only a
	// disk that lies can lose its end alone. It shows as an error, not as absence.
	f(".vlog", truncate(1), pairs-1, 1)
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
}

// Damage in the middle of a memtable's log silently drops what comes after. This
// pins down what the package's caveats say of Badger.
func TestDamagedMiddleDropsTheRest(t *testing.T) {
	dir := t.TempDir()
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := kv.Commit(context.Background(), pair(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	crashed := crash(t, dir)
	path := newest(t, crashed, ".mem")
	damage(t, path, lastByte(t, path)/2)
	if whole, lost := has(t, crashed, 20); whole < 5 || whole > 15 || lost != 0 {
		t.Fatalf("%d pairs whole, %d lost", whole, lost)
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	var version uint64
	for i := range 5 {
		kv, err := open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := kv.Commit(context.Background(), pair(i), nil); err != nil {
			t.Fatal(err)
		}
		_, now, err := kv.Get(context.Background(), key("small", i))
		if err != nil || now <= version {
			t.Fatalf("version %d after %d, %v", now, version, err)
		}
		version = now
		if err := kv.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if whole, lost := has(t, dir, 5); whole != 5 || lost != 0 {
		t.Fatalf("%d whole, %d lost", whole, lost)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = open(dir)
	if want := "storage: the data folder is in use by another process: " + dir; !errors.Is(err, badgerkv.ErrInUse) || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
	if kv, err = open(dir); err != nil {
		t.Fatal(err)
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
}

// One that is opened while its tables come and go is said to be in use, and nothing
// else: those that a compaction has removed are neither read nor missed.
func TestLockedWhileItCompacts(t *testing.T) {
	const rounds = 3
	dir := t.TempDir()
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	done := make(chan error, 1)
	go func() {
		for round := range rounds {
			var ops []storage.Op
			for i := range 900 {
				ops = append(ops, storage.Op{Key: fmt.Appendf(nil, "%d-%d", round%3, i), Value: make([]byte, 200)})
			}
			err := kv.Commit(context.Background(), ops, nil)
			if err == nil {
				err = kv.Compact(context.Background())
			}
			if err != nil || round == rounds-1 {
				done <- err
				return
			}
		}
	}()
	for {
		if _, err := open(dir); !errors.Is(err, badgerkv.ErrInUse) {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

func TestClosed(t *testing.T) {
	ctx := context.Background()
	kv, err := open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := kv.Commit(ctx, pair(1), nil); err != nil {
		t.Fatal(err)
	}
	// Close waits for a scan, which can no longer commit.
	closed := make(chan error, 1)
	var once sync.Once
	err = kv.Scan(ctx, nil, nil, func(_, _ []byte) error {
		once.Do(func() { go func() { closed <- kv.Close() }() })
		select {
		case err := <-closed:
			t.Errorf("closed during a scan: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		if err := kv.Commit(ctx, pair(2), nil); !errors.Is(err, badgerkv.ErrClosed) {
			t.Errorf("commit: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	_, _, got := kv.Get(ctx, []byte("x"))
	_, held := kv.State(ctx)
	for _, err := range []error{
		got, held, kv.Scan(ctx, nil, nil, nil), kv.Commit(ctx, pair(1), nil), kv.Compact(ctx),
	} {
		if !errors.Is(err, badgerkv.ErrClosed) {
			t.Errorf("after close: %v", err)
		}
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
}
