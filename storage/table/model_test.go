package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"time"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage/memkv"
)

// model is what a table should be: a list in order, by plain means.
type model struct {
	rows   []*modelRow // as created, moved ones last
	merger company.Merger
}

type modelRow struct {
	id               company.ID
	record           company.Record
	created, updated int64
}

func (m *model) clone() *model {
	c := &model{}
	for _, r := range m.rows {
		d := *r
		c.rows = append(c.rows, &d)
	}
	return c
}

func (m *model) byDomain(d []byte) *modelRow {
	if len(d) == 0 {
		return nil
	}
	for _, r := range m.rows {
		if bytes.Equal(r.record.Domain(), d) {
			return r
		}
	}
	return nil
}

func (m *model) byID(id company.ID) *modelRow {
	for _, r := range m.rows {
		if r.id == id {
			return r
		}
	}
	return nil
}

// want is an outcome; the id of a created company is not known before.
type want struct {
	outcome company.Outcome
	code    fault.Code
	row     *modelRow
}

func (m *model) apply(op company.Op, now int64) want {
	switch op.Kind {
	case company.Upsert, company.Create:
		r := m.byDomain(op.Patch.Domain())
		if r == nil {
			if len(bytes.TrimSpace(text(op.Patch.Record(), company.Name))) == 0 {
				return want{code: fault.Required}
			}
			record, err := m.merger.Apply(nil, nil, op.Patch)
			if err != nil {
				return want{code: fault.CodeOf(err)}
			}
			r = &modelRow{record: record, created: now, updated: now}
			m.rows = append(m.rows, r)
			return want{outcome: company.Created, row: r}
		}
		if op.Kind == company.Create {
			return want{code: fault.Conflict, row: r}
		}
		if !op.Update {
			return want{outcome: company.Skipped, row: r}
		}
		var v, old company.View
		_ = v.Decode(op.Patch.Record())
		_ = old.Decode(r.record)
		if op.Patch.Clears(company.Name) || v.Text[company.Name] != nil && blank(v.Text[company.Name]) {
			var b company.Builder
			b.View = v
			b.Text[company.Name] = old.Text[company.Name]
			for f := company.Field(0); int(f) < company.Fields; f++ {
				if op.Patch.Clears(f) && f != company.Name {
					b.Clear(f)
				}
			}
			op.Patch = b.Append(nil)
		}
		return m.change(r, op.Patch, now)
	case company.Modify:
		r := m.byID(op.ID)
		if r == nil {
			return want{code: fault.NotFound}
		}
		if other := m.byDomain(op.Patch.Domain()); other != nil && other != r {
			return want{code: fault.Conflict, row: other}
		}
		return m.change(r, op.Patch, now)
	default:
		r := m.byID(op.ID)
		if r == nil {
			return want{code: fault.NotFound}
		}
		m.rows = slices.DeleteFunc(m.rows, func(x *modelRow) bool { return x == r })
		return want{outcome: company.Deleted, row: r}
	}
}

func (m *model) change(r *modelRow, p company.Patch, now int64) want {
	record, err := m.merger.Apply(nil, r.record, p)
	if err != nil {
		return want{code: fault.CodeOf(err), row: r}
	}
	if !bytes.Equal(record, r.record) {
		r.record, r.updated = record, now
		i := slices.Index(m.rows, r)
		m.rows = append(slices.Delete(m.rows, i, i+1), r)
	}
	return want{outcome: company.Updated, row: r}
}

// check compares the results of ops with the model's and gives new rows their ids.
func (m *model) check(t *testing.T, ops []company.Op, results []company.Result, now int64) {
	t.Helper()
	for i, op := range ops {
		w, r := m.apply(op, now), results[i]
		code := fault.Code("")
		if r.Err != nil {
			code = r.Err.Code
		}
		if r.Outcome != w.outcome || code != w.code {
			t.Fatalf("op %d %+v: %v %v, want %v %v", i, op, r.Outcome, r.Err, w.outcome, w.code)
		}
		switch {
		case r.Outcome == company.Created:
			w.row.id = r.ID
		case w.row != nil && r.ID != w.row.id:
			t.Fatalf("op %d %+v: id %x, want %x", i, op, r.ID, w.row.id)
		}
	}
}

// ops makes random ops over few domains, so that they meet.
func randomOps(rnd *rand.Rand, m *model, n int) []company.Op {
	domains := 2 + len(m.rows) + rnd.Intn(40)
	ops := make([]company.Op, n)
	for i := range ops {
		var b company.Builder
		if rnd.Intn(8) > 0 {
			b.Text[company.Domain] = fmt.Appendf(nil, "d%d.com", rnd.Intn(domains))
		} else if rnd.Intn(4) == 0 {
			b.Clear(company.Domain)
		}
		switch rnd.Intn(12) {
		case 0:
		case 1:
			b.Text[company.Name] = []byte(" ")
		case 2:
			b.Clear(company.Name)
		default:
			b.Text[company.Name] = fmt.Appendf(nil, "N%d", rnd.Intn(5))
		}
		if rnd.Intn(3) == 0 {
			b.AddTag(fmt.Appendf(nil, "t%d", rnd.Intn(130)))
		}
		if rnd.Intn(20) == 0 {
			for range 60 {
				b.AddTag(fmt.Appendf(nil, "t%d", rnd.Intn(130)))
			}
		}
		if rnd.Intn(10) == 0 {
			b.Text[company.Description] = bytes.Repeat([]byte{'a' + byte(rnd.Intn(26))}, rnd.Intn(3000))
		}
		op := &ops[i]
		op.Patch = b.Append(nil)
		switch rnd.Intn(8) {
		case 0:
			op.Kind = company.Create
		case 1, 2:
			op.Kind = company.Modify
		case 3:
			op.Kind = company.Delete
		default:
			op.Update = rnd.Intn(2) == 0
		}
		if op.Kind == company.Modify || op.Kind == company.Delete {
			rnd.Read(op.ID[:])
			if len(m.rows) > 0 && rnd.Intn(20) > 0 {
				op.ID = m.rows[rnd.Intn(len(m.rows))].id
			}
		}
	}
	return ops
}

