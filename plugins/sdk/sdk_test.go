package sdk

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func paths(files []File) []string {
	var list []string
	for _, f := range files {
		list = append(list, f.Path)
	}
	slices.Sort(list)
	return list
}

func TestFiles(t *testing.T) {
	common := []string{".gitignore", "Makefile", "README.md", "testdata/companies.csv", "testdata/companies.txt", "sluice/README.md"}
	own := map[string][]string{
		"go": {"go.mod", "main.go", "main_test.go", "sluice/doc.go", "sluice/exports_wasip1.go", "sluice/job.go", "sluice/json.go",
			"sluice/memory.go", "sluice/native.go", "sluice/plugin.go", "sluice/row.go"},
		"rust": {"Cargo.toml", "plugin.rs", "sluice/Cargo.toml", "sluice/src/exports.rs", "sluice/src/job.rs", "sluice/src/json.rs",
			"sluice/src/lib.rs", "sluice/src/memory.rs", "sluice/src/row.rs", "sluice/src/text.rs"},
		"c": {"plugin.c", "sluice/sluice.h"},
		"as": {"package.json", "plugin.ts", "tsconfig.json", "sluice/exports.ts", "sluice/index.ts", "sluice/job.ts", "sluice/json.ts",
			"sluice/row.ts", "sluice/text.ts"},
	}
	for _, l := range Languages() {
		files, err := l.Files("my-plugin")
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Concat(common, own[l.ID])
		slices.Sort(want)
		if diff := cmp.Diff(want, paths(files)); diff != "" {
			t.Errorf("%s: %s", l.ID, diff)
		}
		named := false
		for _, f := range files {
			text := string(f.Data)
			if f.Path == l.Source {
				named = strings.Contains(text, `"my-plugin"`) || strings.Contains(text, `\"my-plugin\"`)
			}
			if strings.Contains(text, "PLUGIN_") || strings.Contains(text, "plugins/sdk") {
				t.Errorf("%s: %s is not filled in:\n%s", l.ID, f.Path, text)
			}
			if len(f.Data) == 0 {
				t.Errorf("%s: %s is empty", l.ID, f.Path)
			}
		}
		if !named {
			t.Errorf("%s: %s does not name the plugin", l.ID, l.Source)
		}
	}
}

// TestSources holds that a project's SDK is ours, byte for byte.
func TestSources(t *testing.T) {
	for _, l := range Languages() {
		files, err := l.Files("mine")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			rest, ok := strings.CutPrefix(f.Path, "sluice/")
			if !ok || rest == "README.md" {
				continue
			}
			ours, err := os.ReadFile(filepath.Join(l.sdk, rest))
			if err != nil {
				t.Fatal(err)
			}
			if string(ours) != string(f.Data) {
				t.Errorf("%s: %s is not the SDK's", l.ID, f.Path)
			}
		}
	}
}

// TestGoProject holds that a Go project is tested and built out of its own files
// alone.
func TestGoProject(t *testing.T) {
	l, _ := ByID("go")
	files, err := l.Files("mine")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOTOOLCHAIN=local")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", args[0], err, out)
		}
	}
	unformatted, err := exec.Command("gofmt", "-l", dir).CombinedOutput()
	if err != nil || len(unformatted) > 0 {
		t.Errorf("gofmt: %v %s", err, unformatted)
	}
}

func TestMakefile(t *testing.T) {
	f := func(id, want string) {
		t.Helper()
		l, ok := ByID(id)
		if !ok {
			t.Fatalf("no language %q", id)
		}
		if got := l.makefile(); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", id, got, want)
		}
	}
	f("go", "\tGOOS=wasip1 GOARCH=wasm GOWORK=off $(GO) build -buildmode=c-shared -trimpath -ldflags=-w -o plugin.wasm .\n")
	f("c", "\t$(CLANG) --target=wasm32 -O2 -nostdlib -ffreestanding -fvisibility=hidden -mbulk-memory -Wl,--no-entry -Wl,--strip-debug -o plugin.wasm plugin.c\n")
	f("as", "\t$(ASC) plugin.ts -o plugin.wasm -O3 --noAssert --runtime minimal --use abort= --exportStart _initialize\n")
	f("rust", "\t$(RUSTC) --edition 2021 --target wasm32-unknown-unknown -C opt-level=3 -C panic=abort --crate-type rlib --crate-name sluice -o libsluice.rlib sluice/src/lib.rs\n"+
		"\t$(RUSTC) --edition 2021 --target wasm32-unknown-unknown -C opt-level=3 -C panic=abort -C strip=debuginfo --crate-type cdylib --extern sluice=libsluice.rlib -o plugin.wasm plugin.rs\n")
}

func TestDetect(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		l, err := Detect(fstest.MapFS{file: {}})
		got := l.ID
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	f("go.mod", "go")
	f("Cargo.toml", "rust")
	f("package.json", "as")
	f("plugin.c", "c")
	f("go.mod/x", "no go.mod, Cargo.toml, package.json or plugin.c is there")
	f("main.py", "no go.mod, Cargo.toml, package.json or plugin.c is there")
	if _, ok := ByID("python"); ok {
		t.Error("there is no Python SDK")
	}
}
