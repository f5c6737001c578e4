package spool

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"

	"sluice/engine/fault"
)

// failing makes the nth call of all kinds fail, from 0.
type failing struct {
	mu    sync.Mutex
	left  int
	err   error
	short bool // a write takes half, and says so or not
}

func (f *failing) next() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	if f.left == -1 {
		return f.err
	}
	return nil
}

func (f *failing) fired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.left < 0
}

func (f *failing) calls() Calls {
	real := DefaultOptions().Calls
	return Calls{
		Write: func(file *os.File, p []byte) (int, error) {
			err := f.next()
			if err == nil {
				return real.Write(file, p)
			}
			n, _ := real.Write(file, p[:len(p)/2])
			if f.short {
				err = nil
			}
			return n, err
		},
		Start:   func(*os.File, int64, int64) error { return f.next() },
		Sync:    func(*os.File) error { return f.next() }, // really syncing so often takes minutes
		SyncDir: func(string) error { return f.next() },
		Space: func(dir string) (free, total uint64, err error) {
			if err := f.next(); err != nil {
				return 0, 0, err
			}
			return real.Space(dir)
		},
	}
}

// Each call fails once. Then the upload is refused and nothing is left of it; and
// the spool takes the next.
func TestFailNthCall(t *testing.T) {
	injected := errors.New("injected")
	upload := func(s *Spool) error {
		w, err := s.Create("job")
		if err != nil {
			return err
		}
		defer w.Abort()
		for range 9 {
			if _, err := w.Write(make([]byte, 1_000_000)); err != nil {
				return err
			}
		}
		return w.Commit()
	}
	for _, short := range []bool{false, true} {
		for n := 0; ; n++ {
			f := &failing{left: n, err: injected, short: short}
			s, err := Open(t.TempDir(), Options{MinFreeBytes: 1, Calls: f.calls()})
			if err != nil {
				t.Fatal(err)
			}
			err = upload(s)
			if err == nil && !f.fired() {
				if n < 20 {
					t.Fatalf("only %d calls", n)
				}
				break
			}
			if !errors.Is(err, injected) && !(short && errors.Is(err, io.ErrShortWrite)) {
				t.Fatalf("call %d: %v", n, err)
			}
			if got := files(t, s); len(got) != 0 || s.Size() != 0 {
				t.Fatalf("call %d: left %q, %d bytes", n, got, s.Size())
			}
			if err := upload(s); err != nil {
				t.Fatalf("after failure of call %d: %v", n, err)
			}
		}
	}
}

func TestDiskFull(t *testing.T) {
	const full = "overloaded: The disk is full; the upload was not kept. Try again later."
	f := func(size, n int, want string) {
		t.Helper()
		calls := (&failing{left: n, err: syscall.ENOSPC}).calls()
		calls.Space = nil // only writes and syncs
		s, err := Open(t.TempDir(), Options{MinFreeBytes: 1, Calls: calls})
		if err != nil {
			t.Fatal(err)
		}
		w := create(t, s, "job")
		_, err = w.Write(make([]byte, size))
		r, _ := s.Reader("job")
		defer r.Close()
		if err == nil {
			err = w.Commit()
		} else if again := w.Commit(); again == nil {
			t.Fatal("committed after a failed write")
		}
		if err == nil || err.Error() != want || !errors.Is(err, fault.Overloaded) {
			t.Fatalf("%v, want %s", err, want)
		}
		if _, _, err := r.Wait(context.Background(), 1<<30); !errors.Is(err, fault.Overloaded) {
			t.Fatalf("a reader that waits got %v", err)
		}
	}
	for n := range 2 { // a piece, and the rest
		f(pieceBytes, n, "write spool: "+full+": no space left on device")
	}
	f(pieceBytes, 2, "sync spool: "+full+": no space left on device")
	f(pieceBytes, 3, "sync spool folder: "+full+": no space left on device")
	f(startBytes, startBytes/pieceBytes, "sync spool: "+full+": no space left on device") // as it begins
}

func TestReserve(t *testing.T) {
	f := func(free, total, reserve uint64, want string) {
		t.Helper()
		calls := Calls{Space: func(string) (uint64, uint64, error) { return free, total, nil }}
		s, err := Open(t.TempDir(), Options{MinFreeBytes: reserve, Calls: calls})
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Create("job")
		if want == "" {
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Abort(); err != nil {
				t.Fatal(err)
			}
			return
		}
		if err == nil || err.Error() != want {
			t.Fatalf("%v, want %s", err, want)
		}
	}
	f(513<<20, 100<<30, 512<<20, "")
	f(512<<20, 100<<30, 512<<20, "overloaded: The disk is nearly full: 512 MB are free, 512 MB are needed. Free some, or lower the reserve.")
	f(31<<20, 90<<20, 512<<20, "") // a small disk keeps a third
	f(29<<20, 90<<20, 512<<20, "overloaded: The disk is nearly full: 29 MB are free, 30 MB are needed. Free some, or lower the reserve.")
}
