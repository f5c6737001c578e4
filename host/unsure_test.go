package host

import (
	"context"
	"fmt"
	"maps"
	"os"
	"sync/atomic"
	"testing"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/storage"
	"sluice/storage/memkv"
	"sluice/storage/storagetest"
)

// unsure is a KV of which one commit fails and is there all the same once the store
// is opened again; until then no other is taken.
type unsure struct {
	storage.KV
	left atomic.Int64 // commits before that one
}

func (u *unsure) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	switch n := u.left.Add(-1); {
	case n >= 0:
		return u.KV.Commit(ctx, ops, guards)
	case n < -1:
		return fault.New(fault.Overloaded, "The store takes no writes since one failed.")
	}
	if err := u.KV.Commit(ctx, ops, guards); err != nil {
		return err
	}
	return storagetest.ErrInjected
}

// Whichever commit of an import fails and is found done at the next start, a job
// that is there then has its upload, and comes to its end.
func TestCommitsOfUnknownOutcome(t *testing.T) {
	kept := 0
	for n := int64(0); ; n++ {
		f := &faulty{t: t, mem: memkv.New(), dir: t.TempDir(), what: fmt.Sprintf("commit %d", n)}
		l := f.healthy()
		_, err := l.send(40)
		f.must(err)
		before := f.wants(l, map[string]string{}, &engine.Data{RowCount: 40, CreatedCount: 40})
		f.must(l.stop())

		kv := &unsure{KV: f.mem}
		kv.left.Store(n)
		l, err = f.start(kv, noSync())
		var d *engine.Data
		if err == nil {
			if d, err = l.send(700); err == nil {
				f.await(d.JobID, func() bool { return kv.left.Load() < 0 })
			}
			_ = l.stop() // which may be what fails
		}
		fired := kv.left.Load() < 0

		l = f.healthy()
		jobs, _, listErr := l.Jobs(context.Background(), "acme", "", 10)
		f.must(listErr)
		after := before
		for _, j := range jobs {
			if j = f.await(j.JobID, func() bool { return false }); j.Status != engine.Completed {
				f.t.Fatalf("%s: the job is %s: %+v", f.what, j.Status, j.Failure)
			}
			if int(j.RowCount) == 700 {
				after = f.wants(l, before, &j.Data)
				if d == nil {
					kept++
				}
			}
		}
		if got := f.stored(l); !maps.Equal(got, after) {
			t.Fatalf("%s: %d companies are stored that are not the %d of the model", f.what, len(got), len(after))
		}
		f.must(l.stop())
		if left, err := countFiles(f.dir); left != 0 || err != nil {
			t.Fatalf("%s: %d uploads are left (%v)", f.what, left, err)
		}
		if !fired {
			break
		}
	}
	if kept == 0 {
		t.Fatal("no job was found that nobody was told of")
	}
}

func countFiles(dir string) (int, error) {
	files, err := os.ReadDir(dir)
	return len(files), err
}
