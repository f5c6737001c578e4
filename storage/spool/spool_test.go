package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns a Spool that doesn't mind how full the disk is.
func open(tb testing.TB, dir string) *Spool {
	tb.Helper()
	s, err := Open(dir, Options{MinFreeBytes: 1})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func create(tb testing.TB, s *Spool, id string) *Writer {
	tb.Helper()
	w, err := s.Create(id)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func read(tb testing.TB, s *Spool, id string) []byte {
	tb.Helper()
	r, err := s.Reader(id)
	if err != nil {
		tb.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err = errors.Join(err, r.Close()); err != nil {
		tb.Fatal(err)
	}
	return got
}

func files(tb testing.TB, s *Spool) (names []string) {
	tb.Helper()
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Whatever the sizes of the writes, the file holds their bytes.
func TestWrite(t *testing.T) {
	f := func(total int, size func() int) {
		t.Helper()
		s := open(t, t.TempDir())
		want := make([]byte, total)
		rand.New(rand.NewSource(1)).Read(want)
		w := create(t, s, "job")
		for rest := want; len(rest) > 0; {
			n := min(size(), len(rest))
			if got, err := w.Write(rest[:n]); got != n || err != nil {
				t.Fatalf("wrote %d of %d, %v", got, n, err)
			}
			rest = rest[n:]
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, s, "job"); !bytes.Equal(got, want) {
			t.Fatalf("read %d bytes that differ from the %d written", len(got), total)
		}
		if held, whole := uploadBytes(s.Size()); held != int64(total) || !whole || w.Size() != int64(total) {
			t.Fatalf("sizes %d and %d, want %d", s.Size(), w.Size(), total)
		}
	}
	fixed := func(n int) func() int { return func() int { return n } }
	rnd := rand.New(rand.NewSource(2))
	f(0, nil)
	f(1, fixed(1))
	f(100_000, fixed(333))
	f(groupBytes, fixed(groupBytes))
	f(3*groupBytes+1, fixed(groupBytes-1))
	f(30<<20, fixed(1<<20)) // the disk begins several times
	f(20<<20, fixed(20<<20))
	f(5<<20, func() int { return 1 + rnd.Intn(2*groupBytes) })
}

// Writes are of whole pieces, and the disk is told of all but the last bytes.
func TestPieces(t *testing.T) {
	var writes []int
	var started int64
	calls := Calls{
		Write: func(f *os.File, p []byte) (int, error) {
			writes = append(writes, len(p))
			return f.Write(p)
		},
		Start: func(f *os.File, off, n int64) error {
			if off != started {
				t.Errorf("began at %d, want %d", off, started)
			}
			started += n
			return startData(f, off, n)
		},
	}
	s, err := Open(t.TempDir(), Options{MinFreeBytes: 1, Calls: calls})
	if err != nil {
		t.Fatal(err)
	}
	w := create(t, s, "job")
	if _, err := w.Write(make([]byte, 30<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, n := range writes[:len(writes)-1] {
		if n != pieceBytes {
			t.Fatalf("wrote %d bytes", n)
		}
	}
	if started < s.Size()-startBytes {
		t.Fatalf("began with %d bytes of %d", started, s.Size())
	}
}

func TestIDs(t *testing.T) {
	s := open(t, t.TempDir())
	f := func(id string) {
		t.Helper()
		_, created := s.Create(id)
		_, opened := s.Reader(id)
		removed := s.Remove(id)
		for _, err := range []error{created, opened, removed} {
			if !errors.Is(err, ErrID) {
				t.Fatalf("id %q: %v", id, err)
			}
		}
	}
	f("")
	f(".")
	f("..")
	f("a/b")
	f("../x")
	f(`a\b`)
	f("a.b")
	f("a b")
	f("a\x00")
	f("ä")
	f(strings.Repeat("a", 129))
	if got := files(t, s); len(got) != 0 {
		t.Fatalf("files %q", got)
	}
	if err := create(t, s, "imp_co_-AZaz09").Commit(); err != nil {
		t.Fatal(err)
	}
	if err := create(t, s, strings.Repeat("a", 128)).Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestAbsent(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Reader("job"); !errors.Is(err, storage.ErrNotFound) {
		t.Fatal(err)
	}
	if err := s.Remove("job"); err != nil {
		t.Fatal(err)
	}
}

func TestAbort(t *testing.T) {
	s := open(t, t.TempDir())
	w := create(t, s, "job")
	if _, err := w.Write(make([]byte, 20<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Fatal(err)
	}
	if got := files(t, s); len(got) != 0 || s.Size() != 0 {
		t.Fatalf("files %q, %d bytes", got, s.Size())
	}
}

// An id is written once, and not removed while it is.
func TestExclusive(t *testing.T) {
	s := open(t, t.TempDir())
	w := create(t, s, "job")
	if _, err := s.Create("job"); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if err := s.Remove("job"); err == nil || err.Error() != "remove spool: it is being written" {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create("job"); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if err := s.Remove("job"); err != nil || s.Size() != 0 {
		t.Fatal(err)
	}
	if err := create(t, s, "job").Abort(); err != nil {
		t.Fatal(err)
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 4 {
		w := create(t, s, fmt.Sprint("job", i))
		if _, err := w.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if s.Size() != 4*(100+sumBytes) {
		t.Fatalf("%d bytes found at start, want 432", s.Size())
	}
	w := create(t, s, "job9")
	removed, err := s.Sweep(func(id string) bool { return id == "job2" })
	if err != nil || removed != 3 || s.Size() != 100+sumBytes {
		t.Fatalf("removed %d, %v; %d bytes left", removed, err, s.Size())
	}
	if got, want := fmt.Sprint(files(t, s)), "[README job2.spool2 job9.spool2]"; got != want {
		t.Fatalf("files %s, want %s", got, want)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}

// A reader follows a growing spool to its end, and reads on when it was removed.
func TestFollow(t *testing.T) {
	s := open(t, t.TempDir())
	want := make([]byte, 12<<20)
	rand.New(rand.NewSource(1)).Read(want)
	w := create(t, s, "job")
	r, err := s.Reader("job")
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 100_000)
			if _, err := w.Write(rest[:n]); err != nil {
				wrote <- err
				return
			}
			rest = rest[n:]
		}
		wrote <- w.Commit()
	}()
	var got []byte
	for complete := false; !complete; {
		var size int64
		size, complete, err = r.Wait(context.Background(), int64(len(got)))
		if err != nil {
			t.Fatal(err)
		}
		part := make([]byte, size-int64(len(got)))
		if n, err := r.ReadAt(part, int64(len(got))); n != len(part) {
			t.Fatalf("read %d of %d, %v", n, len(part), err)
		}
		got = append(got, part...)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("followed %d bytes that differ", len(got))
	}
	if err := s.Remove("job"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(got[:100], 100); err != nil || !bytes.Equal(got[:100], want[100:200]) {
		t.Fatalf("read after remove: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWaitEnds(t *testing.T) {
	s := open(t, t.TempDir())
	w := create(t, s, "job")
	r, err := s.Reader("job")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := r.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() {
		_, _, err := r.Wait(context.Background(), 0)
		waited <- err
	}()
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; !errors.Is(err, ErrAborted) {
		t.Fatal(err)
	}
}
