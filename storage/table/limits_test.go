package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"sluice/engine/company"
	"sluice/engine/tuple"
	"sluice/storage"
	"sluice/storage/memkv"
)

// Applying a batch allocates nothing a row once its memory is there.
func TestApplyAllocatesNothingPerRow(t *testing.T) {
	const rows = 4000
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	results := make([]company.Result, rows)
	apply(t, tab, benchOps(0, rows, true)...)
	f := func(name string, ops []company.Op) {
		t.Helper()
		err := tab.Update(context.Background(), func(tx *Tx) error {
			at := tx.save()
			n := testing.AllocsPerRun(5, func() {
				tx.restore(at)
				if n, err := tx.Apply(ops, results); err != nil || n < rows {
					panic(fmt.Sprint(n, err))
				}
				if err := tx.catchUp(); err != nil {
					panic(err)
				}
			})
			// Blocks that are read and keys of groups are made anew.
			if n > rows/20 {
				t.Errorf("%s: %v allocations for %d rows", name, n, rows)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	f("create", benchOps(rows, rows, false))
	f("update", benchOps(0, rows, true))
	f("skip", benchOps(0, rows, false))
}

// 500 scattered updates fit one commit however large the table is: the keys and
// bytes of a commit do not depend on it.
func TestScatteredUpdatesFitOneCommit(t *testing.T) {
	const rows, updates = 300_000, 500
	kv := &countingKV{KV: memkv.New()}
	s, tab := mustOpen(t, kv, testOptions())
	defer mustClose(t, s)
	ops, results := benchOps(0, rows, false), make([]company.Result, rows)
	applyAll(t, tab, ops, results)
	rnd := rand.New(rand.NewSource(1))
	var change []company.Op
	for range updates {
		change = append(change, company.Op{Kind: company.Modify, ID: results[rnd.Intn(rows)].ID, Patch: patch(company.City, "Rome")})
	}
	err := tab.Update(context.Background(), func(tx *Tx) error {
		if n, err := tx.Apply(change, make([]company.Result, updates)); err != nil || n < updates {
			return fmt.Errorf("%d applied, %w", n, err)
		}
		if tx.Rows() == 0 || tx.Rows() > updates || tx.keysUsed() > 20 || tx.Bytes() > 1<<20 {
			return fmt.Errorf("%d rows take %d keys and %d bytes", tx.Rows(), tx.keysUsed(), tx.Bytes())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Updates whose old rows are far more bytes than a commit takes are made, where what
// they become fits it.
func TestLargeRowsBecomeSmall(t *testing.T) {
	const rows = 1200
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	long := strings.Repeat("lorem ipsum ", 5000)
	var create, change []company.Op
	for i := range rows {
		domain := fmt.Sprintf("d%d.com", i)
		create = append(create, upsert(true, company.Domain, domain, company.Name, "N", company.Description, long))
		if len(create) == 200 {
			apply(t, tab, create...)
			create = create[:0]
		}
		change = append(change, upsert(true, company.Domain, domain, company.Description, "short"))
	}
	err := tab.Stream(context.Background(), func(tx *Tx) error {
		if n, err := tx.Apply(change, make([]company.Result, rows)); err != nil || n < rows {
			return fmt.Errorf("%d applied, %w", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tab.idleReaders(t) {
		if r > maxTxRaw/maxReaders {
			t.Errorf("%d bytes are kept for the next time", r)
		}
	}
}

// Updates of one company that are too many bytes to be made at once are made one by
// one: only the first changes anything.
func TestLargeRowUpdatedManyTimes(t *testing.T) {
	s, tab := mustOpen(t, memkv.New(), testOptions())
	defer mustClose(t, s)
	apply(t, tab, upsert(true, company.Domain, "d.com", company.Name, "N", company.Description, strings.Repeat("lorem ipsum ", 5000)))
	change := make([]company.Op, 1000)
	for i := range change {
		change[i] = upsert(true, company.Domain, "d.com", company.City, "Oslo")
	}
	err := tab.Stream(context.Background(), func(tx *Tx) error {
		if n, err := tx.Apply(change, make([]company.Result, len(change))); err != nil || n < len(change) {
			return fmt.Errorf("%d applied, %w", n, err)
		}
		if err := tx.catchUp(); err != nil || tx.Rows() != 1 {
			return fmt.Errorf("%d rows, %w", tx.Rows(), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// idleReaders is what the transaction that is kept for the next writer holds for
// old rows.
func (t *Table) idleReaders(tb testing.TB) (bytes []int) {
	tb.Helper()
	if err := t.writer.close(context.Background()); err != nil {
		tb.Fatal(err)
	}
	tx := t.set.takeTx(t)
	defer t.set.giveTx(tx)
	for i := range tx.later.readers {
		bytes = append(bytes, cap(tx.later.readers[i].news))
	}
	return bytes
}

// foldKV remembers the largest commit that has keys with prefix.
type foldKV struct {
	storage.KV
	prefix      []byte
	keys, bytes int
}

func (kv *foldKV) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	bytesOf, folds := 0, false
	for _, op := range ops {
		bytesOf += len(op.Key) + len(op.Value)
		folds = folds || bytes.HasPrefix(op.Key, kv.prefix)
	}
	if folds {
		kv.keys, kv.bytes = max(kv.keys, len(ops)), max(kv.bytes, bytesOf)
	}
	return kv.KV.Commit(ctx, ops, guards)
}

// A fold keeps to the size of a step however much it takes in at once: here into
// an index of ids that was empty.
func TestFoldOfManyChanges(t *testing.T) {
	const rows = 400_000
	kv := &foldKV{KV: memkv.New(), prefix: tableSpace("acme").section(sectIDs, 0)}
	s, tab := mustOpen(t, kv, testOptions())
	defer mustClose(t, s)
	ops, results := make([]company.Op, rows), make([]company.Result, rows)
	for i := range ops {
		ops[i] = upsert(true, company.Domain, fmt.Sprintf("d%d.com", i), company.Name, "N")
	}
	applyAll(t, tab, ops, results)
	if err := tab.Vacuum(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range ops {
		ops[i] = upsert(true, company.Domain, fmt.Sprintf("d%d.com", i), company.City, "Rome")
	}
	applyAll(t, tab, ops, results)
	if err := tab.Vacuum(context.Background()); err != nil {
		t.Fatal(err)
	}
	if kv.keys == 0 || kv.keys > 2*stepKeys || kv.bytes > stepBytes+stepBytes/4 {
		t.Errorf("a step of the fold has %d keys and %d bytes; one is %d and %d", kv.keys, kv.bytes, stepKeys, stepBytes)
	}
	sound(t, tab)
}

// A fn that finds no room among others runs again alone; one that has room
// nowhere is told.
func TestFullCommits(t *testing.T) {
	ctx, kv := context.Background(), memkv.New()
	s, tab := mustOpen(t, kv, testOptions())
	defer mustClose(t, s)
	noise := make([]byte, 60000)
	rnd := rand.New(rand.NewSource(1))
	big := func(i int) company.Op {
		for j := range noise {
			noise[j] = byte(rnd.Intn(256))
		}
		return upsert(false, company.Name, fmt.Sprint(i), company.Description, string(noise))
	}
	var ops []company.Op
	for i := range 200 {
		ops = append(ops, big(i))
	}
	results := make([]company.Result, len(ops))
	filled := 0
	if err := tab.Update(ctx, func(tx *Tx) (err error) {
		filled, err = tx.Apply(ops, results)
		if again, err := tx.Apply(ops[filled:], results[filled:]); again != 0 || err != nil {
			return fmt.Errorf("a full commit took %d more, %w", again, err)
		}
		tx.Put(tuple.New("acme", "job").String("j"), bytes.Repeat([]byte{1}, 200<<10)) // still has its share
		return err
	}); err != nil || filled == 0 || filled == len(ops) {
		t.Fatalf("%d of %d applied, %v", filled, len(ops), err)
	}
	// Four that each take most of a commit, held up so that they meet.
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() { done <- tab.Update(ctx, func(*Tx) error { close(held); <-release; return nil }) }()
	<-held
	runs := make([]int, 4)
	for w := range runs {
		go func() {
			done <- tab.Update(ctx, func(tx *Tx) error {
				runs[w]++
				n, err := tx.Apply(ops[:80], make([]company.Result, 80))
				if err == nil && n < 80 {
					err = fmt.Errorf("only %d fit", n)
				}
				return err
			})
		}()
	}
	close(release)
	for range len(runs) + 1 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n, err := tab.Count(ctx); err != nil || n != int64(filled+4*80) {
		t.Fatalf("%d companies, %v; runs %v", n, err, runs)
	}
	err := tab.Update(ctx, func(tx *Tx) error {
		tx.Put(tuple.New("acme", "job").String("k"), make([]byte, storage.MaxCommitBytes))
		return nil
	})
	if !errors.Is(err, storage.ErrTooLarge) {
		t.Fatalf("a record of 8 MB: %v", err)
	}
	sound(t, tab)
}

// Extra records commit with the rows or not at all.
func TestExtraRecords(t *testing.T) {
	ctx, kv := context.Background(), memkv.New()
	s, tab := mustOpen(t, kv, testOptions())
	defer mustClose(t, s)
	key := tuple.New("acme", "job").String("j")
	f := func(want string, fn func(tx *Tx) error) {
		t.Helper()
		_ = tab.Update(ctx, fn)
		value, _, err := kv.Get(ctx, key)
		if want == "" && !errors.Is(err, storage.ErrNotFound) || want != "" && (err != nil || string(value) != want) {
			t.Fatalf("stored %q, %v, want %q", value, err, want)
		}
	}
	f("1", func(tx *Tx) error { tx.Put(key, []byte("1")); return nil })
	f("1", func(tx *Tx) error { tx.Put(key, []byte("2")); return errors.New("no") })
	f("1", func(tx *Tx) error { tx.Delete(key); panic("no") })
	f("3", func(tx *Tx) error { tx.Put(key, []byte("2")); tx.Delete(key); tx.Put(key, []byte("3")); return nil })
	f("", func(tx *Tx) error { tx.Put(key, []byte("4")); tx.Delete(key); return nil })
}

func TestTenants(t *testing.T) {
	ctx, kv := context.Background(), memkv.New()
	s, tab := mustOpen(t, kv, testOptions())
	made := apply(t, tab, upsert(false, company.Name, "A", company.Domain, "a.com"))
	for _, tenant := range []string{"b\x00", "", "b"} {
		other, err := s.Table(ctx, tenant)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Get(ctx, made[0].ID); err == nil {
			t.Fatal("another tenant's id was found")
		}
		if _, err := other.ByDomain(ctx, []byte("a.com")); err == nil {
			t.Fatal("another tenant's domain was found")
		}
	}
	list, err := s.Tenants(ctx)
	if got := fmt.Sprintf("%q", list); err != nil || got != `["" "acme" "b" "b\x00"]` {
		t.Fatal(got, err)
	}
	mustClose(t, s)
	if _, err := s.Table(ctx, "late"); err == nil {
		t.Fatal("a closed set opened a table")
	}
}
