package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sluice/engine"
	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage"
	"sluice/storage/memkv"
	"sluice/storage/spool"
	"sluice/storage/storagetest"
	"sluice/storage/table"
)

// faultRows is the CSV of a whole import: domains come again, every 50th row is
// bad, so that all counts are at work.
func faultRows(n int) string {
	var b strings.Builder
	b.WriteString("name,domain\n")
	for i := range n {
		fmt.Fprintf(&b, "Name %d,%s\n", i, faultDomain(i))
	}
	return b.String()
}

func faultDomain(i int) string {
	if i%50 == 49 {
		return "bad"
	}
	return fmt.Sprintf("c%d.example", i%300)
}

// faultModel is what the first n rows come to on a state: name by domain.
func faultModel(state map[string]string, n int) (after map[string]string, created, updated, failed uint64) {
	after = maps.Clone(state)
	for i := range n {
		d := faultDomain(i)
		if d == "bad" {
			failed++
			continue
		}
		if _, ok := after[d]; ok {
			updated++
		} else {
			created++
		}
		after[d] = fmt.Sprintf("Name %d", i)
	}
	return after, created, updated, failed
}

// faulty is a data folder under an engine whose calls may fail.
type faulty struct {
	t    *testing.T
	mem  storage.KV
	dir  string
	what string // is failing
}

// life is an engine on a faulty folder, from start to stop.
type life struct {
	*engine.Engine
	tables *table.Set
}

func (f *faulty) start(kv storage.KV, calls spool.Calls) (*life, error) {
	ctx := context.Background()
	tables, err := table.Open(ctx, kv, table.DefaultOptions())
	if err != nil {
		return nil, err
	}
	files, err := spool.Open(f.dir, spool.Options{MinFreeBytes: 1, Calls: calls})
	if err != nil {
		return nil, errors.Join(err, tables.Close(ctx))
	}
	cfg := engine.DefaultConfig()
	cfg.Workers, cfg.RunningJobs = 1, 1
	l := &life{engine.New(cfg, store{records{kv}, tables}, uploads{files}, nil, testLogger(f.t)), tables}
	if err := l.Start(ctx); err != nil {
		return nil, errors.Join(err, l.stop())
	}
	return l, nil
}

func (l *life) stop() error {
	ctx := context.Background()
	return errors.Join(l.Engine.Close(ctx), l.tables.Close(ctx))
}

// healthy starts where nothing fails.
func (f *faulty) healthy() *life {
	f.t.Helper()
	l, err := f.start(f.mem, noSync())
	f.must(err)
	return l
}

func (f *faulty) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatalf("%s: %v", f.what, err)
	}
}

// noSync leaves out what takes long and shows nothing here.
func noSync() spool.Calls {
	return spool.Calls{Sync: func(*os.File) error { return nil }, SyncDir: func(string) error { return nil }}
}

func (l *life) send(rows int) (*engine.Data, error) {
	u := l.NewUpload(engine.CSV)
	if _, err := u.Write([]byte(faultRows(rows))); err != nil {
		u.Abort()
		return nil, err
	}
	o := engine.DefaultOptions()
	o.UpdateExisting = true
	return l.Import(context.Background(), engine.Request{Tenant: "acme", KeyID: "k", Upload: u, Options: o})
}

// job reads a job past whatever fails; nil: there is none.
func (f *faulty) job(id string) *engine.Job {
	f.t.Helper()
	e := engine.New(engine.DefaultConfig(), store{records{f.mem}, nil}, nil, nil, testLogger(f.t))
	j, err := e.Job(context.Background(), "acme", id)
	if fault.CodeOf(err) == fault.NotFound {
		return nil
	}
	f.must(err)
	return j
}

// await waits for the end of a job, or for given.
func (f *faulty) await(id string, given func() bool) *engine.Job {
	f.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		j := f.job(id)
		if j != nil && j.Status.Ended() || given() {
			return j
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: job %s does not end: %+v", f.what, id, j)
		}
	}
}

// stored reads the table, which must be sound. The call that fails may be one of
// these; then the same is read again.
func (f *faulty) stored(l *life) map[string]string {
	f.t.Helper()
	got, err := f.read(l)
	if err != nil {
		got, err = f.read(l)
	}
	f.must(err)
	return got
}

