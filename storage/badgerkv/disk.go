package badgerkv

import (
	"errors"
	"fmt"
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
