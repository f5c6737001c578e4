package table

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"testing"

	"sluice/engine/company"
	"sluice/storage"
	"sluice/storage/memkv"
)

// contents lists the table in order: ids by when the company was made, and records.
func contents(t *testing.T, tab *Table) (list []string) {
	t.Helper()
	err := tab.Scan(context.Background(), Cursor{}, 0, func(c company.Company, _ Cursor) error {
		birth, ours := tab.keys.record(c.ID)
		list = append(list, fmt.Sprint(birth, ours, " ", string(c.Record)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Updates that were left for later leave the table as if made one by one:
// scattered, of a company twice, that change nothing, that would blank a name,
// between creates, and whether or not the blocks are in the cache.
func TestUpdatesLater(t *testing.T) {
	const n = 3000
	seeds(t, 6, func(t *testing.T, seed int64) {
		rnd := rand.New(rand.NewSource(seed))
		var first, then []company.Op
		for i := range n {
			first = append(first, upsert(true, company.Domain, fmt.Sprintf("d%d.com", i), company.Name, fmt.Sprint("N", i), company.City, "Oslo"))
		}
		for range 2 * n {
			d, city := fmt.Sprintf("d%d.com", rnd.Intn(n)), []string{"Oslo", "Bern", "Rome"}[rnd.Intn(3)]
			switch rnd.Intn(400) {
			case 0: // ends the run
				then = append(then, upsert(true, company.Domain, fmt.Sprintf("e%d.com", len(then)), company.Name, "E"))
			case 1:
				then = append(then, upsert(true, company.Domain, d, company.Tags, city))
			case 2:
				then = append(then, upsert(true, company.Domain, d, company.Name, " ", company.City, ""))
			default:
				then = append(then, upsert(true, company.Domain, d, company.City, city))
			}
		}
		small := testOptions()
		small.CacheBytes = 1 << 14
		sets, tables := [2]*Set{}, [2]*Table{}
		for i, o := range []Options{small, testOptions()} {
			sets[i], tables[i] = mustOpen(t, memkv.New(), o)
			defer mustClose(t, sets[i])
			apply(t, tables[i], first...)
		}
		for round := range 3 {
			got := apply(t, tables[0], then...)
			for i, op := range then {
				want := apply(t, tables[1], op)[0]
				b0, _ := tables[0].keys.record(got[i].ID)
				b1, _ := tables[1].keys.record(want.ID)
				if got[i].Outcome != want.Outcome || b0 != b1 || got[i].Err != nil {
					t.Fatalf("round %d, op %d: %+v of %d, want %+v of %d", round, i, got[i], b0, want, b1)
				}
			}
			a, b := contents(t, tables[0]), contents(t, tables[1])
			if len(a) != len(b) {
				t.Fatalf("round %d: %d companies, want %d", round, len(a), len(b))
			}
			for i := range a {
				if a[i] != b[i] {
					t.Fatalf("round %d: company %d is %s, want %s", round, i, a[i], b[i])
				}
			}
			sound(t, tables[0])
		}
	})
}

// What was left for later is undone with its fn, and comes before what another
// op of the fn needs to know.
func TestUpdatesLaterInOneFn(t *testing.T) {
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	id := apply(t, tab, upsert(true, company.Domain, "a.com", company.Name, "A"))[0].ID
	boom := errors.New("boom")
	results := make([]company.Result, 1)
	update := []company.Op{upsert(true, company.Domain, "a.com", company.City, "Bern")}
	err := tab.Update(context.Background(), func(tx *Tx) error {
		if _, err := tx.Apply(update, results); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if c, err := tab.Get(context.Background(), id); err != nil || string(c.Record) != string(patch(company.Domain, "a.com", company.Name, "A").Record()) {
		t.Fatalf("%q, %v", c.Record, err)
	}
	err = tab.Update(context.Background(), func(tx *Tx) error {
		if _, err := tx.Apply(update, results); err != nil {
			return err
		}
		c, err := tx.Get(id)
		if want := patch(company.Domain, "a.com", company.Name, "A", company.City, "Bern").Record(); err != nil || string(c.Record) != string(want) {
			t.Errorf("the commit has %q, %v", c.Record, err)
		}
		if _, err := tx.Apply(update, results); err != nil {
			return err
		}
		_, err = tx.Apply([]company.Op{{Kind: company.Delete, ID: id}}, results)
		return err
	})
	if err != nil || results[0].Outcome != company.Deleted || len(contents(t, tab)) != 0 {
		t.Fatalf("%+v, %v", results[0], err)
	}
	sound(t, tab)
}

// Updates for which a commit has no room are its fn's error, and change nothing.
func TestUpdatesLaterTooLarge(t *testing.T) {
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	rnd := rand.New(rand.NewSource(1))
	long := make([]byte, company.Description.MaxBytes())
	var ops []company.Op
	for i := range 200 {
		for j := range long {
			long[j] = byte('a' + rnd.Intn(26))
		}
		op := upsert(true, company.Domain, fmt.Sprintf("d%d.com", i), company.Name, "N", company.Description, string(long))
		apply(t, tab, op)
		ops = append(ops, upsert(true, company.Domain, fmt.Sprintf("d%d.com", i), company.City, "Bern"))
	}
	before := contents(t, tab)
	err := tab.Stream(context.Background(), func(tx *Tx) error {
		n, err := tx.Apply(ops, make([]company.Result, len(ops)))
		if n < len(ops) {
			t.Errorf("%d ops of %d, %v", n, len(ops), err)
		}
		return err
	})
	if !errors.Is(err, storage.ErrTooLarge) {
		t.Fatal(err)
	}
	if after := contents(t, tab); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("the table has changed")
	}
	apply(t, tab, ops[:50]...)
	sound(t, tab)
}
