package badgerkv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"

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
		path := table.NewFilename(id, dir)
		err := sound(func() error { return verifyTable(path) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // of which Badger knows what to say
			return damagedTable(path, err)
		}
	}
	return nil
}

func verifyTable(path string) error {
	file, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	t, err := table.OpenTable(file, table.Options{ChkMode: options.NoVerification})
	if err != nil {
		return err
	}
	return errors.Join(t.VerifyChecksum(), t.Close(-1))
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

func damagedTable(what string, err error) error {
	return fmt.Errorf("%w: table %s: %v; restore the last backup", storage.ErrDamaged, what, err)
}

// verify reads the tables of the open store through. What it finds ends all reads
// and commits.
func (kv *KV) verify() error {
	if found := kv.damaged.Load(); found != nil {
		return *found
	}
	began := time.Now()
	err := sound(kv.db.VerifyChecksum)
	kv.verified = time.Now()
	kv.verifying = kv.verified.Sub(began)
	if err == nil {
		return nil
	}
	err = damagedTable("in "+kv.cfg.Dir, err)
	kv.cfg.Logger.Error("the store is damaged; it takes and gives no more", "error", err)
	kv.damaged.Store(&err)
	kv.commits.fail(err)
	return err
}

// watch is verify now and then: it takes a 200th of the time.
func (kv *KV) watch() error {
	kv.collecting.Lock()
	defer kv.collecting.Unlock()
	if time.Since(kv.verified) < 200*kv.verifying {
		return nil
	}
	return kv.verify()
}
