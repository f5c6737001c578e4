package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/bench/dataset"
	"sluice/bench/load"
	"sluice/engine/leaktest"
)

// server builds the binary under test when it is first asked for.
var server func() (string, error)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sluice-bench-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	server = sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "sluice")
		return path, build(context.Background(), "..", path)
	})
	return leaktest.Run(m)
}

// binary is the server's, built from this tree.
func binary(t *testing.T) string {
	t.Helper()
	path, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func smoke(t *testing.T, scenarios ...string) Config {
	t.Helper()
	c := SmokeConfig()
	c.Binary, c.Dir, c.Scenarios, c.Log = binary(t), t.TempDir(), scenarios, t.Output()
	return c
}

// empty fails where a run left anything behind.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	noProcess(t, dir)
}

// noProcess fails where a process was started with a path in dir and still runs.
func noProcess(t *testing.T, dir string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		t.Errorf("no processes are seen at all: %v", err)
	}
	for _, file := range lines {
		// One that ended meanwhile has no command line.
		if args, err := os.ReadFile(file); err == nil && strings.Contains(string(args), dir) {
			t.Errorf("%s is left: %q", file, args)
		}
	}
}

// TestScenarios runs one of each kind against the real server. That a scenario
// did not fail means that counts and store were as they must be.
func TestScenarios(t *testing.T) {
	names := []string{"csv-c", "csv-as", "csv-gzip", "ndjson", "json-rows", "json-csv", "skipped", "update-random", "half",
		"tenants-50", "reads-id", "reads-domain", "sync-1-x16", "sync-100-x1"}
	cfg := smoke(t, names...)
	report, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		res := report.find(name)
		if res == nil || res.Failed != "" || len(res.Runs) != 1 {
			t.Errorf("%s: %+v", name, res)
			continue
		}
		r := res.Runs[0]
		if r.Seconds <= 0 || r.Rows < 1 || r.Bytes < int64(r.Rows)*100 || r.PeakAnon < 1<<20 || r.DiskBytes < 1<<10 {
			t.Errorf("%s: %+v", name, r)
		}
		small := strings.HasPrefix(name, "sync") || strings.HasPrefix(name, "reads")
		if small != (r.Requests > 0) || small != (r.P50 > 0) || r.P99 < r.P50 {
			t.Errorf("%s: %d requests, p50 %v, p99 %v", name, r.Requests, r.P50, r.P99)
		}
		if !small && report.shareOfFloor(res) <= 0 {
			t.Errorf("%s: no share of floor", name)
		}
	}
	if report.Incomplete != "" || report.Failed() || report.find("csv-c").Runs[0].OpenSeconds <= 0 {
		t.Errorf("incomplete %q, failed %v", report.Incomplete, report.missing())
	}
	empty(t, cfg.Dir)
}

