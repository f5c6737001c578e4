package table

import (
	"context"
	"math/rand"
	"testing"
	"time"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/engine/tuple"
	"sluice/storage/memkv"
)

// A dry run gives the outcomes of the real one, whatever it must store on the
// way, and leaves nothing behind.
func TestDryRunAgrees(t *testing.T) {
	seeds(t, 12, func(t *testing.T, seed int64) {
		ctx, rnd := context.Background(), rand.New(rand.NewSource(seed))
		kv, m, now := memkv.New(), &model{}, int64(1)
		o := Options{DeltaRows: 1 << rnd.Intn(8), Now: func() time.Time { return time.UnixMilli(now) }}
		s, tab := mustOpen(t, kv, o)
		for range 5 {
			ops := randomOps(rnd, m, 200)
			m.check(t, ops, apply(t, tab, ops...), now)
		}
		before := m.clone()
		d, err := tab.DryRun(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var all []company.Op
		var dry []company.Result
		for range 8 {
			ops := randomOps(rnd, m, 1+rnd.Intn(200))
			results := make([]company.Result, len(ops))
			if err := d.Apply(ops, results); err != nil {
				t.Fatal(err)
			}
			all, dry = append(all, ops...), append(dry, results...)
			if rnd.Intn(2) == 0 {
				if err := d.flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		before.agree(t, tab)
		if err := d.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if err := d.Apply(all, dry); fault.CodeOf(err) != fault.Internal || err == nil {
			t.Fatalf("a closed dry run answered %v", err)
		}
		if err := d.Close(ctx); err != nil {
			t.Fatal(err)
		}
		real := apply(t, tab, all...)
		for i := range all {
			if dry[i].Outcome != real[i].Outcome || (dry[i].Err == nil) != (real[i].Err == nil) ||
				dry[i].Err != nil && dry[i].Err.Code != real[i].Err.Code {
				t.Fatalf("op %d: dry %v %v, real %v %v", i, dry[i].Outcome, dry[i].Err, real[i].Outcome, real[i].Err)
			}
		}
		_ = kv.Scan(ctx, tuple.New("", kindScratch), nil, func(key, _ []byte) error {
			t.Fatalf("scratch key %x was left", key)
			return nil
		})
		mustClose(t, s)
	})
}

// What a killed process left of a dry run goes when the tables are opened.
func TestDryRunLeftovers(t *testing.T) {
	ctx, kv := context.Background(), memkv.New()
	_, tab := mustOpen(t, kv, testOptions())
	d, err := tab.DryRun(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ops := []company.Op{upsert(false, company.Name, "A", company.Domain, "a.com")}
	if err := d.Apply(ops, make([]company.Result, 1)); err != nil {
		t.Fatal(err)
	}
	if err := d.flush(); err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		_ = kv.Scan(ctx, tuple.New("", kindScratch), nil, func(_, _ []byte) error { n++; return nil })
		return n
	}
	if count() == 0 {
		t.Fatal("nothing was stored")
	}
	s, _ := mustOpen(t, kv, testOptions())
	if n := count(); n != 0 {
		t.Fatalf("%d scratch keys were left", n)
	}
	mustClose(t, s)
}

// A dry run lies over a table that others go on writing: what it read of it may
// be older than where it is led next.
func TestDryRunBesideUpdate(t *testing.T) {
	ctx := context.Background()
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	made := apply(t, tab,
		upsert(false, company.Name, "A", company.Domain, "a.com"),
		upsert(false, company.Name, "B", company.Domain, "b.com"))
	d, err := tab.DryRun(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dry := func(op company.Op) {
		t.Helper()
		results := make([]company.Result, 1)
		if err := d.Apply([]company.Op{op}, results); err != nil || results[0].Outcome != company.Updated {
			t.Fatalf("%v, %v", outcomes(results), err)
		}
	}
	dry(upsert(true, company.City, "C", company.Domain, "a.com"))
	apply(t, tab, company.Op{Kind: company.Modify, ID: made[1].ID, Patch: patch(company.Name, "later")}) // in the block just read
	dry(upsert(true, company.City, "C", company.Domain, "b.com"))
	if err := d.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

// A company that is deleted between a dry run's looks at its domain and at its
// row is one that is not there.
func TestDryRunBesideDelete(t *testing.T) {
	ctx, kv := context.Background(), &hookedKV{KV: memkv.New()}
	s, tab := mustOpen(t, kv, testOptions())
	defer mustClose(t, s)
	made := apply(t, tab,
		upsert(false, company.Name, "A", company.Domain, "a.com"),
		upsert(false, company.Name, "B", company.Domain, "b.com"))
	d, err := tab.DryRun(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Both domains are looked up before the first row is read.
	kv.hook = func() { apply(t, tab, company.Op{Kind: company.Delete, ID: made[1].ID}) }
	results := make([]company.Result, 2)
	err = d.Apply([]company.Op{
		upsert(true, company.Name, "A", company.Domain, "a.com"),
		upsert(true, company.Name, "B", company.Domain, "b.com"),
	}, results)
	if got := outcomes(results); err != nil || got != "updated created " {
		t.Fatalf("%v, %v", got, err)
	}
	if err := d.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
