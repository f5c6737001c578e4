package badgerkv

import (
	"io/fs"
	"syscall"
)

// bytesOnDisk is less than a file's size where Badger keeps room for more.
func bytesOnDisk(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
