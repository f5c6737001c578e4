//go:build !race

package plugins

import "time"

const (
	testChildCPU = 8 * time.Second
	testSlowdown = 1
)
