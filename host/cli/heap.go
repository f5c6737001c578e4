package cli

import (
	"math"
	"runtime/debug"
)

const (
	// heapLimit is where the collector works harder rather than let the heap grow:
	// an import's garbage would otherwise take as much as what is in use. It is no
	// bound on what is in use, which caches and flags keep below it.
	heapLimit = 384 << 20

	// largePages is how much of the heap is asked to be of large pages: what an
	// import of a million rows takes.
	largePages = 192 << 20
)

// prepareHeap sets the collector up for a server. GOMEMLIMIT goes before.
func prepareHeap() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(heapLimit)
	}
	adviseHeap(largePages)
}
