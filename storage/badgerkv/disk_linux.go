package badgerkv

import (
	"io/fs"
	"syscall"
)

// diskSpace returns the bytes that are free for us on the disk of dir, and all.
func diskSpace(dir string) (free, total uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}

// bytesOnDisk is less than a file's size where Badger keeps room for more.
func bytesOnDisk(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