func TestWrongCounts(t *testing.T) {
	cfg := smoke(t)
	dir := t.TempDir()
	s, err := newStage(context.Background(), cfg, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	// A file that is imported again updates nothing unless asked to.
	_, err = importing{shape: csvShape, loaded: true, want: allUpdated}.run(context.Background(), s)
	want := "the import answered {Created:0 Updated:0 Skipped:2000 Failed:0 Rows:2000}, not {Created:0 Updated:2000 Skipped:0 Failed:0 Rows:2000}"
	if err == nil || err.Error() != want {
		t.Errorf("%v, not %s", err, want)
	}
	in, err := s.files.get(csvShape, s.clean())
	if err != nil {
		t.Fatal(err)
	}
	err = s.use(context.Background(), func(h *host) error {
		if _, err := h.client.Import(context.Background(), load.Body{Bytes: []byte("name,domain\nA,a.com\n"), Media: "text/csv"}); err != nil {
			return err
		}
		return verify(context.Background(), h.client, 2, in, true)
	})
	if want := "the store has 1 companies and exports 1, not 2"; err == nil || err.Error() != want {
		t.Errorf("%v, not %s", err, want)
	}
	// The counts are right, but the cells are those of another revision.
	other := *in
	other.clean.Revision = 1
	err = s.use(context.Background(), func(h *host) error {
		if _, err := upload(context.Background(), h.client, in, noGuest, false); err != nil {
			return err
		}
		return verify(context.Background(), h.client, uint64(in.Rows), &other, true)
	})
	if err == nil || !strings.HasPrefix(err.Error(), "row 49 is stored as ") {
		t.Errorf("rows of another revision: %v", err)
	}
}

// TestInterrupted ends a run in the middle.
func TestInterrupted(t *testing.T) {
	cfg := smoke(t, "csv", "skipped")
	cfg.Runs, cfg.SideRuns = 1000, 1000
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cfg.Log = writer(func(line string) {
		if strings.HasPrefix(line, "round 3") {
			cancel(why)
		}
	})
	report, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(report.Incomplete, "ended in round ") || !strings.HasSuffix(report.Incomplete, ": enough") {
		t.Errorf("incomplete: %q", report.Incomplete)
	}
	if n := len(report.find("csv").Runs); n < 2 || n > 4 || report.Failed() {
		t.Errorf("%d runs, %v", n, report.missing())
	}
	empty(t, cfg.Dir)
}

func TestBudget(t *testing.T) {
	f := func(budget, spent, each time.Duration, want string, steps int) {
		t.Helper()
		var order []string
		plan := []*step{recorded("a", 3, &order), recorded("b", 3, &order)}
		for _, st := range plan {
			run := st.run
			st.run = func(ctx context.Context) ([]Sample, error) {
				time.Sleep(each)
				return run(ctx)
			}
		}
		s := &stage{cfg: Config{Budget: budget}}
		got := s.rounds(context.Background(), plan, time.Now().Add(-spent))
		if got != want || len(order) != steps {
			t.Errorf("%q, not %q; %v", got, want, order)
		}
	}
	f(time.Hour, 0, 0, "", 6)
	f(time.Hour, 90*time.Minute, 0, "1 of 3 rounds went into the budget of 1h0m0s", 2)
	f(500*time.Millisecond, 0, 1100*time.Millisecond, "round 1 of 3 was not done within 1s", 1)
	ended := sample()
	ended.Results[1].Runs = nil
	if got := ended.missing(); len(got) != 3 || got[0] != "csv-c: the run ended before it" {
		t.Errorf("%q", got)
	}
}

// writer is a function that gets each write.
type writer func(string)

func (w writer) Write(p []byte) (int, error) {
	w(string(p))
	return len(p), nil
}

func TestStepLimit(t *testing.T) {
	res := &Result{Name: "stuck"}
	st := &step{name: "stuck", rounds: 9, limit: time.Millisecond, results: []*Result{res},
		run: func(ctx context.Context) ([]Sample, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
	s := &stage{cfg: Config{Runs: 9, Budget: time.Hour}}
	if why := s.rounds(context.Background(), []*step{st}, time.Now()); why != "" || !strings.HasPrefix(res.Failed, "not done within 1ms") {
		t.Errorf("%q; %+v", why, res)
	}
}

func TestOrderOfRounds(t *testing.T) {
	var order []string
	plan := []*step{recorded("a", 3, &order), recorded("b", 1, &order), recorded("c", 3, &order)}
	s := &stage{cfg: Config{Budget: time.Hour}}
	if why := s.rounds(context.Background(), plan, time.Now()); why != "" {
		t.Fatal(why)
	}
	if got := strings.Join(order, " "); got != "a b c c a a c" {
		t.Error(got)
	}
}

func recorded(name string, rounds int, order *[]string) *step {
	return &step{name: name, rounds: rounds, limit: time.Hour, run: func(context.Context) ([]Sample, error) {
		*order = append(*order, name)
		return nil, nil
	}}
}

func TestConfig(t *testing.T) {
	c := DefaultConfig()
	c.Binary = os.Args[0] // any file will do
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c = Config{Binary: "/nowhere/sluice", Scenarios: []string{"csv", "fast", "large", "quick"}}
	want := `configuration: Binary: stat /nowhere/sluice: no such file or directory; make build makes it
Rows: 0 is not from 1000 to 100000000
Runs: 0 is not from 1 to 1000
SideRuns: 0 is not from 1 to 1000
Burst: 0s is not above 0
Budget: 0s is not above 0
Scenarios: there is no "fast", "quick"; --list shows all`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestSelected(t *testing.T) {
	names := func(asked ...string) string {
		list, err := selected(asked)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range list {
			names = append(names, s.Name)
		}
		return strings.Join(names, " ")
	}
	if got := names(); strings.Contains(got, "10m") || !strings.HasPrefix(got, "csv-c csv ") {
		t.Error(got)
	}
	if got := names("reads", "10m", "csv"); got != "csv reads-id reads-domain 10m" {
		t.Error(got)
	}
	for _, h := range headlines {
		if got := names(h); got != h {
			t.Errorf("headline %s is %q", h, got)
		}
	}
}

// TestParts has JSON bodies that are as large as the API takes them.
func TestParts(t *testing.T) {
	files := inputs{dir: t.TempDir(), made: map[string]*Input{}}
	for _, of := range []shape{jsonRowsShape, jsonCSVShape} {
		in, err := files.get(of, dataset.Clean{Seed: 1, Rows: 150_000})
		if err != nil {
			t.Fatal(err)
		}
		var total int64
		for i, file := range in.Files {
			info, err := os.Stat(file)
			if err != nil || info.Size() > 20<<20 || i < len(in.Files)-1 && info.Size() < 20<<20-8192 {
				t.Errorf("%s: %v, %v", file, info.Size(), err)
			}
			total += info.Size()
		}
		if len(in.Files) < 2 || total != in.Bytes {
			t.Errorf("%s: %d files of %d bytes, said to be %d", of, len(in.Files), total, in.Bytes)
		}
		if again, err := files.get(of, dataset.Clean{Seed: 1, Rows: 150_000}); again != in || err != nil {
			t.Errorf("%s was written twice: %v", of, err)
		}
	}
}
