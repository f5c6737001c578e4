//go:build !linux

package badgerkv

// dropUnborn does nothing here: Badger refuses such a file once, and gives it a size.
func dropUnborn(string) error { return nil }
