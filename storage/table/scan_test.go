package table

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage"
	"sluice/storage/memkv"
)

// A walk by cursor, page by page, while companies are created, changed, deleted,
// folded and vacuumed between the pages: those that nobody touched come exactly
// once, changed ones at least once, and created ones that stay come too.
func TestCursorWalk(t *testing.T) {
	seeds(t, 12, func(t *testing.T, seed int64) {
		ctx, rnd := context.Background(), rand.New(rand.NewSource(seed))
		o := Options{DeltaRows: 1 << (3 + rnd.Intn(8)), CacheBytes: 1 << 14}
		s, tab := mustOpen(t, memkv.New(), o)
		defer func() { mustClose(t, s) }()
		const rows = 900
		var ids []company.ID
		for i := 0; i < rows; {
			var ops []company.Op
			for range 1 + rnd.Intn(100) {
				ops = append(ops, upsert(false, company.Name, "N", company.Domain, fmt.Sprintf("d%d.com", i)))
				i++
			}
			for _, r := range apply(t, tab, ops...) {
				ids = append(ids, r.ID)
			}
		}
		changed, deleted, seen := map[company.ID]bool{}, map[company.ID]bool{}, map[company.ID]int{}
		walkable := len(ids)
		var at Cursor
		for page := 0; ; page++ {
			n := 0
			err := tab.Scan(ctx, at, 0, func(c company.Company, here Cursor) error {
				seen[c.ID]++
				at = here
				if n++; n == 50 {
					return storage.ErrStop
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
			if at, err = ParseCursor(at.String()); err != nil {
				t.Fatal(err)
			}
			if page > 40 {
				continue
			}
			var ops []company.Op
			for range rnd.Intn(30) {
				id := ids[rnd.Intn(walkable)]
				if rnd.Intn(3) == 0 {
					ops = append(ops, company.Op{Kind: company.Delete, ID: id})
					deleted[id] = true
				} else {
					ops = append(ops, company.Op{Kind: company.Modify, ID: id, Patch: patch(company.City, fmt.Sprint(rnd.Int()))})
					changed[id] = true
				}
			}
			ops = append(ops, upsert(false, company.Name, "new"))
			results := apply(t, tab, ops...)
			ids = append(ids, results[len(results)-1].ID)
			if rnd.Intn(3) == 0 {
				if err := tab.Vacuum(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, id := range ids {
			switch n := seen[id]; {
			case deleted[id]:
			case changed[id] && n < 1, !changed[id] && n != 1:
				t.Fatalf("company %d: seen %d times, changed %v", i, n, changed[id])
			}
		}
		sound(t, tab)
	})
}

// Skipping gives what reading and dropping would, through blocks in any state.
func TestScanSkip(t *testing.T) {
	ctx, rnd := context.Background(), rand.New(rand.NewSource(5))
	m := &model{}
	s, tab := mustOpen(t, memkv.New(), Options{DeltaRows: 100, Now: func() time.Time { return time.UnixMilli(1) }})
	defer func() { mustClose(t, s) }()
	for range 12 {
		ops := randomOps(rnd, m, 300)
		m.check(t, ops, apply(t, tab, ops...), 1)
	}
	for range 60 {
		skip := rnd.Intn(len(m.rows) + 10)
		i, start := skip, Cursor{}
		if rnd.Intn(2) == 0 && len(m.rows) > 10 {
			from := rnd.Intn(10)
			n := 0
			_ = tab.Scan(ctx, Cursor{}, 0, func(_ company.Company, at Cursor) error {
				if n++; n > from {
					start = at
					return storage.ErrStop
				}
				return nil
			})
			i += from + 1
		}
		want := max(0, len(m.rows)-i)
		n := 0
		err := tab.Scan(ctx, start, uint64(skip), func(c company.Company, _ Cursor) error {
			if i >= len(m.rows) || !m.rows[i].same(c) {
				return errors.New("another company")
			}
			i++
			n++
			return nil
		})
		if err != nil || n != want {
			t.Fatalf("skip %d: %v, %d given, want %d", skip, err, n, want)
		}
	}
}

// A scan that is open sees nothing of what is committed and cleaned up while it
// runs, and its rows stay until it ends.
func TestScanIsOneMoment(t *testing.T) {
	ctx, m := context.Background(), &model{}
	rnd := rand.New(rand.NewSource(6))
	s, tab := mustOpen(t, memkv.New(), Options{DeltaRows: 30, Now: func() time.Time { return time.UnixMilli(1) }})
	defer func() { mustClose(t, s) }()
	for range 4 {
		ops := randomOps(rnd, m, 200)
		m.check(t, ops, apply(t, tab, ops...), 1)
	}
	before, i := m.clone(), 0
	err := tab.Scan(ctx, Cursor{}, 0, func(c company.Company, _ Cursor) error {
		if i%40 == 0 {
			ops := randomOps(rnd, m, 50)
			m.check(t, ops, apply(t, tab, ops...), 1)
			if err := tab.Vacuum(ctx); err != nil {
				return err
			}
		}
		if i >= len(before.rows) || !before.rows[i].same(c) {
			return fmt.Errorf("company %d is another", i)
		}
		i++
		return nil
	})
	if err != nil || i != len(before.rows) {
		t.Fatalf("%v after %d of %d", err, i, len(before.rows))
	}
	m.agree(t, tab)
	if err := tab.Vacuum(ctx); err != nil {
		t.Fatal(err)
	}
	m.agree(t, tab)
}

func TestCursor(t *testing.T) {
	for _, c := range []Cursor{{}, {1}, {maxRecord}, {maxRecord + 1}} {
		if got, err := ParseCursor(c.String()); err != nil || got != c {
			t.Errorf("%v became %v, %v", c, got, err)
		}
	}
	good := Cursor{77}.String()
	f := func(s string) {
		t.Helper()
		_, err := ParseCursor(s)
		var e *fault.Error
		if !errors.As(err, &e) || e.Code != fault.Validation || e.Message != "cursor is not one that this server gave" {
			t.Errorf("%q: %v", s, err)
		}
	}
	f("")
	f("1")
	f(good[:len(good)-1])
	f(good + "A")
	f(strings.ToLower(good))
	f(strings.Repeat("A", len(good)))
	f("\x00")
	f(Cursor{maxRecord + 2}.String())
}

func FuzzParseCursor(f *testing.F) {
	f.Add(Cursor{}.String())
	f.Add(Cursor{1 << 40}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseCursor(s); err == nil && c.String() != s {
			t.Fatalf("%q reads as %q", s, c)
		}
	})
}
