//go:build race

package host

// raced tells whether the race detector is on.
const raced = true
