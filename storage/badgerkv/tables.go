package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"

	"sluice/storage"
)

// Badger takes a table whose block has another checksum for one that ends there:
// keys are gone, or stand for what they were before, and the next compaction makes
// that last. So tables are read through before it opens them, and now and then.

// verifyTables reads the tables of a store that is not open.
func verifyTables(dir string, opts badger.Options) error {
	file, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a new store
	} else if err != nil {
		return err
	}
	manifest, _, err := badger.ReplayManifestFile(file, opts.ExternalMagicVersion, opts)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("read the list of tables: %w", err)
	}
	for id := range manifest.Tables { // others are what a crash left of a compaction
		err := verifyTable(id, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // of which Badger knows what to say
			return damagedTable(id, dir, err)
		}
	}
	return nil
}

// verifyTable reads a file, and maps none: a block that the disk does not give is
// then an error, where a map kills the process.
func verifyTable(id uint64, dir string) error {
	data, err := os.ReadFile(table.NewFilename(id, dir))
	if err != nil {
		return err
	}
	return sound(func() error {
		t, err := table.OpenInMemoryTable(data, id, &table.Options{ChkMode: options.NoVerification})
		if err != nil {
			return err
		}
		return t.VerifyChecksum()
	})
}

// sound makes an error of a panic: Badger trusts the lengths that it reads.
func sound(verify func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("its blocks make no sense: %.200v", p)
		}
	}()
	return verify()
}

func damagedTable(id uint64, dir string, err error) error {
	return fmt.Errorf("%w: table %s: %v; restore the last backup", storage.ErrDamaged, table.NewFilename(id, dir), err)
}

// verify reads the tables of the open store through, until ctx ends. What it finds
// ends all reads and commits.
func (kv *KV) verify(ctx context.Context) error {
	if found := kv.damaged.Load(); found != nil {
		return *found
	}
	began := time.Now()
	err := kv.verifyOpen(ctx)
	if ctx.Err() != nil && !errors.Is(err, storage.ErrDamaged) {
		return ctx.Err()
	}
	kv.verified = time.Now()
	kv.verifying = kv.verified.Sub(began)
	if err == nil {
		return nil
	}
	kv.cfg.Logger.Error("the store is damaged; it takes and gives no more", "error", err)
	kv.damaged.Store(&err)
	kv.commits.fail(err)
	return err
}

func (kv *KV) verifyOpen(ctx context.Context) error {
	for _, t := range kv.db.Tables() {
		if err := ctx.Err(); err != nil {
			return err
		}
		// A compaction takes a table off the list before it cuts the file.
		if err := verifyTable(t.ID, kv.cfg.Dir); err != nil && kv.lists(t.ID) {
			return damagedTable(t.ID, kv.cfg.Dir, err)
		}
	}
	return nil
}

func (kv *KV) lists(id uint64) bool {
	return slices.ContainsFunc(kv.db.Tables(), func(t badger.TableInfo) bool { return t.ID == id })
}

// watch is verify now and then: it takes a 200th of the time.
func (kv *KV) watch(ctx context.Context) error {
	kv.collecting.Lock()
	defer kv.collecting.Unlock()
	if time.Since(kv.verified) < 200*kv.verifying {
		return nil
	}
	return kv.verify(ctx)
}
