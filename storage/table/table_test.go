package table

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage"
	"sluice/storage/memkv"
)

// patch builds a patch from pairs of field and value; an empty value clears.
func patch(pairs ...any) company.Patch {
	var b company.Builder
	for i := 0; i < len(pairs); i += 2 {
		f, v := pairs[i].(company.Field), pairs[i+1].(string)
		switch {
		case f == company.Tags && v != "":
			b.AddTag([]byte(v))
		case v == "":
			b.Clear(f)
		default:
			b.Text[f] = []byte(v)
		}
	}
	return b.Append(nil)
}

func testOptions() Options {
	o := DefaultOptions()
	o.Vacuum = false
	return o
}

func mustOpen(t testing.TB, kv storage.KV, o Options) (*Set, *Table) {
	t.Helper()
	s, err := Open(context.Background(), kv, o)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := s.Table(context.Background(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	return s, tab
}

func mustClose(t testing.TB, s *Set) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// apply runs ops in one Update.
func apply(t testing.TB, tab *Table, ops ...company.Op) []company.Result {
	t.Helper()
	results := make([]company.Result, len(ops))
	err := tab.Update(context.Background(), func(tx *Tx) error {
		n, err := tx.Apply(ops, results)
		if err == nil && n < len(ops) {
			return errors.New("full")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

func upsert(update bool, pairs ...any) company.Op {
	return company.Op{Kind: company.Upsert, Update: update, Patch: patch(pairs...)}
}

func outcomes(results []company.Result) string {
	s := ""
	for _, r := range results {
		s += r.Outcome.String()
		if r.Err != nil {
			s += ":" + string(r.Err.Code)
		}
		s += " "
	}
	return s
}

func TestMainPath(t *testing.T) {
	ctx, kv := context.Background(), memkv.New()
	o := testOptions()
	now := time.UnixMilli(1000)
	o.Now = func() time.Time { return now }
	s, tab := mustOpen(t, kv, o)
	r := apply(t, tab,
		upsert(false, company.Name, "A", company.Domain, "a.com"),
		upsert(false, company.Name, "B", company.Domain, "b.com"),
		upsert(false, company.Name, "A2", company.Domain, "a.com"),
		upsert(false, company.Domain, "c.com"),
		upsert(false, company.Name, "no domain"),
		upsert(true, company.Name, "B2", company.Domain, "b.com"),
	)
	if got := outcomes(r); got != "created created skipped failed:required created updated " {
		t.Fatal(got)
	}
	if r[2].ID != r[0].ID || r[5].ID != r[1].ID || r[3].Err.Message != "name is required to create a company" || r[3].Err.Details["field"] != "name" {
		t.Fatalf("%+v", r)
	}
	now = time.UnixMilli(2000)
	r2 := apply(t, tab,
		company.Op{Kind: company.Modify, ID: r[0].ID, Patch: patch(company.Domain, "b.com")},
		company.Op{Kind: company.Modify, ID: r[0].ID, Patch: patch(company.Domain, "z.com")},
		company.Op{Kind: company.Create, Patch: patch(company.Name, "X", company.Domain, "z.com")},
		company.Op{Kind: company.Create, Patch: patch(company.Name, "X", company.Domain, "a.com")},
		company.Op{Kind: company.Delete, ID: r[1].ID},
		company.Op{Kind: company.Delete, ID: r[1].ID},
		company.Op{Kind: company.Modify, ID: r[1].ID, Patch: patch(company.City, "Oslo")},
	)
	if got := outcomes(r2); got != "failed:conflict updated failed:conflict created deleted failed:not_found failed:not_found " {
		t.Fatal(got)
	}
	if r2[0].ID != r[1].ID || r2[2].ID != r[0].ID {
		t.Fatalf("%+v", r2)
	}
	check := func(tab *Table) {
		t.Helper()
		c, err := tab.Get(ctx, r[0].ID)
		if err != nil || string(c.Record.Domain()) != "z.com" || c.Created != 1000 || c.Updated != 2000 || c.ID != r[0].ID {
			t.Fatalf("%+v %v", c, err)
		}
		if _, err := tab.Get(ctx, r[1].ID); !errors.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
		if c, err := tab.ByDomain(ctx, []byte("z.com")); err != nil || c.ID != r[0].ID {
			t.Fatalf("%+v %v", c, err)
		}
		if _, err := tab.ByDomain(ctx, []byte("b.com")); !errors.Is(err, fault.NotFound) {
			t.Fatal(err)
		}
		if n, err := tab.Count(ctx); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		var names []string
		err = tab.Scan(ctx, Cursor{}, 0, func(c company.Company, at Cursor) error {
			names = append(names, string(text(c.Record, company.Name)))
			return nil
		})
		if got := fmt.Sprint(names); err != nil || got != "[no domain A X]" {
			t.Fatal(got, err)
		}
	}
	check(tab)
	mustClose(t, s)
	s, tab = mustOpen(t, kv, o)
	check(tab)
	mustClose(t, s)
}

func TestFullCommitGoesOn(t *testing.T) {
	kv := memkv.New()
	s, tab := mustOpen(t, kv, testOptions())
	const total = 150000
	ops := make([]company.Op, total)
	for i := range ops {
		ops[i] = upsert(false, company.Name, fmt.Sprintf("Company %d of something %x", i, i*7919), company.Domain, fmt.Sprintf("c%d.example.com", i), company.City, "Oslo",
			company.Description, fmt.Sprintf("%x %x %x", i*104729, i*15485863, i*32452843))
	}
	results := make([]company.Result, total)
	commits := 0
	for at := 0; at < total; commits++ {
		n := 0
		if err := tab.Update(context.Background(), func(tx *Tx) (err error) {
			n, err = tx.Apply(ops[at:], results[at:])
			return err
		}); err != nil {
			t.Fatal(err)
		}
		at += n
	}
	t.Log(commits, "commits")
	for i := range results {
		if results[i].Outcome != company.Created {
			t.Fatal(i, results[i])
		}
	}
	mustClose(t, s)
	begin := time.Now()
	s, tab = mustOpen(t, kv, testOptions())
	t.Log("open", time.Since(begin))
	if n, _ := tab.Count(context.Background()); n != total {
		t.Fatal(n)
	}
	n := 0
	begin = time.Now()
	_ = tab.Scan(context.Background(), Cursor{}, 1000, func(c company.Company, _ Cursor) error {
		if c.ID != results[1000+n].ID {
			t.Fatal(n)
		}
		n++
		return nil
	})
	t.Log("scan", time.Since(begin))
	if n != total-1000 {
		t.Fatal(n)
	}
	mustClose(t, s)
}
