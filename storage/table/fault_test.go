package table

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage"
	"sluice/storage/memkv"
	"sluice/storage/storagetest"
)

// Whatever call of the store fails, the table is what the acknowledged updates
// made of it, at once, after more work, and after opening it again.
func TestFailEveryCall(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 7
	}
	for n := 0; ; n += step {
		mem := memkv.New()
		kv := storagetest.FailNth(mem, n)
		failEveryCall(t, mem, kv, n)
		if t.Failed() {
			t.Fatalf("with call %d failing", n)
		}
		if !kv.Fired() {
			t.Logf("%d calls failed in turn", n)
			return
		}
	}
}

func failEveryCall(t *testing.T, mem storage.KV, kv *storagetest.Failing, n int) {
	ctx, rnd, m := context.Background(), rand.New(rand.NewSource(7)), &model{}
	injected := func(err error) bool {
		if err != nil && !errors.Is(err, storagetest.ErrInjected) {
			t.Fatalf("call %d: %v", n, err)
		}
		return err != nil
	}
	o := Options{CacheBytes: 4 << 10, DeltaRows: 40, Now: func() time.Time { return time.UnixMilli(1) }}
	var s *Set
	var tab *Table
	open := func() {
		for range 2 { // the first may fail
			var err error
			if s, err = Open(ctx, kv, o); injected(err) {
				continue
			}
			if tab, err = s.Table(ctx, "acme"); injected(err) {
				continue
			}
			return
		}
		t.Fatalf("call %d: opening failed twice", n)
	}
	open()
	for round := range 7 {
		ops := randomOps(rnd, m, 40)
		results := make([]company.Result, len(ops))
		update := func() error {
			return tab.Update(ctx, func(tx *Tx) error {
				_, err := tx.Apply(ops, results)
				return err
			})
		}
		if injected(update()) {
			m.agree(t, tab)
			if err := update(); err != nil {
				t.Fatalf("call %d: again: %v", n, err)
			}
		}
		m.check(t, ops, results, 1)
		switch round {
		case 2, 5:
			injected(tab.Vacuum(ctx))
		case 3:
			if d, err := tab.DryRun(ctx); !injected(err) {
				if err := d.Apply(ops, results); !injected(err) && !injected(d.flush()) {
					injected(d.Apply(ops, results))
				}
				injected(d.Close(ctx))
			}
		case 4:
			mustClose(t, s)
			open()
		}
		if len(m.rows) == 0 {
			continue
		}
		r := m.rows[rnd.Intn(len(m.rows))]
		if c, err := tab.Get(ctx, r.id); !injected(err) && !r.same(c) {
			t.Fatalf("call %d: got %+v, want %+v", n, c, r)
		}
		injected(tab.Scan(ctx, Cursor{}, 0, func(company.Company, Cursor) error { return nil }))
	}
	if _, err := tab.Check(ctx); injected(err) || kv.Fired() {
		m.agree(t, tab)
	}
	mustClose(t, s)
	s, tab = mustOpen(t, mem, o)
	if err := tab.Vacuum(ctx); err != nil {
		t.Fatal(err)
	}
	m.agree(t, tab)
	mustClose(t, s)
}

// A commit whose store is full says so, and the table goes on when there is room.
func TestOverloadedStore(t *testing.T) {
	kv := &fullKV{KV: memkv.New()}
	s, tab := mustOpen(t, kv, testOptions())
	defer mustClose(t, s)
	kv.full = true
	err := tab.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.Apply([]company.Op{upsert(false, company.Name, "A")}, make([]company.Result, 1))
		return err
	})
	if !errors.Is(err, fault.Overloaded) {
		t.Fatal(err)
	}
	kv.full = false
	apply(t, tab, upsert(false, company.Name, "A"))
	sound(t, tab)
}

type fullKV struct {
	storage.KV
	full bool
}

