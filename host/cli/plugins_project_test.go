package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/plugins/sdk"
)

// TestPluginsInit holds that a project is what the SDK package says, in each
// language.
func TestPluginsInit(t *testing.T) {
	for _, lang := range sdk.Languages() {
		dir := filepath.Join(t.TempDir(), "My Plugin")
		run(nil, "", "plugins", "init", "--lang", lang.ID, dir).want(t, exitDone, dir+" is a plugin in "+lang.Title+". ", "sluice plugins build")
		files, err := lang.Files("my-plugin")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if got, err := os.ReadFile(filepath.Join(dir, f.Path)); err != nil || string(got) != string(f.Data) {
				t.Errorf("%s: %s: %v", lang.ID, f.Path, err)
			}
		}
		if found, err := sdk.Detect(os.DirFS(dir)); err != nil || found.ID != lang.ID {
			t.Errorf("%s: taken for %s: %v", lang.ID, found.ID, err)
		}
		run(nil, "", "plugins", "init", "--lang", lang.ID, dir).refused(t, dir+" is not empty; name a new folder")
	}
	odd := filepath.Join(t.TempDir(), "...x")
	made := decode[struct{ Name string }](t, run(nil, "", "plugins", "init", "--lang", "c", odd, "--json").want(t, exitDone))
	if made.Name != "x" {
		t.Errorf("%q", made.Name)
	}
	run(nil, "", "plugins", "init", "--lang", "c", filepath.Join(odd, "active")).
		refused(t, `"active" is reserved and cannot be a plugin's name; give another one with --name`)
	run(nil, "", "plugins", "init", "--lang", "c", filepath.Join(odd, "active"), "--name", "b").want(t, exitDone)
}

// TestPluginsBuildMissing holds that a missing tool is named, and what brings it.
func TestPluginsBuildMissing(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	run(nil, "", "plugins", "build", none).refused(t, "there is no folder "+none+"; sluice plugins init starts a project")
	empty := t.TempDir()
	run(nil, "", "plugins", "build", empty).refused(t, empty+" is no plugin's project: no go.mod, Cargo.toml, package.json or plugin.c is there; sluice plugins init starts one")
	t.Setenv("PATH", t.TempDir())
	f := func(lang, variable, want string) {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "p")
		run(nil, "", "plugins", "init", "--lang", lang, dir).want(t, exitDone)
		run([]string{variable + "=" + none}, "", "plugins", "build", dir).refused(t, want)
	}
	f("go", "GO", "Go projects are built with "+none+", which is not installed; install Go 1.24 or newer, from https://go.dev/dl or Debian's golang-go")
	f("c", "CLANG", "C projects are built with "+none+", which is not installed; install Debian's clang and lld")
	f("rust", "RUSTC", "Rust projects are built with "+none+" and its library for wasm32-unknown-unknown, which is not installed; "+
		"install Debian's rustc and libstd-rust-dev-wasm32, or with rustup: rustup target add wasm32-unknown-unknown")
	f("as", "X", "AssemblyScript projects are built with asc, which is not installed; run npm install in the project's folder, once "+
		"(Debian's npm and nodejs), or npm install -g assemblyscript@0.28.9")
}

// TestPluginsBuildFails holds that a compiler's own words reach the author.
func TestPluginsBuildFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	run(nil, "", "plugins", "init", "--lang", "go", dir).want(t, exitDone)
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { nope() }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(os.Environ(), "", "plugins", "build", dir).want(t, exitNotDone, "undefined: nope", "sluice: go build -buildmode=c-shared", "exit status 1")
	if _, err := os.Stat(filepath.Join(dir, sdk.Module)); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a module was left: %v", err)
	}
}