func (f *faulty) read(l *life) (map[string]string, error) {
	f.t.Helper()
	ctx := context.Background()
	got := map[string]string{}
	tab, err := l.tables.Table(ctx, "acme")
	if err != nil {
		return nil, err
	}
	err = tab.Scan(ctx, table.Cursor{}, 0, func(c company.Company, _ table.Cursor) error {
		var v company.View
		if err := v.Decode(c.Record); err != nil {
			return err
		}
		domain := string(v.Text[company.Domain])
		if _, twice := got[domain]; twice {
			f.t.Errorf("%s: %s is stored twice", f.what, domain)
		}
		got[domain] = string(v.Text[company.Name])
		return nil
	})
	if err != nil {
		return nil, err
	}
	rep, err := l.tables.Check(ctx, "acme")
	if err == nil && len(rep.Problems) > 0 {
		err = fmt.Errorf("the table is damaged: %v", rep.Problems)
	}
	return got, err
}

// wants holds the table, and a job that has ended, to the model.
func (f *faulty) wants(l *life, before map[string]string, d *engine.Data) map[string]string {
	f.t.Helper()
	want, created, updated, failed := faultModel(before, int(d.RowCount))
	if d.CreatedCount != created || d.UpdatedCount != updated || d.FailedCount != failed || d.SkippedCount != 0 {
		f.t.Fatalf("%s: %s says %d created, %d updated, %d failed of %d; want %d, %d, %d", f.what, d.Status, d.CreatedCount,
			d.UpdatedCount, d.FailedCount, d.RowCount, created, updated, failed)
	}
	if got := f.stored(l); !maps.Equal(got, want) {
		f.t.Fatalf("%s: %d companies are stored that are not the %d of the model", f.what, len(got), len(want))
	}
	return want
}

// faultCase is how calls fail: which, how many, with what.
type faultCase struct {
	err  error
	rows int  // up to 500: at once; more: a job
	dies bool // all later calls fail too, as if the process ended there
}

// eachFault runs an import with the nth call failing, for every n until none does.
func eachFault(t *testing.T, c faultCase, open func(f *faulty, n int) (kv storage.KV, calls spool.Calls, fired func() bool)) {
	t.Helper()
	for n := 0; ; n++ {
		f := &faulty{t: t, mem: memkv.New(), dir: t.TempDir(), what: fmt.Sprintf("%d rows, call %d fails with %v, for ever %v", c.rows, n, c.err, c.dies)}
		l := f.healthy()
		_, err := l.send(40)
		f.must(err)
		before := f.wants(l, map[string]string{}, &engine.Data{RowCount: 40, CreatedCount: 40})
		f.must(l.stop())
		kv, calls, fired := open(f, n)
		if !f.through(kv, calls, fired, c, before) {
			t.Logf("%d calls failed in turn", n)
			return
		}
	}
}

// through sends an import through a folder that fails, and then another; it tells
// whether anything failed.
func (f *faulty) through(kv storage.KV, calls spool.Calls, fired func() bool, c faultCase, before map[string]string) bool {
	f.t.Helper()
	l, err := f.start(kv, calls)
	if err != nil {
		f.injected(err, c)
		l = f.healthy()
	}
	d, err := l.send(c.rows)
	after := before
	switch {
	case err != nil:
		f.injected(err, c)
	case d.Status == engine.Queued:
		j := f.await(d.JobID, func() bool { return c.dies && fired() })
		if j.Status == engine.Failed && (c.dies || errors.Is(c.err, fault.Overloaded)) {
			f.t.Fatalf("%s: the job failed: %+v", f.what, j.Failure)
		}
		if c.dies {
			f.must(l.stop())
			l = f.healthy()
			if j = f.await(d.JobID, func() bool { return false }); j.Status != engine.Completed || int(j.RowCount) != c.rows {
				f.t.Fatalf("%s: after a restart the job is %s after %d rows: %+v", f.what, j.Status, j.RowCount, j.Failure)
			}
		}
		after = f.wants(l, before, &j.Data)
	case c.dies: // it can't be read any more
		after, _, _, _ = faultModel(before, c.rows)
	default:
		after = f.wants(l, before, d)
	}
	if err := l.stop(); err != nil && !c.dies {
		f.injected(err, c)
	}
	// What is stored lasts, and takes the next import.
	l = f.healthy()
	if got := f.stored(l); !maps.Equal(got, after) {
		f.t.Fatalf("%s: %d companies are stored after a restart that are not the %d of the model", f.what, len(got), len(after))
	}
	d, err = l.send(60)
	f.must(err)
	f.wants(l, after, d)
	f.must(l.stop())
	return fired()
}

