package plugintest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BuildGo compiles the Go guest in folder, which lies in this module, with the
// stock toolchain.
func BuildGo(tb testing.TB, folder string) []byte {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-o", out, "-buildmode=c-shared", "-ldflags=-w", "./"+folder)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build %s: %v\n%s", folder, err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return wasm
}