func (kv *fullKV) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	if kv.full {
		return fault.New(fault.Overloaded, "the disk is full")
	}
	return kv.KV.Commit(ctx, ops, guards)
}

// Every damaged value is found by Check, by its key, or by opening.
func TestDamageIsFound(t *testing.T) {
	ctx, kv := context.Background(), memkv.New()
	rnd, m := rand.New(rand.NewSource(3)), &model{}
	o := testOptions()
	s, tab := mustOpen(t, kv, o)
	for round := range 6 {
		ops := randomOps(rnd, m, 150)
		m.check(t, ops, apply(t, tab, ops...), time.Now().UnixMilli())
		if round < 4 {
			if err := tab.Vacuum(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustClose(t, s)
	var keys, values [][]byte
	_ = kv.Scan(ctx, tableSpace("acme").prefix, nil, func(key, value []byte) error {
		keys, values = append(keys, append([]byte(nil), key...)), append(values, append([]byte(nil), value...))
		return nil
	})
	found := map[byte]int{}
	for i, key := range keys {
		sect := key[len(tableSpace("acme").prefix)]
		for _, lost := range []bool{false, true} {
			bad := append([]byte(nil), values[i]...)
			bad[rnd.Intn(len(bad))] ^= 1 << rnd.Intn(8)
			op := storage.Op{Key: key, Value: bad, Delete: lost}
			if lost && (sect == sectManifest || sect == sectLease) {
				continue // to a table that is new, nothing is lost
			}
			if err := kv.Commit(ctx, []storage.Op{op}, nil); err != nil {
				t.Fatal(err)
			}
			if s, err := Open(ctx, kv, o); err != nil {
				t.Fatal(err)
			} else if tab, err := s.Table(ctx, "acme"); err == nil {
				rep, err := tab.Check(ctx)
				if err == nil && len(rep.Problems) == 0 {
					t.Errorf("key %x, lost %v: damage was not found", key, lost)
				}
				mustClose(t, s)
			}
			found[sect]++
			if err := kv.Commit(ctx, []storage.Op{{Key: key, Value: values[i]}}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, sect := range []byte{sectManifest, sectPages, sectDomains, sectIDs, sectRows, sectLog} {
		if found[sect] == 0 {
			t.Errorf("no key of section %c was damaged", sect)
		}
	}
}

// A fold that ends half way may have deleted blocks that were written and died
// since the one before.
func TestCrashAfterBlocksAreGone(t *testing.T) {
	ctx := context.Background()
	for n, done := 0, false; !done; n++ {
		mem := memkv.New()
		kv := &stoppedKV{KV: mem}
		s, tab := mustOpen(t, kv, testOptions())
		create := func(from, to int) (made []company.Result) {
			var ops []company.Op
			for i := from; i < to; i++ {
				ops = append(ops, upsert(false, company.Name, "N", company.Domain, fmt.Sprintf("d%d.com", i)))
			}
			return apply(t, tab, ops...)
		}
		create(0, 100)
		if err := tab.Vacuum(ctx); err != nil {
			t.Fatal(err)
		}
		made := create(100, 900)
		var ops []company.Op
		for _, m := range made[:600] {
			ops = append(ops, company.Op{Kind: company.Delete, ID: m.ID})
		}
		apply(t, tab, ops...)
		kv.armed, kv.after = true, n
		done = tab.Vacuum(ctx) == nil
		mustClose(t, s)
		s, tab = mustOpen(t, mem, testOptions())
		sound(t, tab)
		if err := tab.Vacuum(ctx); err != nil {
			t.Fatal(err)
		}
		sound(t, tab)
		mustClose(t, s)
	}
}

// stoppedKV takes so many commits and no more, once it is armed.
type stoppedKV struct {
	storage.KV
	armed bool
	after int
}

func (kv *stoppedKV) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	if kv.armed {
		if kv.after == 0 {
			return storagetest.ErrInjected
		}
		kv.after--
	}
	return kv.KV.Commit(ctx, ops, guards)
}
