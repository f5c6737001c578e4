package plugins

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childArg makes the test binary the child process that compiles.
const childArg = "-plugins.child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(CompileChild(os.Stdin, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}
