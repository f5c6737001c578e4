package plugins

import "golang.org/x/sys/unix"

// Reserved space is not committed memory: without it, strict overcommit would
// count 64 MB for every small guest.
const mapNoReserve = unix.MAP_NORESERVE

// adviseMemory asks for large pages: a Go guest touches 3 MB before it does
// anything, and 750 page faults are half of what its start takes.
func adviseMemory(all []byte) { _ = unix.Madvise(all, unix.MADV_HUGEPAGE) }
