package meter

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// goGuest compiles testdata/goguest.
func goGuest(tb testing.TB) []byte {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", file, "./testdata/goguest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build the guest: %v\n%s", err, out)
	}
	wasm, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return wasm
}

func cGuest(tb testing.TB) []byte {
	tb.Helper()
	wasm, err := os.ReadFile("testdata/work.wasm")
	if err != nil {
		tb.Fatal(err)
	}
	return wasm
}

// A work is a call of a guest's function.
type work struct {
	name string
	arg  uint64
}

func TestGuests(t *testing.T) {
	f := func(guest string, wasm []byte, works ...work) {
		t.Helper()
		out, info, err := Rewrite(wasm, DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if info.MemoryMaxPages != 1024 {
			t.Errorf("%s: memory grows to %d pages", guest, info.MemoryMaxPages)
		}
		var pairs []pair
		for _, e := range engines(t) {
			p := pair{e.name, e.start(t, wasm), e.start(t, out)}
			if info.HasInitialize {
				comparePairs(t, guest, []pair{p}, "_initialize", nil)
			}
			pairs = append(pairs, p)
		}
		for range 2 {
			for _, w := range works {
				comparePairs(t, guest+" "+w.name, pairs, w.name, []uint64{w.arg})
			}
		}
	}
	f("C", cGuest(t), work{"rows", 1}, work{"sieve", 10_000}, work{"fib", 15}, work{"sum", 10_000},
		work{"crc", 1000}, work{"matmul", 1}, work{"sort", 1})
	f("Go", goGuest(t), work{"sluice_v1_alloc", 1000}, work{"rows", 100}, work{"library", 200}, work{"deep", 1000}, work{"rows", 100})
}

// A Go guest that recurses without end is stopped before wazero's own limits.
func TestGoRecursion(t *testing.T) {
	out := mustRewrite(t, goGuest(t))
	for _, e := range engines(t) {
		g := e.start(t, out)
		if _, err := g.call("_initialize"); err != nil {
			t.Fatal(err)
		}
		if _, err := g.call("deep", 1<<30); !errors.Is(err, errStack) {
			t.Errorf("%s: got %v, want %v", e.name, err, errStack)
		}
	}
}
