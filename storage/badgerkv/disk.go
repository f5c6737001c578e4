package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// DiskUsage returns the bytes that the store's files take up on disk.
func (kv *KV) DiskUsage() (int64, error) {
	var sum int64
	err := filepath.WalkDir(kv.cfg.Dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		} else if err != nil {
			return err
		}
		sum += bytesOnDisk(info)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return 0, fmt.Errorf("sum up files: %w", err)
	}
	return sum, nil
}

// Backup writes one snapshot of what changed since a version, 0 for all, and
// returns the version to go on from.
func (kv *KV) Backup(ctx context.Context, w io.Writer, since uint64) (next uint64, err error) {
	leave, err := kv.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	snap := kv.snapshots.acquire()
	defer kv.snapshots.release(snap)
	stream := kv.db.NewStreamAt(snap.version)
	stream.SinceTs = since
	if _, err := stream.Backup(stoppable{ctx, w}, since); err != nil {
		return 0, fmt.Errorf("back up store: %w", err)
	}
	return snap.version, nil
}

// stoppable is a Writer that fails when ctx has ended.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

func (s stoppable) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}

// loadWrites is how many of Badger's write batches of a Load may be under way.
const loadWrites = 16

// Load fills an empty store from a backup. It must not be in use yet.
func (kv *KV) Load(r io.Reader) error {
	leave, err := kv.enter(context.Background())
	if err != nil {
		return err
	}
	defer leave()
	if kv.snapshots.current() != 0 {
		return errors.New("storage: a backup is loaded into an empty store only")
	}
	if err := kv.db.Load(r, loadWrites); err != nil {
		return fmt.Errorf("load backup: %w", err)
	}
	if kv.log.syncFailed.Load() {
		return fmt.Errorf("load backup: %w", errSync)
	}
	kv.snapshots.publish(kv.db.MaxVersion())
	return nil
}
