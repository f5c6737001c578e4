package badgerkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/engine/fault"
	"sluice/storage"
)

// fakeStore is a commitEnv that keeps versions alone, and holds each write until
// it is let go.
type fakeStore struct {
	versions map[string]uint64
	at       uint64
	begun    chan []storage.Op // each write, as it begins
	release  chan error        // its outcome
	groups   []Group
}

func newFake() *fakeStore {
	return &fakeStore{
		versions: map[string]uint64{},
		begun:    make(chan []storage.Op),
		release:  make(chan error),
	}
}

func (f *fakeStore) env() commitEnv {
	return commitEnv{
		newBudget: func() budget { return budget{keys: 100, size: 10_000, bytes: 10_000} },
		room:      func(int) error { return nil },
		version:   func(key []byte) (uint64, error) { return f.versions[string(key)], nil },
		write: func(ops []storage.Op) error {
			f.begun <- ops
			if err := <-f.release; err != nil {
				return err
			}
			f.at++
			for _, op := range ops {
				f.versions[string(op.Key)] = f.at
				if op.Delete {
					delete(f.versions, string(op.Key))
				}
			}
			return nil
		},
		committed:  func(g Group) { g.Took = 0; f.groups = append(f.groups, g) },
		stallAfter: time.Hour,
	}
}

// start commits in the background and returns once the commit is queued.
func start(t *testing.T, c *committer, ops []storage.Op, guards ...storage.Guard) <-chan error {
	t.Helper()
	c.mu.Lock()
	before := len(c.queue)
	c.mu.Unlock()
	result := make(chan error, 1)
	go func() { result <- c.commit(context.Background(), ops, guards) }()
	for {
		c.mu.Lock()
		queued := len(c.queue) > before
		c.mu.Unlock()
		if queued {
			return result
		}
		time.Sleep(time.Millisecond)
	}
}

func put(key string) []storage.Op { return []storage.Op{{Key: []byte(key), Value: []byte("v")}} }
func del(key string) []storage.Op { return []storage.Op{{Key: []byte(key), Delete: true}} }

func guard(key string, version uint64) storage.Guard {
	return storage.Guard{Key: []byte(key), Version: version}
}

// hold has a commit under way, so that what comes next queues up behind it.
func hold(t *testing.T, f *fakeStore, c *committer) <-chan error {
	t.Helper()
	first := make(chan error, 1)
	go func() { first <- c.commit(context.Background(), put("first"), nil) }()
	if ops := <-f.begun; len(ops) != 1 {
		t.Fatalf("%d ops", len(ops))
	}
	return first
}

func TestGroupShareOneWrite(t *testing.T) {
	f := newFake()
	c := newCommitter(f.env())
	first := hold(t, f, c)
	var rest []<-chan error
	for i := range 5 {
		rest = append(rest, start(t, c, put(fmt.Sprint("k", i))))
	}
	f.release <- nil
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if ops := <-f.begun; len(ops) != 5 {
		t.Fatalf("second write has %d ops, want 5", len(ops))
	}
	f.release <- nil
	for _, r := range rest {
		if err := <-r; err != nil {
			t.Fatal(err)
		}
	}
	c.stop()
	want := []Group{{Commits: 1, Keys: 1, Bytes: 6}, {Commits: 5, Keys: 5, Bytes: 15}}
	if fmt.Sprint(f.groups) != fmt.Sprint(want) {
		t.Fatalf("groups %v, want %v", f.groups, want)
	}
}

// Guards are judged against the store and the commits before in the same group.
func TestGroupJudgedInOrder(t *testing.T) {
	f := newFake()
	f.versions["old"] = 7
	c := newCommitter(f.env())
	first := hold(t, f, c)
	steps := []struct {
		name   string
		ops    []storage.Op
		guards []storage.Guard
		want   error
	}{
		{"create", put("new"), []storage.Guard{guard("new", 0)}, nil},
		{"create again", put("new"), []storage.Guard{guard("new", 0)}, storage.ErrGuard},
		{"version of the group", put("x"), []storage.Guard{guard("new", 1)}, storage.ErrGuard},
		{"unchanged", put("y"), []storage.Guard{guard("old", 7)}, nil},
		{"delete", del("old"), []storage.Guard{guard("old", 7)}, nil},
		{"deleted before", put("z"), []storage.Guard{guard("old", 7)}, storage.ErrGuard},
		{"gone now", put("old"), []storage.Guard{guard("old", 0)}, nil},
		{"there again", put("old"), []storage.Guard{guard("old", 0)}, storage.ErrGuard},
		{"a refused one left nothing", put("x"), []storage.Guard{guard("x", 0), guard("z", 0)}, nil},
		{"guards alone", nil, []storage.Guard{guard("y", 0)}, storage.ErrGuard},
	}
	var results []<-chan error
	for _, s := range steps {
		results = append(results, start(t, c, s.ops, s.guards...))
	}
	f.release <- nil
	var keys []string
	for _, op := range <-f.begun {
		keys = append(keys, string(op.Key))
	}
	f.release <- nil
	for i, s := range steps {
		if err := <-results[i]; !errors.Is(err, s.want) {
			t.Errorf("%s: %v, want %v", s.name, err, s.want)
		}
	}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	c.stop()
	if got := fmt.Sprint(keys); got != "[new y old old x]" {
		t.Fatalf("written %s", got)
	}
}

