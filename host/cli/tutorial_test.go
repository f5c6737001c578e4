package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tutorial reads the commands of plugins/README.md's tutorial, as they stand there:
// indented lines. The one that names a JOB is for a job that went wrong.
func tutorial(tb testing.TB) []string {
	tb.Helper()
	page, err := os.ReadFile("../../plugins/README.md")
	if err != nil {
		tb.Fatal(err)
	}
	_, part, ok := strings.Cut(string(page), "\n## From nothing to imported rows\n")
	if !ok {
		tb.Fatal("plugins/README.md has no tutorial")
	}
	part, _, _ = strings.Cut(part, "\n## ")
	var commands []string
	for line := range strings.Lines(part) {
		if command, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    "); ok && !strings.Contains(command, " JOB ") {
			commands = append(commands, command)
		}
	}
	return commands
}

// TestTutorial follows the tutorial to the letter with the real binary, from an
// empty folder. SLUICE_TUTORIAL=go,rust,c,as does so in the languages whose
// toolchains are there, too.
func TestTutorial(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "sluice"), "sluice/host/cmd/sluice")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	commands := tutorial(t)
	if len(commands) < 10 {
		t.Fatalf("the tutorial has only the commands %q", commands)
	}
	languages := os.Getenv("SLUICE_TUTORIAL")
	if languages == "" {
		languages = "go"
	}
	for _, lang := range strings.Split(languages, ",") {
		t.Run(lang, func(t *testing.T) { followTutorial(t, bin, lang, commands) })
	}
}

func followTutorial(t *testing.T, bin, lang string, commands []string) {
	s := startServer(t)
	script := strings.ReplaceAll(strings.Join(commands, "\n"), "--lang go ", "--lang "+lang+" ")
	cmd := exec.Command("sh", "-e", "-c", script)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"SLUICE_URL="+s.url, "SLUICE_DATA="+s.data, "GOPROXY=off", "GOTOOLCHAIN=local")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	at := 0
	for _, want := range []string{
		"mine is a plugin in ",
		"plugin.wasm: ",
		"7 rows: 3 answered, 1 skipped, 3 failed\n",
		"testdata/companies.txt is what became of 7 rows: ok\n",
		"ok       memory\n",
		"mine@1 uploaded: ",
		"mine@1  active",
		"  rows 7  created 3  updated 0  skipped 1  failed 3\n",
		"  plugin: mine@1\n",
		"  row 3 (line 4), Company: no_name: a company needs a name\n",
		"mine@2 uploaded: ",
		"imports go through mine@1 from now on",
	} {
		i := strings.Index(string(out[at:]), want)
		if i < 0 {
			t.Fatalf("the output lacks %q after what came before\n%s", want, out)
		}
		at += i + len(want)
	}
}
