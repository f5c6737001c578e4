//go:build unix

package plugins

import "golang.org/x/sys/unix"

// limitSelf bounds the process's processor time and memory. Past the first the
// kernel kills it; past the second Go's runtime ends it.
func limitSelf(seconds uint64) error {
	if err := unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: seconds, Max: seconds}); err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: childMemory, Max: childMemory})
}
