package host

import (
	"context"
	"fmt"
	"testing"

	"sluice/engine/company"
	"sluice/storage/table"
)

// fill creates n companies; every tenth is in industry "rare", but the last 100
// are none of them.
func (c tenant) fill(n int) {
	c.tb.Helper()
	t, err := c.backend.tables.Table(context.Background(), "acme")
	if err != nil {
		c.tb.Fatal(err)
	}
	for from := 0; from < n; from += 1000 {
		var ops []company.Op
		for i := from; i < min(n, from+1000); i++ {
			var b company.Builder
			b.Text[company.Name] = fmt.Appendf(nil, "c%d", i)
			if i%10 == 0 && i < n-100 {
				b.Text[company.Industry] = []byte("rare")
			}
			ops = append(ops, company.Op{Kind: company.Create, Patch: b.Append(nil)})
		}
		err := t.Update(context.Background(), func(tx *table.Tx) error {
			n, err := tx.Apply(ops, make([]company.Result, len(ops)))
			if err == nil && n < len(ops) {
				err = fmt.Errorf("%d of %d fit", n, len(ops))
			}
			return err
		})
		if err != nil {
			c.tb.Fatal(err)
		}
	}
}

// Rule 2.29: a filtered list looks at a bounded number of companies: past that
// the total is null and a page may be short, but the cursor leads to all.
func TestFilterIsBounded(t *testing.T) {
	c := startServer(t).tenant("acme")
	const n = maxFilterScan + 2000
	c.fill(n)
	if p := c.list("?per_page=1"); *p.Meta.Total != n {
		t.Fatalf("total %d", *p.Meta.Total)
	}
	if p := c.list("?per_page=1&page=20001"); p.names() != "c20000" {
		t.Fatalf("%q", p.names())
	}
	seen, pages := 0, 0
	next := "?industry=rare&per_page=100"
	for {
		p := c.list(next)
		seen += len(p.Data)
		pages++
		if p.Meta.Total != nil {
			t.Fatalf("page %d: total %d", pages, *p.Meta.Total)
		}
		if p.Meta.NextCursor == nil {
			break
		}
		next = "?industry=rare&per_page=100&cursor=" + *p.Meta.NextCursor
	}
	if want := (n - 100) / 10; seen != want {
		t.Fatalf("%d seen, want %d", seen, want)
	}
	// Nothing matches within the bound: an empty page that goes on.
	p := c.list("?search=c21999")
	if len(p.Data) != 0 || p.Meta.NextCursor == nil || p.Meta.Total != nil {
		t.Fatalf("%+v", p)
	}
	if p = c.list("?search=c21999&cursor=" + *p.Meta.NextCursor); p.names() != "c21999" || p.Meta.NextCursor != nil {
		t.Fatalf("%q, %+v", p.names(), p.Meta)
	}
}