// agree compares the whole table with the model.
func (m *model) agree(t *testing.T, tab *Table) {
	t.Helper()
	ctx := context.Background()
	if n, err := tab.Count(ctx); err != nil || n != int64(len(m.rows)) {
		t.Fatalf("%d companies, %v, want %d", n, err, len(m.rows))
	}
	i := 0
	err := tab.Scan(ctx, Cursor{}, 0, func(c company.Company, _ Cursor) error {
		if i >= len(m.rows) {
			return errors.New("too many")
		}
		if w := m.rows[i]; !w.same(c) {
			return fmt.Errorf("row %d is %x %q, want %x %q", i, c.ID, c.Record, w.id, w.record)
		}
		i++
		return nil
	})
	if err != nil || i != len(m.rows) {
		t.Fatalf("scan: %v after %d of %d", err, i, len(m.rows))
	}
	for _, w := range m.rows {
		if c, err := tab.Get(ctx, w.id); err != nil || !w.same(c) {
			t.Fatalf("get %x: %+v, %v, want %+v", w.id, c, err, w)
		}
		if d := w.record.Domain(); len(d) > 0 {
			if c, err := tab.ByDomain(ctx, d); err != nil || !w.same(c) {
				t.Fatalf("by domain %s: %+v, %v, want %+v", d, c, err, w)
			}
		}
	}
	sound(t, tab)
}

func (r *modelRow) same(c company.Company) bool {
	return r.id == c.ID && bytes.Equal(r.record, c.Record) && r.created == c.Created && r.updated == c.Updated
}

func sound(t testing.TB, tab *Table) {
	t.Helper()
	rep, err := tab.Check(context.Background())
	if err != nil || len(rep.Problems) > 0 {
		t.Fatalf("check: %v, %d problems: %v", err, len(rep.Problems), rep.Problems)
	}
}

func seeds(t *testing.T, n int, f func(t *testing.T, seed int64)) {
	base := time.Now().UnixNano() % 1e9
	for i := range n {
		seed := base + int64(i)
		if i < n/2 {
			seed = int64(i)
		}
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { f(t, seed) })
	}
}

// Random histories against the model: many fn a commit, some of which fail or
// panic, folds and vacuum on the way, reopened now and then.
func TestModel(t *testing.T) {
	n := 40
	if testing.Short() {
		n = 8
	}
	seeds(t, n, func(t *testing.T, seed int64) {
		rnd := rand.New(rand.NewSource(seed))
		kv, m, now := memkv.New(), &model{}, int64(1)
		o := Options{CacheBytes: 1 << (10 + rnd.Intn(12)), DeltaRows: 1 << rnd.Intn(11), Vacuum: rnd.Intn(2) == 0}
		o.Now = func() time.Time { return time.UnixMilli(now) }
		s, tab := mustOpen(t, kv, o)
		maxOps := 1 << rnd.Intn(9)
		for step := range 60 {
			now++
			ops := randomOps(rnd, m, 1+rnd.Intn(maxOps))
			results := make([]company.Result, len(ops))
			mishap := rnd.Intn(6)
			keep, wrong := m.clone(), errors.New("wrong")
			err := tab.Update(context.Background(), func(tx *Tx) error {
				if n, err := tx.Apply(ops, results); err != nil || n < len(ops) {
					return fmt.Errorf("%d of %d applied: %w", n, len(ops), err)
				}
				switch mishap {
				case 0:
					return wrong
				case 1:
					panic("oh")
				}
				return nil
			})
			switch {
			case mishap == 0 && errors.Is(err, wrong), mishap == 1 && err != nil:
				m.check(t, ops, results, now)
				m = keep
			case mishap > 1 && err == nil:
				m.check(t, ops, results, now)
			default:
				t.Fatalf("step %d: %v", step, err)
			}
			switch rnd.Intn(12) {
			case 0:
				if err := tab.Vacuum(context.Background()); err != nil {
					t.Fatal(err)
				}
			case 1:
				mustClose(t, s)
				s, tab = mustOpen(t, kv, o)
			case 2:
				m.agree(t, tab)
			}
		}
		m.agree(t, tab)
		mustClose(t, s)
		s, tab = mustOpen(t, kv, o)
		m.agree(t, tab)
		if err := tab.Vacuum(context.Background()); err != nil {
			t.Fatal(err)
		}
		m.agree(t, tab)
		mustClose(t, s)
	})
}
