package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"sluice/engine"
	"sluice/host/backup"
)

// restoring is the ending of the folders that are being filled. They lose it last
// of all, so that no server takes half a restore for its data.
const restoring = ".restoring"

// Restore makes a data folder of backups: a full one, then those that build upon
// it, one upon the other. The folder must be empty or not there. What was restored
// is checked as Check does, and refused if it is not sound.
//
// Keys are in a backup only as hashes, so the folder gets an admin key of its own
// beside those that were there.
func Restore(ctx context.Context, data string, from []io.Reader, log *slog.Logger) (rep *CheckReport, err error) {
	if err := makeEmpty(data); err != nil {
		return nil, err
	}
	storeDir, spoolDir := filepath.Join(data, storeFolder), filepath.Join(data, spoolFolder)
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(storeDir+restoring), os.RemoveAll(spoolDir+restoring),
				remove(filepath.Join(data, AdminKeyFile)))
		}
	}()
	if err := fill(ctx, data, storeDir+restoring, spoolDir+restoring, from, log); err != nil {
		return nil, err
	}
	if rep, err = checkFolder(ctx, storeDir+restoring, spoolDir+restoring, log); err != nil {
		return nil, fmt.Errorf("check what was restored: %w", err)
	}
	if rep.Data = data; !rep.Sound() {
		return rep, fmt.Errorf("what was restored is damaged, so it was removed: %s", rep.Problems[0].Text)
	}
	for _, dir := range []string{spoolDir, storeDir} { // a server looks for the store
		if err := os.Rename(dir+restoring, dir); err != nil {
			return nil, err
		}
	}
	return rep, syncFolder(data)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// makeEmpty makes the folder, unless it is there and empty.
func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read data folder: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("the folder %s is not empty (it has %s); restore into a new one", dir, entries[0].Name())
	}
	return nil
}

// fill restores the backups one after the other.
func fill(ctx context.Context, data, storeDir, spoolDir string, from []io.Reader, log *slog.Logger) (err error) {
	kv, uploads, err := makeFolder(storeDir, spoolDir, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kv.Close()) }()
	var base *backup.Header
	for i, in := range from {
		r, err := backup.NewReader(in)
		if err == nil {
			_, err = backup.Restore(ctx, backup.Target{KV: kv, Uploads: uploads}, base, r)
		}
		if err != nil {
			return fmt.Errorf("backup %d: %w", i+1, err)
		}
		base = &r.Header
	}
	if err := (records{kv}).Write(ctx, []engine.Change{{Key: storeIDKey()}}); err != nil {
		return err
	}
	keys := newKeyring(records{kv}, DefaultConfig())
	if err := keys.addAdmin(ctx, data); err != nil {
		return fmt.Errorf("make admin key: %w", err)
	}
	return nil
}
