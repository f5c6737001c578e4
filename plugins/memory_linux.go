package plugins

import "golang.org/x/sys/unix"

// Reserved space is not committed memory: without it, strict overcommit would
// count 64 MB for every small guest.
const mapNoReserve = unix.MAP_NORESERVE
