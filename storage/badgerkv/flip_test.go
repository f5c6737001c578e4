package badgerkv_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/storage"
	"sluice/storage/badgerkv"
)

// closed makes a store of n pairs whose keys are in a table.
func closed(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := kv.Commit(context.Background(), pair(i), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := kv.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// oldest returns the first file of dir with a suffix.
func oldest(t *testing.T, dir, suffix string) string {
	t.Helper()
	return filesOf(t, dir, suffix)[0]
}

// flip flips one bit of a file.
func flip(t *testing.T, path string, off int64, bit int) {
	t.Helper()
	invert(t, path, off, 1<<bit)
}

// right reads all pairs: what is given is what was put, or its seal says that it is
// not. It returns how many are not given.
func right(t *testing.T, kv *badgerkv.KV, n int) (lost int) {
	t.Helper()
	for i := range n {
		for _, op := range pair(i) {
			value, _, err := kv.Get(context.Background(), op.Key)
			switch {
			case errors.Is(err, storage.ErrDamaged):
				lost++
			case err != nil:
				t.Fatalf("%s: %v", op.Key, err)
			case bytes.Equal(value, op.Value):
			default:
				if storage.Verify(op.Key, value) == nil {
					t.Fatalf("%s: a wrong value that is whole", op.Key)
				}
				lost++
			}
		}
	}
	return lost
}

// A bit that flipped anywhere in a table keeps the store from opening, and the
// table is named: Badger would find keys gone.
func TestFlippedTable(t *testing.T) {
	const pairs = 300
	dir := closed(t, pairs)
	path := oldest(t, dir, ".sst")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	size := info.Size()
	f := func(off int64, bit int) {
		t.Helper()
		flip(t, path, off, bit)
		kv, err := open(dir)
		if err == nil {
			t.Fatalf("opened with byte %d of %d, bit %d", off, size, bit)
		}
		if _ = kv; !errors.Is(err, storage.ErrDamaged) || !strings.Contains(err.Error(), path) || !strings.HasSuffix(err.Error(), "; restore the last backup") {
			t.Fatalf("byte %d, bit %d: %v", off, bit, err)
		}
		flip(t, path, off, bit)
	}
	for off := int64(0); off < size; off += 13 {
		f(off, int(off%8))
	}
	// The ends of blocks are about here: their numbers say where all else is.
	for end := int64(4096); end < size; end += 4096 {
		for off := end - 60; off < end+60 && off < size; off++ {
			f(off, int(off%8))
		}
	}
	for off := size - 300; off < size; off++ {
		for bit := range 8 {
			f(off, bit)
		}
	}
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	if lost := right(t, kv, pairs); lost != 0 {
		t.Fatalf("%d lost", lost)
	}
}

// One that flips under an open store ends its reads and commits before a compaction
// can take what is behind it along.
func TestTableFlipsWhileOpen(t *testing.T) {
	const pairs = 300
	dir := closed(t, pairs)
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	if err := kv.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := kv.Failed(); err != nil {
		t.Fatal(err)
	}
	path := oldest(t, dir, ".sst")
	flip(t, path, 5000, 3)
	for range 2 {
		if err := kv.Compact(context.Background()); !errors.Is(err, storage.ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Fatal(err)
		}
	}
	if _, _, err := kv.Get(context.Background(), key("big", 1)); !errors.Is(err, storage.ErrDamaged) {
		t.Fatal(err)
	}
	if err := kv.Scan(context.Background(), nil, nil, nil); !errors.Is(err, storage.ErrDamaged) {
		t.Fatal(err)
	}
	const want = "overloaded: The store is damaged and takes no writes; restore the last backup.: storage: damaged value: table "
	for _, err := range []error{kv.Commit(context.Background(), pair(pairs), nil), kv.Failed()} {
		if !errors.Is(err, storage.ErrDamaged) || !strings.HasPrefix(err.Error(), want) {
			t.Fatal(err)
		}
	}
}

// looks is a context that ends when it has been asked so often.
type looks struct {
	context.Context
	left int
}

func (l *looks) Err() error {
	if l.left--; l.left < 0 {
		return context.Canceled
	}
	return nil
}

// Reading the tables through ends with its context, and has then judged nothing.
func TestVerifyEnds(t *testing.T) {
	dir := closed(t, 300)
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	path := oldest(t, dir, ".sst")
	flip(t, path, 5000, 3)
	if err := kv.Compact(&looks{context.Background(), 1}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	flip(t, path, 5000, 3)
	if err := kv.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A table that something else removes under an open store is missed before the next
// start is.
func TestTableRemovedWhileOpen(t *testing.T) {
	dir := closed(t, 30)
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	path := oldest(t, dir, ".sst")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := kv.Compact(context.Background()); !errors.Is(err, storage.ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
}

// A bit that flipped in a value log costs the value that it is in, which is named,
// and no other.
func TestFlippedValueLog(t *testing.T) {
	const pairs = 100
	dir := closed(t, pairs)
	path := oldest(t, dir, ".vlog")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(150) {
		off, bit := 20+i*(info.Size()-21)/149, int(i%8) // behind the file's head
		flip(t, path, off, bit)
		kv, err := open(dir)
		if err != nil {
			t.Fatalf("byte %d: %v", off, err)
		}
		if lost := right(t, kv, pairs); lost > 1 {
			t.Fatalf("byte %d: %d values lost", off, lost)
		}
		if err := kv.Close(); err != nil {
			t.Fatal(err)
		}
		flip(t, path, off, bit)
	}
}

// A collection leaves a damaged file alone: Badger would remove it with all that is
// behind the damage.
func TestCollectDamagedLog(t *testing.T) {
	const pairs = 100
	dir := closed(t, pairs)
	path := oldest(t, dir, ".vlog")
	flip(t, path, 60_000, 2)
	kv, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer kv.Close()
	// Badger learns what is dead when it compacts tables, in its own time: a
	// collection may find nothing yet.
	for tries := 0; err == nil && tries < 50; tries++ {
		for i := 5; i < 30; i++ { // of which most lie behind it
			if err := kv.Commit(context.Background(), pair(i), nil); err != nil {
				t.Fatal(err)
			}
		}
		err = kv.Compact(context.Background())
	}
	if !errors.Is(err, storage.ErrDamaged) || !strings.Contains(err.Error(), path+", entry at byte ") {
		t.Fatal(err)
	}
	if lost := right(t, kv, pairs); lost > 1 {
		t.Fatalf("%d values lost", lost)
	}
	flip(t, path, 60_000, 2)
	for tries := 0; oldest(t, dir, ".vlog") == path && tries < 50; tries++ {
		if err := kv.Compact(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if lost := right(t, kv, pairs); lost != 0 || oldest(t, dir, ".vlog") == path {
		t.Fatalf("%d values lost, the first file is %s", lost, oldest(t, dir, ".vlog"))
	}
}

// One in the list of tables, or in a value log's head, is said at the start.
func TestFlippedHeads(t *testing.T) {
	dir := closed(t, 30)
	f := func(name string, off int64, want string) {
		t.Helper()
		path := filepath.Join(dir, name)
		flip(t, path, off, 2)
		kv, err := open(dir)
		if _ = kv; err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%s, byte %d: %v", name, off, err)
		}
		flip(t, path, off, 2)
	}
	f("MANIFEST", 1, "read the list of tables: manifest has bad magic")
	f("MANIFEST", 14, "read the list of tables: manifest has checksum mismatch")
	f("MANIFEST", 20, "read the list of tables: manifest has checksum mismatch")
}
