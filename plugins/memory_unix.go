//go:build unix

package plugins

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// mappedMemory is a guest's memory outside Go's heap: address space for all that
// it may ever grow to, of which only touched pages cost anything. The collector
// doesn't count it, growing never copies, and Free gives it back at once.
type mappedMemory struct{ all []byte }

func allocateMemory(_, most uint64) experimental.LinearMemory {
	if most == 0 {
		return &mappedMemory{}
	}
	all, err := unix.Mmap(-1, 0, int(most), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|mapNoReserve)
	if err != nil {
		return &heapMemory{most: most} // out of address space: slower, and still bounded
	}
	adviseMemory(all)
	return &mappedMemory{all: all}
}

func (m *mappedMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		return nil
	}
	return m.all[:size]
}

func (m *mappedMemory) Free() {
	if m.all != nil {
		_ = unix.Munmap(m.all)
		m.all = nil
	}
}
