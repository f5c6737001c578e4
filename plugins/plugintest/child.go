package plugintest

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// The race detector makes wazero's compiler ten times slower and its interpreter
// thirty times, so a test binary that has it lets a plain command compile. The
// command stands beside the binary, where its child finds it though it is told
// nothing. The tests of package plugins itself have the child in the binary.

// BuildChild builds the command where the race detector is on. remove is for the
// end of the tests.
func BuildChild() (remove func()) {
	if !raced {
		return func() {}
	}
	// wazero takes no native code of another version, and finds none in a test binary.
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-X github.com/tetratelabs/wazero/internal/version.version=dev",
		"-o", besides(), "sluice/plugins/plugintest/child")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build child: %v\n%s", err, text))
	}
	return func() { _ = os.Remove(besides()) }
}

// BecomeChild makes the command of this process; it returns where none was built.
func BecomeChild() {
	if raced {
		_ = syscall.Exec(besides(), os.Args[:1], os.Environ())
	}
}

func besides() string {
	exe, err := os.Executable()
	if err != nil {
		return os.Args[0] + ".child"
	}
	return exe + ".child"
}
