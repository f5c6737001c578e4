//go:build !linux

package cli

// adviseHeap does nothing where large pages are not asked for.
func adviseHeap(int) {}
