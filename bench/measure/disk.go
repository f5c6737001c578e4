package measure

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// DiskBytes is what a folder takes on the disk: allocated blocks, so that a
// sparse file counts as what it holds. Files that vanish meanwhile are no error.
func DiskBytes(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info os.FileInfo
			if info, err = entry.Info(); err == nil {
				total += allocated(info)
			}
		}
		if errors.Is(err, fs.ErrNotExist) && path != dir {
			return nil
		}
		return err
	})
	return total, err
}

// SettleDisk waits until nothing that was written before is still on its way to a
// disk.
func SettleDisk() { syscall.Sync() }

func allocated(info os.FileInfo) int64 {
	const blockBytes = 512 // of st_blocks, whatever the file system's own
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(s.Blocks) * blockBytes
	}
	return info.Size()
}
