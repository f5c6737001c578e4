package torture

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// mountDisk mounts a file system of a size in memory over dir, which takes root.
func mountDisk(dir string, bytes int) (*disk, error) {
	err := unix.Mount("sluice-torture", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%d,mode=0700", bytes))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("%w: %w", errNoDisk, err)
	} else if err != nil {
		return nil, fmt.Errorf("mount a small disk: %w", err)
	}
	return &disk{dir: dir, unmount: func() error { return unix.Unmount(dir, unix.MNT_DETACH) }}, nil
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
