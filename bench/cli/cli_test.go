package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"sluice/bench"
)

func main(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Main(context.Background(), args, &out, &err)
	return code, out.String(), err.String()
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"run", "--help"}} {
		code, out, _ := main(args...)
		if code != 0 || !strings.Contains(out, "--scenario") || !strings.Contains(out, "--json") || !strings.Contains(out, "bench compare REF") {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}

func TestList(t *testing.T) {
	code, out, _ := main("--list")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != len(bench.Scenarios())+1 || !strings.HasPrefix(lines[1], "csv-c ") {
		t.Errorf("%d %s", code, out)
	}
}

func TestMistakes(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		if code, out, stderr := main(args...); code != 1 || stderr != "bench: "+want+"\n" || out != "" {
			t.Errorf("%v: %d %q %q", args, code, out, stderr)
		}
	}
	f("unknown flag --faster", "--faster")
	f("configuration: Binary: stat /nowhere: no such file or directory; make build makes it\nScenarios: there is no \"fast\"; --list shows all",
		"--sluice", "/nowhere", "--scenario", "csv,fast")
	f("unexpected argument csv", "csv")
}

func TestConfig(t *testing.T) {
	parse := func(args ...string) runCmd {
		t.Helper()
		var c commands
		parser, err := kong.New(&c, kong.Vars(defaults()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			t.Fatal(err)
		}
		return c.Run
	}
	p := &process{stderr: &bytes.Buffer{}}
	f := func(command string, change func(*bench.Config), args ...string) {
		t.Helper()
		c := parse(args...)
		got, want := c.config(p), bench.DefaultConfig()
		if change == nil {
			want = bench.SmokeConfig()
		} else {
			change(&want)
		}
		want.Binary, got.Log, want.Log = got.Binary, nil, nil // the path is made absolute
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", args, diff)
		}
		if got := c.command(); got != command {
			t.Errorf("%v: reproduced by %q, not %q", args, got, command)
		}
	}
	f("make bench", func(*bench.Config) {})
	f("make bench", func(*bench.Config) {}, "run")
	f("go run ./bench/cmd/bench --scenario csv,sync-1-x64 --rows 5000 --runs 2 --side-runs 1 --seed 9 --no-peers", func(c *bench.Config) {
		c.Scenarios, c.Rows, c.Runs, c.SideRuns, c.Seed, c.Peers = []string{"csv", "sync-1-x64"}, 5000, 2, 1, 9, false
		c.Burst, c.Budget = time.Second, time.Minute
	}, "--scenario", "csv,sync-1-x64", "--rows", "5000", "--runs", "2", "--side-runs", "1", "--seed", "9", "--no-peers", "--burst", "1s", "--budget", "1m")
	f("go run ./bench/cmd/bench --smoke", nil, "--smoke")
	if c := parse("--sluice", "x"); !filepath.IsAbs(c.config(p).Binary) {
		t.Error(c.Sluice)
	}
}

func TestPeers(t *testing.T) {
	code, out, _ := main("peers")
	for _, want := range []string{"duckdb ", "clickhouse ", "sqlite ", "postgres ", "badger "} {
		if code != 0 || !strings.Contains(out, "\n"+want) && !strings.HasPrefix(out, want) {
			t.Errorf("%d: no %sin %s", code, want, out)
		}
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	code, out, stderr := main("peers", "duckdb")
	if code != 1 || strings.Contains(out, "sqlite") || !strings.HasPrefix(stderr, "bench: duckdb: not installed: run bench/peers/install/duckdb.sh (") {
		t.Errorf("%d %s %s", code, out, stderr)
	}
}

func TestPublish(t *testing.T) {
	dir := t.TempDir()
	report, readme, kept := filepath.Join(dir, "bench.json"), filepath.Join(dir, "README.md"), filepath.Join(dir, "kept.json")
	if code, _, stderr := main("publish", report); code != 1 || !strings.Contains(stderr, "bench.json") {
		t.Errorf("%d %s", code, stderr)
	}
	failed := &bench.Report{Version: 1, Results: []*bench.Result{{Name: "csv", Failed: "it did"}}}
	if err := failed.WriteFile(report); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := main("publish", report); code != 1 || stderr != "bench: something in the report failed; a whole one is published or none\n" {
		t.Errorf("%d %s", code, stderr)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	failed.Results[0].Failed = ""
	if err := failed.WriteFile(report); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(readme, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := main("publish", report, "--readme", readme, "--kept", kept); code != 0 {
		t.Errorf("%d %s", code, stderr)
	}
	if _, err := bench.ReadFile(kept); err != nil {
		t.Error(err)
	}
	t.Chdir(dir) // where there is no bin/bench.json, which is what it reads by itself
	if code, _, stderr := main("publish"); code != 1 || !strings.Contains(stderr, "bin/bench.json: no such file") {
		t.Errorf("%d %s", code, stderr)
	}
}
