// Package sandboxtest opens sandboxes for the tests of packages that use them.
// What plugins' own tests need without importing plugins is in plugintest.
package sandboxtest

import (
	"context"
	"os"
	"testing"
	"time"

	"sluice/plugins"
)

// Open gives a sandbox in a temporary folder, closed when the test ends. It starts
// the test's own binary with the argument child to compile; its TestMain then calls
// plugins.CompileChild.
func Open(tb testing.TB, child string) *plugins.Sandbox {
	tb.Helper()
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	c := plugins.DefaultConfig()
	c.ChildCPU = time.Minute // the race detector makes the compiler several times slower
	c.Dir, c.Child = tb.TempDir(), []string{exe, child}
	b, err := plugins.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return b
}
