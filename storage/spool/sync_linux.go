package spool

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// syncData leaves out the times of the file, which fsync would write too.
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// startData has the kernel begin to write a part of the file to the disk. Where it
// can't, or may not, the sync at the end does it all.
func startData(f *os.File, off, n int64) error {
	for {
		err := unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission):
			return nil
		default:
			return os.NewSyscallError("sync_file_range", err)
		}
	}
}
