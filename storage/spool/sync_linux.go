package spool

import (
	"errors"
	"os"
	"syscall"
)

// syncData leaves out the times of the file, which fsync would write too.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
