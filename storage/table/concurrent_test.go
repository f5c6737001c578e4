package table

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage"
	"sluice/storage/memkv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Readers beside a busy writer, folds and vacuum: a company that is never
// changed is always found, one that is changed without end is found with one of
// its versions, never an older one than before, and scans see one moment: the
// sum over all companies of one group is constant.
func TestReadersBesideWriter(t *testing.T) {
	ctx, kv := context.Background(), memkv.New()
	o := Options{CacheBytes: 64 << 10, DeltaRows: 50, Vacuum: true}
	s, tab := mustOpen(t, kv, o)
	const rows, rounds = 400, 150
	var create []company.Op
	for i := range rows {
		create = append(create, upsert(false, company.Name, "0", company.Domain, fmt.Sprintf("d%d.com", i), company.City, "x"))
	}
	made := apply(t, tab, create...)
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer func() { stop.Store(true); wg.Wait(); mustClose(t, s) }()
	reader := func(f func(rnd *rand.Rand) error) {
		wg.Go(func() {
			rnd := rand.New(rand.NewSource(rand.Int63()))
			for !stop.Load() {
				if err := f(rnd); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	version := func(c company.Company) (n int) {
		_, _ = fmt.Sscan(string(text(c.Record, company.Name)), &n)
		return n
	}
	for range 2 {
		last := make([]int, rows)
		reader(func(rnd *rand.Rand) error {
			i := rnd.Intn(rows)
			c, err := tab.Get(ctx, made[i].ID)
			if rnd.Intn(2) == 0 {
				c, err = tab.ByDomain(ctx, fmt.Appendf(nil, "d%d.com", i))
			}
			if err != nil || c.ID != made[i].ID || version(c) < last[i] {
				return fmt.Errorf("row %d: %+v, %w, was at version %d", i, c, err, last[i])
			}
			last[i] = version(c)
			return nil
		})
	}
	reader(func(*rand.Rand) error {
		sum, n := 0, 0
		err := tab.Scan(ctx, Cursor{}, 0, func(c company.Company, _ Cursor) error {
			n++
			sum += version(c)
			return nil
		})
		if err != nil || n != rows || sum%7 != 0 {
			return fmt.Errorf("scan saw %d rows, sum %d, %w", n, sum, err)
		}
		return nil
	})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			rnd := rand.New(rand.NewSource(int64(w)))
			for round := 1; round <= rounds; round++ {
				// Seven rows of this writer rise by one, so any whole sum is a
				// multiple of seven.
				var ops []company.Op
				from := w*100 + rnd.Intn(93)
				err := tab.Update(ctx, func(tx *Tx) error {
					ops = ops[:0]
					for i := from; i < from+7; i++ {
						c, err := tx.Get(made[i].ID)
						if err != nil {
							return err
						}
						ops = append(ops, company.Op{Kind: company.Modify, ID: made[i].ID,
							Patch: patch(company.Name, fmt.Sprint(version(c)+1))})
					}
					n, err := tx.Apply(ops, make([]company.Result, len(ops)))
					if err == nil && n < len(ops) {
						err = errors.New("full")
					}
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
				if round%40 == 0 {
					if err := tab.Vacuum(ctx); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	writers.Wait()
	sound(t, tab)
}

// Updates from many goroutines share commits, and each gets its own answer.
func TestUpdatesMerge(t *testing.T) {
	ctx := context.Background()
	kv := &countingKV{KV: memkv.New()}
	s, tab := mustOpen(t, kv, testOptions())
	defer mustClose(t, s)
	const clients, each = 32, 40
	before := kv.commits.Load()
	var wg sync.WaitGroup
	held, release := make(chan struct{}), make(chan struct{})
	wg.Go(func() {
		_ = tab.Update(ctx, func(*Tx) error { close(held); <-release; return nil })
	})
	<-held // so that all clients come to wait for one commit
	for w := range clients {
		wg.Go(func() {
			for i := range each {
				fails := (w+i)%5 == 0
				wrong := errors.New("wrong")
				op := upsert(false, company.Name, "N", company.Domain, fmt.Sprintf("w%d-%d.com", w, i))
				var result [1]company.Result
				err := tab.Update(ctx, func(tx *Tx) error {
					if _, err := tx.Apply([]company.Op{op}, result[:]); err != nil {
						return err
					}
					if fails {
						return wrong
					}
					return nil
				})
				if fails != errors.Is(err, wrong) || !fails && err != nil || result[0].Outcome != company.Created {
					t.Errorf("client %d: %v, %+v", w, err, result[0])
				}
			}
		})
	}
	for waiting := 0; waiting < clients; runtime.Gosched() {
		tab.writer.mu.Lock()
		waiting = len(tab.writer.queue)
		tab.writer.mu.Unlock()
	}
	close(release)
	wg.Wait()
	if n, err := tab.Count(ctx); err != nil || n != clients*each/5*4 {
		t.Errorf("%d companies, %v", n, err)
	}
	if n, alone := kv.commits.Load()-before, int64(clients*each/5*4); n > alone-clients/5*4+1 {
		t.Errorf("%d commits for %d updates", n, clients*each)
	}
	sound(t, tab)
}

type countingKV struct {
	storage.KV
	commits atomic.Int64
}

func (kv *countingKV) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	kv.commits.Add(1)
	if len(guards) == 0 {
		return errors.New("a commit without a guard")
	}
	return kv.KV.Commit(ctx, ops, guards)
}

// A second opening takes the lease, and the first can write no more.
func TestLeaseIsLost(t *testing.T) {
	ctx, kv := context.Background(), memkv.New()
	s1, tab1 := mustOpen(t, kv, testOptions())
	apply(t, tab1, upsert(false, company.Name, "A", company.Domain, "a.com"))
	s2, tab2 := mustOpen(t, kv, testOptions())
	for range 2 {
		err := tab1.Update(ctx, func(tx *Tx) error {
			_, err := tx.Apply([]company.Op{upsert(false, company.Name, "B", company.Domain, "b.com")}, make([]company.Result, 1))
			return err
		})
		if !errors.Is(err, storage.ErrGuard) {
			t.Fatalf("wrote without the lease: %v", err)
		}
	}
	apply(t, tab2, upsert(false, company.Name, "C", company.Domain, "c.com"))
	if _, err := tab2.ByDomain(ctx, []byte("b.com")); !errors.Is(err, fault.NotFound) {
		t.Fatal(err)
	}
	sound(t, tab2)
	mustClose(t, s1)
	mustClose(t, s2)
	if err := tab2.Update(ctx, func(*Tx) error { return nil }); !errors.Is(err, fault.Overloaded) {
		t.Fatalf("a closed table answered %v", err)
	}
}

// A caller that goes away before its turn leaves nothing behind.
func TestUpdateCanceled(t *testing.T) {
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	held, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = tab.Update(context.Background(), func(*Tx) error { close(held); <-release; return nil })
	})
	<-held
	ctx, cancel := context.WithCancel(context.Background())
	var ran atomic.Bool
	wg.Go(func() {
		if err := tab.Update(ctx, func(*Tx) error { ran.Store(true); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled update: %v", err)
		}
	})
	for {
		tab.writer.mu.Lock()
		n := len(tab.writer.queue)
		tab.writer.mu.Unlock()
		if n == 1 {
			break
		}
	}
	cancel()
	for {
		tab.writer.mu.Lock()
		left := tab.writer.queue[0].state.Load() == left
		tab.writer.mu.Unlock()
		if left {
			break
		}
	}
	close(release)
	wg.Wait()
	if ran.Load() {
		t.Error("a canceled update ran")
	}
}

// A reader that was overtaken between its looks at index and rows must not leave
// an older block behind for others.
func TestOvertakenReaderLeavesNothingOld(t *testing.T) {
	ctx, kv := context.Background(), &hookedKV{KV: memkv.New()}
	s, tab := mustOpen(t, kv, testOptions())
	var create []company.Op
	for i := range 300 {
		create = append(create, upsert(false, company.Name, "N", company.Domain, fmt.Sprintf("d%d.com", i)))
	}
	made := apply(t, tab, create...)
	if err := tab.Vacuum(ctx); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	s, tab = mustOpen(t, kv, testOptions())
	defer func() { mustClose(t, s) }()
	kv.hook = func() {
		apply(t, tab, company.Op{Kind: company.Delete, ID: made[5].ID}, upsert(false, company.Name, "later"))
		if err := tab.Vacuum(ctx); err != nil {
			t.Error(err)
		}
	}
	for _, i := range []int{7, 290} {
		if c, err := tab.ByDomain(ctx, fmt.Appendf(nil, "d%d.com", i)); err != nil || c.ID != made[i].ID {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	if c, err := tab.Get(ctx, made[5].ID); !errors.Is(err, fault.NotFound) {
		t.Fatalf("a deleted company is back: %+v, %v", c, err)
	}
	sound(t, tab)
}

// hookedKV runs hook once, at the next Get or View.
type hookedKV struct {
	storage.KV
	hook func()
}

func (kv *hookedKV) Get(ctx context.Context, key []byte) ([]byte, uint64, error) {
	kv.call()
	return kv.KV.Get(ctx, key)
}

func (kv *hookedKV) View(ctx context.Context, key []byte, fn func(value []byte) error) error {
	kv.call()
	return kv.KV.View(ctx, key, fn)
}

func (kv *hookedKV) call() {
	if f := kv.hook; f != nil {
		kv.hook = nil
		f()
	}
}

// A commit is seen whole or not at all, in each step of its publishing: no
// look-up leads back behind another.
func TestCommitIsSeenWhole(t *testing.T) {
	ctx := context.Background()
	s, tab := mustOpen(t, memkv.New(), testOptions())
	made := apply(t, tab,
		upsert(false, company.Name, "old", company.Domain, "stays.com"),
		upsert(false, company.Name, "old", company.Domain, "from.com"),
		upsert(false, company.Name, "old", company.Domain, "goes.com"))
	mustClose(t, s) // the writer is done, and this test takes its place
	byDomain := func(domain string) func() (company.Company, error) {
		return func() (company.Company, error) { return tab.ByDomain(ctx, []byte(domain)) }
	}
	byID := func(id company.ID) func() (company.Company, error) {
		return func() (company.Company, error) { return tab.Get(ctx, id) }
	}

	tx := s.takeTx(tab)
	defer s.giveTx(tx)
	tx.begin(ctx)
	results := make([]company.Result, 4)
	if _, err := tx.Apply([]company.Op{
		{Kind: company.Modify, ID: made[0].ID, Patch: patch(company.Name, "new")},
		{Kind: company.Modify, ID: made[1].ID, Patch: patch(company.Name, "new", company.Domain, "to.com")},
		{Kind: company.Delete, ID: made[2].ID},
		upsert(false, company.Name, "new", company.Domain, "comes.com"),
	}, results); err != nil {
		t.Fatal(err)
	}
	ops, err := tx.assemble()
	if err != nil {
		t.Fatal(err)
	}
	see := func(when, name string, get func() (company.Company, error)) {
		t.Helper()
		c, err := get()
		if got := string(text(c.Record, company.Name)); got != name || name == "" && !errors.Is(err, fault.NotFound) {
			t.Errorf("%s: %q, %v, want %q", when, got, err, name)
		}
	}
	check := func(when, stays, from, to, goes, comes string) {
		t.Helper()
		see(when, stays, byDomain("stays.com"))
		see(when, stays, byID(made[0].ID))
		see(when, from, byDomain("from.com"))
		see(when, to, byDomain("to.com"))
		see(when, from+to, byID(made[1].ID))
		see(when, goes, byDomain("goes.com"))
		see(when, goes, byID(made[2].ID))
		see(when, comes, byDomain("comes.com"))
		see(when, comes, byID(results[3].ID))
		n := 0
		if err := tab.Scan(ctx, Cursor{}, 0, func(company.Company, Cursor) error { n++; return nil }); err != nil || n != 3 {
			t.Errorf("%s: a scan sees %d companies, %v", when, n, err)
		}
	}
	check("before", "old", "old", "", "old", "")
	if err := tab.put(ctx, ops); err != nil {
		t.Fatal(err)
	}
	check("durable", "old", "old", "", "old", "")
	older := tab.view.Load()
	tx.show()
	shown := tab.view.Load()
	check("shown", "new", "", "new", "", "new")
	for i, m := range made {
		birth, _ := tab.keys.record(m.ID)
		if p, err := tab.committed(ctx, older, birth); err != nil || p != birth {
			t.Errorf("who began before is led from company %d to %d, %v", i, int64(p), err)
		}
	}
	tx.absorb()
	check("absorbed", "new", "", "new", "", "new")

	// Who began a look-up before a step ends it after.
	tab.view.Store(shown)
	check("shown, and absorbed since", "new", "", "new", "", "new")
}

// The same beside a writer: who finds a company by domain finds it by id, and one
// whose domain changes is always found by one of the two.
func TestLookUpsBesideWriter(t *testing.T) {
	ctx := context.Background()
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	moves := apply(t, tab, upsert(false, company.Name, "N", company.Domain, "moves0.com"))[0].ID
	var round atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	const rows, rounds = 1000, 5
	wg.Go(func() {
		for i := 0; !stop.Load(); i++ {
			c, err := tab.ByDomain(ctx, fmt.Appendf(nil, "r%d-%d.com", round.Load(), i%rows))
			if err != nil {
				continue
			}
			if _, err := tab.Get(ctx, c.ID); err != nil {
				t.Errorf("found by domain, but by id: %v", err)
				return
			}
		}
	})
	wg.Go(func() {
		for !stop.Load() {
			n := round.Load()
			_, before := tab.ByDomain(ctx, fmt.Appendf(nil, "moves%d.com", n))
			_, after := tab.ByDomain(ctx, fmt.Appendf(nil, "moves%d.com", n+1))
			if before != nil && after != nil && round.Load() == n {
				t.Errorf("found by no domain: %v, %v", before, after)
				return
			}
		}
	})
	for n := range rounds {
		ops := []company.Op{{Kind: company.Modify, ID: moves, Patch: patch(company.Domain, fmt.Sprintf("moves%d.com", n+1))}}
		for i := range rows {
			ops = append(ops, upsert(false, company.Name, "N", company.Domain, fmt.Sprintf("r%d-%d.com", n, i)))
		}
		apply(t, tab, ops...)
		round.Add(1)
	}
	stop.Store(true)
	wg.Wait()
}
