//go:build !linux

package badgerkv

import "os"

// lock only opens the folder here: Badger says who has it.
func lock(dir string) (*os.File, error) { return os.Open(dir) }

// dropUnborn does nothing here: Badger refuses such a file once, and gives it a size.
func dropUnborn(string) error { return nil }
