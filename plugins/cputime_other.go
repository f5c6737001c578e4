//go:build !linux

package plugins

import "time"

// threadTime is the clock on the wall where a thread's own cannot be read.
func threadTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