// A group holds what fits one write; the rest is the next.
func TestGroupBounded(t *testing.T) {
	f := newFake()
	c := newCommitter(f.env())
	first := hold(t, f, c)
	big := []storage.Op{{Key: []byte("big"), Value: bytes.Repeat([]byte("x"), 6000)}}
	results := []<-chan error{first, start(t, c, big), start(t, c, big), start(t, c, put("small"))}
	f.release <- nil
	for _, want := range []int{1, 2} {
		if ops := <-f.begun; len(ops) != want {
			t.Fatalf("%d ops, want %d", len(ops), want)
		}
		f.release <- nil
	}
	for _, r := range results {
		if err := <-r; err != nil {
			t.Fatal(err)
		}
	}
	c.stop()
}

// After a failed write its group has that error, and every later commit is
// refused, also one that was queued.
func TestFailedWriteRefusesTheRest(t *testing.T) {
	const message = "overloaded: The store takes no writes since one failed; the server must be restarted.: " +
		"write commit, its outcome is unknown until the store is opened again: broken"
	f := newFake()
	c := newCommitter(f.env())
	first := hold(t, f, c)
	queued := start(t, c, put("queued"))
	broken := errors.New("broken")
	f.release <- broken
	if err := <-first; !errors.Is(err, broken) || fault.CodeOf(err) != fault.Internal {
		t.Fatal(err)
	}
	later := c.commit(context.Background(), put("later"), nil)
	for _, err := range []error{<-queued, later} {
		if !errors.Is(err, fault.Overloaded) || err.Error() != message {
			t.Fatalf("%v", err)
		}
	}
	c.stop()
	if len(f.groups) != 0 {
		t.Fatal(f.groups)
	}
}

// What is refused before it is begun does no harm.
func TestRefusedWriteGoesOn(t *testing.T) {
	f := newFake()
	env := f.env()
	full := fault.New(fault.Overloaded, "full")
	var roomErr, writeErr error
	env.room = func(int) error { return roomErr }
	env.write = func([]storage.Op) error { return writeErr }
	c := newCommitter(env)
	commit := func(want error) {
		t.Helper()
		if err := c.commit(context.Background(), put("k"), nil); !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
	}
	commit(nil)
	roomErr = full
	commit(fault.Overloaded)
	roomErr, writeErr = nil, storage.ErrTooLarge
	commit(storage.ErrTooLarge)
	writeErr = nil
	commit(nil)
	c.stop()
	commit(ErrClosed)
}

func TestStall(t *testing.T) {
	f := newFake()
	env := f.env()
	env.stallAfter = time.Millisecond
	c := newCommitter(env)
	first := hold(t, f, c)
	time.Sleep(2 * time.Millisecond)
	err := c.commit(context.Background(), put("k"), nil)
	const want = "overloaded: The disk is too slow: a write has been under way for more than 1ms; try again later."
	if err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	f.release <- nil
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	c.stop()
}

// A commit can be withdrawn from the queue; once its turn has come the outcome is
// waited for.
func TestWithdraw(t *testing.T) {
	f := newFake()
	c := newCommitter(f.env())
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error, 1)
	go func() { first <- c.commit(ctx, put("first"), nil) }()
	<-f.begun
	queued := make(chan error, 1)
	go func() { queued <- c.commit(ctx, put("queued"), nil) }()
	other := start(t, c, put("other"))
	for n := 0; n < 2; {
		c.mu.Lock()
		n = len(c.queue)
		c.mu.Unlock()
	}
	cancel()
	if err := <-queued; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f.release <- nil
	if err := <-first; err != nil {
		t.Fatalf("a commit under way: %v", err)
	}
	if ops := <-f.begun; len(ops) != 1 || string(ops[0].Key) != "other" {
		t.Fatalf("written %v", ops)
	}
	f.release <- nil
	if err := <-other; err != nil {
		t.Fatal(err)
	}
	c.stop()
}

// Stop while many commit: each is either on disk or refused.
func TestStopHammer(t *testing.T) {
	var mu sync.Mutex
	written := map[string]bool{}
	f := newFake()
	env := f.env()
	env.write = func(ops []storage.Op) error {
		mu.Lock()
		defer mu.Unlock()
		for _, op := range ops {
			written[string(op.Key)] = true
		}
		return nil
	}
	c := newCommitter(env)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("%d/%d", i, n)
				err := c.commit(context.Background(), put(key), nil)
				mu.Lock()
				ok := written[key] == (err == nil)
				mu.Unlock()
				if !ok {
					t.Errorf("%s: %v, on disk %v", key, err, err != nil)
				}
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	time.Sleep(20 * time.Millisecond)
	c.stop()
	wg.Wait()
}
