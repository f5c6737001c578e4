package peers

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"sluice/bench/dataset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rows = 1500 // more than one transaction of Badger's

func job(t *testing.T) Job {
	t.Helper()
	dir := t.TempDir()
	// PostgreSQL's user has to get into the folders above.
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "own")
	if err := os.Mkdir(own, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "it's.csv") // a name to quote
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(dataset.WriteClean(f, 1, rows), f.Close()); err != nil {
		t.Fatal(err)
	}
	return Job{Dir: own, CSV: path, Rows: rows}
}

// TestPeers measures those that are installed, as a run would; of the others it
// wants the way to get them.
func TestPeers(t *testing.T) {
	for _, p := range All() {
		t.Run(p.Name, func(t *testing.T) {
			version, err := p.Version(context.Background())
			if err != nil {
				if !errors.Is(err, ErrNotInstalled) || !strings.HasPrefix(err.Error(), "not installed: run "+p.Install+" (") {
					t.Error(err)
				}
				t.Log(err)
				return
			}
			if version == "" || strings.ContainsAny(version, "\n ") && p.Name != "postgres" {
				t.Errorf("version %q", version)
			}
			runs, err := p.Measure(context.Background(), job(t))
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range runs {
				if r.Seconds <= 0 || r.CPUSeconds < 0 || r.DiskBytes < 10_000 {
					t.Errorf("%s: %+v", p.Steps[i].Name, r)
				}
			}
			wrong := job(t)
			wrong.Rows++
			if _, err := p.Measure(context.Background(), wrong); err == nil || !strings.HasSuffix(err.Error(), "1500 rows are stored, not 1501") {
				t.Errorf("a row too few: %v", err)
			}
			wrong.CSV += ".none"
			wrong.Dir = t.TempDir()
			if err := os.Chmod(wrong.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Measure(context.Background(), wrong); err == nil {
				t.Error("a file that doesn't exist was measured")
			}
		})
	}
}

func TestInstallScripts(t *testing.T) {
	for _, p := range All() {
		script, ok := strings.CutPrefix(p.Install, "bench/peers/")
		if !ok {
			if p.Name != "badger" {
				t.Errorf("%s is installed by %q", p.Name, p.Install)
			}
			continue
		}
		info, err := os.Stat(script)
		if err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s can't be run: %v", p.Install, err)
		}
		if p.Settings == "" || len(p.Steps) == 0 {
			t.Errorf("%s: %+v", p.Name, p)
		}
	}
}

func TestNotInstalled(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := duckDB().Version(context.Background())
	want := "not installed: run bench/peers/install/duckdb.sh (npm package @duckdb/node-api: no such file or directory)"
	if !errors.Is(err, ErrNotInstalled) || err.Error() != want {
		t.Errorf("%v, not %s", err, want)
	}
	t.Setenv("PATH", t.TempDir())
	_, err = sqlite().Version(context.Background())
	want = `not installed: run bench/peers/install/sqlite.sh (exec: "sqlite3": executable file not found in $PATH)`
	if !errors.Is(err, ErrNotInstalled) || err.Error() != want {
		t.Errorf("%v, not %s", err, want)
	}
}

func TestNodeRuns(t *testing.T) {
	const insert = `{"step":"insert","seconds":1.5,"cpu_seconds":2.5,"write_bytes":7,"disk_bytes":9,"rows":"3"}` + "\n"
	got, err := nodeRuns([]byte(insert+insert), 3, 11)
	one := Run{Seconds: 1.5, CPUSeconds: 2.5, PeakAnon: 11, WriteBytes: 7, DiskBytes: 9}
	if diff := cmp.Diff([]Run{one, one}, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	for in, want := range map[string]string{
		insert:                            "insert: 3 rows are stored, not 4",
		`{"step":"insert","rows":"many"}`: `insert: rows: strconv.Atoi: parsing "many": invalid syntax`,
		`{`:                               "read the script's answer: unexpected EOF",
	} {
		if _, err := nodeRuns([]byte(in), 4, 0); err == nil || err.Error() != want {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// TestInterrupted ends PostgreSQL, the one peer that is several processes, in the
// middle.
func TestInterrupted(t *testing.T) {
	p := postgres()
	if _, err := p.Version(context.Background()); err != nil {
		t.Log(err)
		return
	}
	j := job(t)
	ctx, cancel := context.WithCancel(context.Background())
	c := &cluster{dir: j.Dir}
	var err error
	if c.bin, err = postgresBin(); err != nil {
		t.Fatal(err)
	}
	if err := c.start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := c.step(ctx, j, "DO NOTHING"); err == nil {
		t.Error("a step was done after the end")
	}
	if err := c.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(c.data(), "postmaster.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the server did not stop in order: %v", err)
	}
}
