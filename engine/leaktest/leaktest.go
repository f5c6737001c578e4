// Package leaktest ends the tests of packages whose goroutines end a moment after
// the last test: connections that were closed, processes that were killed.
package leaktest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// looks is how often a goroutine is given time to end, half a second each.
const looks = 60

// Run runs the tests and returns the exit code: a failure also where goroutines
// are left. One that ends late, because the machine is slow, is no leak.
func Run(m *testing.M, options ...goleak.Option) int {
	if code := m.Run(); code != 0 {
		return code
	}
	var err error
	for range looks {
		if err = goleak.Find(options...); err == nil {
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
