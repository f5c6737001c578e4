//go:build race

package plugins

import "time"

// The race detector makes the compiler several times slower.
const testChildCPU = time.Minute
