package host

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The house has five rooms, and nothing else stands beside them.
func TestTopLevel(t *testing.T) {
	visible := []string{"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "bench", "engine", "go.mod", "go.sum", "host", "plugins", "storage"}
	ignored, err := os.ReadFile("../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	made := strings.Fields(string(ignored)) // by a build or a run
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(made, "/"+name+"/") || slices.Contains(made, "/"+name) || slices.Contains(made, name) {
			continue
		}
		found = append(found, name)
	}
	if !slices.Equal(found, visible) {
		t.Errorf("the top level has\n%q, want\n%q", found, visible)
	}
}

// listed is one package as go list knows it.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// packages lists the module's packages.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir, cmd.Stderr = "..", os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []listed
	dec := json.NewDecoder(out)
	for {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d packages are listed", len(all))
	}
	return all
}

// in reports whether a package is one of those rooms, or below one.
func in(pkg string, rooms ...string) bool {
	for _, room := range rooms {
		if pkg == room || strings.HasPrefix(pkg, room+"/") {
			return true
		}
	}
	return false
}

// importRule says who alone may import what.
type importRule struct {
	what string // a package and those below it
	who  []string
}

func importRules() []importRule {
	leaves := []string{"batch", "fault", "company", "tuple", "leaktest"} // what every room may name
	rules := []importRule{
		// bench → host → {plugins, storage} → engine's leaves
		{"sluice/bench", []string{"sluice/bench"}},
		{"sluice/host", []string{"sluice/host", "sluice/bench"}},
		{"sluice/plugins", []string{"sluice/plugins", "sluice/host", "sluice/bench"}},
		{"sluice/storage", []string{"sluice/storage", "sluice/host", "sluice/bench"}},
		{"sluice/engine", []string{"sluice/engine", "sluice/host", "sluice/bench"}},
		// Libraries stay behind one door each.
		{"github.com/valyala/fasthttp", []string{"sluice/host"}},
		{"github.com/dgraph-io/badger", []string{"sluice/storage/badgerkv", "sluice/bench/peers"}},
		{"github.com/tetratelabs/wazero", []string{"sluice/plugins"}},
		{"github.com/alecthomas/kong", []string{"sluice/host/cli", "sluice/bench/cli"}},
		{"github.com/schollz/progressbar", []string{"sluice/host/cli"}},
	}
	for _, l := range leaves {
		rules = append(rules, importRule{"sluice/engine/" + l, []string{"sluice/engine", "sluice/plugins", "sluice/storage", "sluice/host", "sluice/bench"}})
	}
	return rules
}

// faults are the imports of a package that a rule forbids. The most exact rule
// about what is imported decides.
func (p listed) faults(rules []importRule) (bad []string) {
	for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
		var rule importRule
		for _, r := range rules {
			if in(imported, r.what) && len(r.what) > len(rule.what) {
				rule = r
			}
		}
		if rule.what != "" && !in(p.ImportPath, rule.who...) {
			bad = append(bad, imported)
		}
	}
	return bad
}

// Imports run bench → host → {plugins, storage} → engine's leaves.
func TestImportDirection(t *testing.T) {
	for _, p := range packages(t) {
		if bad := p.faults(importRules()); len(bad) > 0 {
			t.Errorf("%s must not import %q", p.ImportPath, bad)
		}
		var foreign []string // what is neither of the standard library nor of the module
		var own []string
		for _, i := range p.Imports {
			switch first, _, _ := strings.Cut(i, "/"); {
			case first == "sluice":
				own = append(own, i)
			case strings.Contains(first, "."):
				foreign = append(foreign, i)
			}
		}
		switch p.ImportPath {
		case "sluice/plugins/abi":
			if len(p.Imports) > 0 {
				t.Errorf("%s imports %q; guests import it, so it imports nothing", p.ImportPath, p.Imports)
			}
		case "sluice/engine/fault", "sluice/engine/tuple":
			if len(own)+len(foreign) > 0 {
				t.Errorf("%s imports %q %q; it stays with the standard library", p.ImportPath, own, foreign)
			}
		case "sluice/engine/batch":
			if len(foreign) > 0 || slices.ContainsFunc(own, func(i string) bool { return i != "sluice/engine/fault" }) {
				t.Errorf("%s imports %q %q; it stays with the standard library", p.ImportPath, own, foreign)
			}
		case "sluice/host/cli", "sluice/host/cmd/sluice":
		default:
			if slices.Contains(own, "sluice/host") {
				t.Errorf("%s imports host; only its own command line does", p.ImportPath)
			}
		}
		// The leaves don't know the engine that is above them.
		if in(p.ImportPath, "sluice/engine") && p.ImportPath != "sluice/engine" && p.ImportPath != "sluice/engine/enginetest" && slices.Contains(own, "sluice/engine") {
			t.Errorf("%s imports the engine", p.ImportPath)
		}
	}
}

// The rules can say no.
func TestImportRules(t *testing.T) {
	f := func(pkg, imported string, allowed bool) {
		t.Helper()
		if bad := (listed{ImportPath: pkg, Imports: []string{imported}}).faults(importRules()); (len(bad) == 0) != allowed {
			t.Errorf("%s imports %s: %q", pkg, imported, bad)
		}
	}
	f("sluice/plugins", "sluice/storage", false)
	f("sluice/storage/table", "sluice/plugins/meter", false)
	f("sluice/storage/table", "sluice/engine", false)
	f("sluice/storage/table", "sluice/engine/csvscan", false)
	f("sluice/storage/table", "sluice/engine/company", true)
	f("sluice/plugins", "sluice/engine/batch", true)
	f("sluice/engine", "sluice/host/intake", false)
	f("sluice/engine", "sluice/storage", false)
	f("sluice/host", "sluice/bench/dataset", false)
	f("sluice/storage", "github.com/dgraph-io/badger/v4", false)
	f("sluice/storage/badgerkv", "github.com/dgraph-io/badger/v4/options", true)
	f("sluice/host", "github.com/tetratelabs/wazero", false)
	f("sluice/bench", "github.com/valyala/fasthttp", false)
	f("sluice/host/intake", "github.com/valyala/fasthttp", true)
	f("sluice/engine", "net/http", true)
}