func (f *faulty) injected(err error, c faultCase) {
	f.t.Helper()
	if !errors.Is(err, c.err) {
		f.t.Fatalf("%s: %v", f.what, err)
	}
}

// dying is a KV of which no call succeeds any more, from the one on that failed.
type dying struct {
	*storagetest.Failing
	err error
}

func (d dying) Get(ctx context.Context, key []byte) ([]byte, uint64, error) {
	if d.Fired() {
		return nil, 0, d.err
	}
	return d.Failing.Get(ctx, key)
}

func (d dying) View(ctx context.Context, key []byte, fn func(value []byte) error) error {
	if d.Fired() {
		return d.err
	}
	return d.Failing.View(ctx, key, fn)
}

func (d dying) Scan(ctx context.Context, prefix, after []byte, fn func(key, value []byte) error) error {
	if d.Fired() {
		return d.err
	}
	return d.Failing.Scan(ctx, prefix, after, fn)
}

func (d dying) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	if d.Fired() {
		return d.err
	}
	return d.Failing.Commit(ctx, ops, guards)
}

// Whichever read or write of the store fails in an import, at once or queued, for
// once or from there on, what is stored is what the import says, a full disk fails
// no job, and a restart takes every promised job to its end.
func TestImportsFailEveryStoreCall(t *testing.T) {
	full := fault.New(fault.Overloaded, "The disk is full.")
	for _, c := range []faultCase{
		{err: storagetest.ErrInjected, rows: 400},
		{err: full, rows: 400},
		{err: storagetest.ErrInjected, rows: 700},
		{err: full, rows: 700},
		{err: storagetest.ErrInjected, rows: 400, dies: true},
		{err: storagetest.ErrInjected, rows: 700, dies: true},
	} {
		eachFault(t, c, func(f *faulty, n int) (storage.KV, spool.Calls, func() bool) {
			kv := storagetest.FailNth(f.mem, n)
			kv.Err = c.err
			if c.dies {
				return dying{kv, c.err}, noSync(), kv.Fired
			}
			return kv, noSync(), kv.Fired
		})
	}
}

// The same for whatever the spool does to the disk.
func TestImportsFailEverySpoolCall(t *testing.T) {
	for _, err := range []error{storagetest.ErrInjected, syscall.ENOSPC} {
		eachFault(t, faultCase{err: err, rows: 700}, func(f *faulty, n int) (storage.KV, spool.Calls, func() bool) {
			calls, fired := failingCalls(n, err)
			return f.mem, calls, fired
		})
	}
}

// failingCalls are a spool's calls of which the nth fails.
func failingCalls(n int, err error) (spool.Calls, func() bool) {
	var count atomic.Int64
	next := func() error {
		if count.Add(1) == int64(n)+1 {
			return err
		}
		return nil
	}
	real := spool.DefaultOptions().Calls
	return spool.Calls{
		Write: func(f *os.File, p []byte) (int, error) {
			if err := next(); err != nil {
				return 0, err
			}
			return real.Write(f, p)
		},
		Read: func(f *os.File, p []byte, off int64) (int, error) {
			if err := next(); err != nil {
				return 0, err
			}
			return real.Read(f, p, off)
		},
		Start:   func(*os.File, int64, int64) error { return next() },
		Sync:    func(*os.File) error { return next() },
		SyncDir: func(string) error { return next() },
		Space: func(dir string) (uint64, uint64, error) {
			if err := next(); err != nil {
				return 0, 0, err
			}
			return real.Space(dir)
		},
	}, func() bool { return count.Load() > int64(n) }
}
