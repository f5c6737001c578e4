package table

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"sluice/engine/company"
	"sluice/storage/memkv"
	"sluice/storage/storagetest"
)

// Whoever looked domains up beside the writer has ended when Apply returns, all
// done or not: the commit is about to change what they look at.
func TestApplyEndsItsLookUps(t *testing.T) {
	const rows = 3 * probeAhead
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	create := make([]company.Op, rows)
	for i := range create {
		create[i] = upsert(false, company.Domain, fmt.Sprintf("d%d.com", i), company.Name, "N")
	}
	for _, ops := range [][]company.Op{create, shuffledUpdates(rows)} {
		results := make([]company.Result, rows)
		for at := 0; at < rows; {
			n := 0
			err := tab.Stream(context.Background(), func(tx *Tx) (err error) {
				if at%2 == 0 { // so that the commit is full in the middle of a run
					for i := 0; tx.Bytes() < txMaxBytes-reservedBytes-64<<10; i++ {
						tx.Put(fmt.Appendf(nil, "\x01extra%d", i), make([]byte, 32<<10))
					}
				}
				n, err = tx.Apply(ops[at:], results[at:])
				w := &tx.prober.work
				if w.ops != nil || len(w.done) > 0 || w.left.take() != noChunk {
					t.Error("look-ups are under way after Apply")
				}
				return err
			})
			if err != nil || n == 0 {
				t.Fatal(at, n, err)
			}
			at += n
		}
		for i, r := range results {
			want := company.Created
			if ops[i].Update {
				want = company.Updated
			}
			if r.Outcome != want || r.Err != nil {
				t.Fatalf("op %d: %+v", i, r)
			}
		}
	}
	if n, err := tab.Count(context.Background()); n != rows || err != nil {
		t.Fatal(n, err)
	}
}

// Whoever looks up beside the writer has ended when the writer gives its transaction
// away: who waits for the table's end waits for all of it.
func TestLookUpsEndWithTheWriter(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // alone, nobody would look up beside it
	s, tab := mustOpen(t, memkv.New(), testOptions())
	create := make([]company.Op, 2*probeChunk)
	for i := range create {
		create[i] = upsert(false, company.Domain, fmt.Sprintf("d%d.com", i), company.Name, "N")
	}
	var ended chan struct{}
	err := tab.Update(context.Background(), func(tx *Tx) error {
		_, err := tx.Apply(create, make([]company.Result, len(create)))
		ended = tx.prober.ended
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	select {
	case <-ended:
	default:
		t.Error("look-ups go on after the tables are closed")
	}
}

func shuffledUpdates(n int) []company.Op {
	ops := make([]company.Op, n)
	for i := range ops {
		ops[i] = upsert(true, company.Domain, fmt.Sprintf("d%d.com", i*7919%n), company.City, fmt.Sprint(i))
	}
	return ops
}

// An Apply whose look-ups can't read fails as a whole, whoever looked, and the next
// one is none the worse for it.
func TestFailedLookUps(t *testing.T) {
	const rows = probeAhead
	mem := memkv.New()
	s, tab := mustOpen(t, mem, testOptions())
	create := make([]company.Op, rows)
	for i := range create {
		create[i] = upsert(false, company.Domain, fmt.Sprintf("d%d.com", i), company.Name, "N")
	}
	apply(t, tab, create...)
	if err := tab.Vacuum(context.Background()); err != nil { // so that it is in buckets
		t.Fatal(err)
	}
	mustClose(t, s)
	failed := 0
	for n, fired := 0, true; fired; n++ {
		kv := storagetest.FailNth(mem, n)
		s, err := Open(context.Background(), kv, testOptions())
		if err != nil {
			continue
		}
		tab, err := s.Table(context.Background(), "acme")
		if err == nil {
			results := make([]company.Result, rows)
			once := func() error {
				return tab.Update(context.Background(), func(tx *Tx) error {
					_, err := tx.Apply(create, results)
					return err
				})
			}
			if err := once(); errors.Is(err, storagetest.ErrInjected) {
				failed++
			} else if err != nil {
				t.Fatal(err)
			}
			if err := once(); err != nil {
				t.Fatal(err)
			}
			for i, r := range results {
				if r.Outcome != company.Skipped {
					t.Fatalf("op %d: %+v", i, r)
				}
			}
		}
		fired = kv.Fired()
		mustClose(t, s)
	}
	if failed == 0 {
		t.Error("no look-up failed")
	}
}
