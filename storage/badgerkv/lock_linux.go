package badgerkv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// lock takes Badger's own lock of a folder, which its opening takes only after we
// have looked at the files: a process that lives removes tables and makes logs.
func lock(dir string) (*os.File, error) {
	folder, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return folder, nil // whose Close unlocks it
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrInUse
	}
	return nil, errors.Join(err, folder.Close())
}

// dropUnborn removes logs that are empty: a process was killed between making the
// file and giving it a size. Nothing can be in it, and Badger does not open with it.
func dropUnborn(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if end := filepath.Ext(file.Name()); end != ".vlog" && end != ".mem" {
			continue
		}
		info, err := file.Info()
		if err == nil && info.Size() == 0 {
			err = os.Remove(filepath.Join(dir, file.Name()))
		}
		if err != nil {
			return fmt.Errorf("remove an empty log: %w", err)
		}
	}
	return nil
}
