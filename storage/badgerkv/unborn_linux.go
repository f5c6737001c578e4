package badgerkv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dropUnborn removes logs that are empty: a process was killed between making the
// file and giving it a size. Nothing can be in it, and Badger does not open with it.
// Badger's own lock is held meanwhile: a process that lives makes such files too.
func dropUnborn(dir string) (err error) {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }() // which unlocks it
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil // Badger says who has it
	}
	files, err := folder.ReadDir(0)
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
