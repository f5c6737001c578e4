//go:build race

package plugins

import "time"

// The race detector makes the compiler and the host's functions several times slower.
const (
	testChildCPU = time.Minute
	testSlowdown = 10
)
