package bench

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sluice/bench/measure"
)

var update = flag.Bool("update", false, "write the golden files")

// sample is a report that has something of everything.
func sample() *Report {
	bulk := func(seconds ...float64) []Sample {
		var runs []Sample
		for _, s := range seconds {
			runs = append(runs, Sample{Seconds: s, Rows: 1_000_000, Bytes: 150_000_000, CPUSeconds: 1.5, PeakAnon: 200e6, WriteBytes: 250e6, DiskBytes: 80e6})
		}
		return runs
	}
	main := bulk(0.8, 0.5, 1)
	main[1].OpenSeconds = 0.25
	return &Report{
		Version: reportVersion, Started: time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC), Seconds: 400, Revision: "v1.2.3", Command: "make bench",
		Seed: 1, Rows: 1_000_000, Incomplete: "3 of 7 rounds went into the budget of 15m0s",
		Machine: measure.Machine{CPU: "Chip 9000", Cores: 2, Memory: 24 << 30, Kernel: "6.1", FileSystem: "ext4", Go: "go1.26 linux/amd64"},
		Results: []*Result{
			{Name: "floor-csv", Kind: KindFloor, About: "the same bytes", Runs: bulk(0.2)},
			{Name: "csv-c", Kind: KindSluice, About: "raw CSV", Floor: "floor-csv", Runs: main},
			{Name: "reads-id", Kind: KindSluice, About: "GET | by id", Runs: []Sample{{Seconds: 2, Rows: 500, Requests: 1234, P50: 0.301, P99: 12.5, CPUSeconds: 0.01}}},
			{Name: "broken", Kind: KindSluice, About: "a scenario", Failed: "the import answered\n7"},
			{Name: "duckdb", Kind: KindPeer, Against: Main, About: "INSERT", Floor: "floor-csv", Version: "v1.5.6", Settings: "defaults", Runs: bulk(2, 2.5, 3)},
			{Name: "duckdb-again", Kind: KindPeer, Against: "update-ordered", About: "again", Floor: "floor-csv", Version: "v1.5.6", Settings: "defaults", Runs: bulk(1)},
			{Name: "sqlite", Kind: KindPeer, Against: Main, About: "INSERT", Missing: "not installed: run bench/peers/install/sqlite.sh (no such file)"},
		},
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "report.txt", b.String())
}

func TestMarkdown(t *testing.T) { golden(t, "report.md", sample().Markdown()) }

func TestComparisonText(t *testing.T) {
	c := &Comparison{Ref: "v1 (abc1234)", Rounds: 7, Scenarios: []Difference{
		{Scenario: "csv-c", Time: Compared{measure.Ratio{Median: 0.9, Low: 0.88, High: 0.91}, measure.Ratio{Median: 1, Low: 0.98, High: 1.02}},
			CPU: Compared{measure.Ratio{Median: 1.005, Low: 0.99, High: 1.01}, measure.Ratio{Median: 1, Low: 0.98, High: 1.02}}},
		{Scenario: "skipped", Failed: "with the revision: no server"},
		{Scenario: "sync-1-x1"},
	}}
	var b bytes.Buffer
	if err := c.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "comparison.txt", b.String())
	if !c.Failed() || (&Comparison{}).Failed() {
		t.Error("whether a scenario failed is told wrongly")
	}
}

func TestReportFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	want := sample()
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		`{"version":2}`: "read report " + path + ": version 2; this bench knows 1",
		`{`:             "read report " + path + ": unexpected end of JSON input",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestShareOfFloor(t *testing.T) {
	r := sample()
	f := func(name string, want float64) {
		t.Helper()
		if got := r.shareOfFloor(r.find(name)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	f("csv-c", 0.25)
	f("duckdb", 0.08)
	f("reads-id", 0)
	f("floor-csv", 0)
	f("sqlite", 0)
	r.Results = r.Results[1:]
	f("csv-c", 0) // its floor was not measured
}

func TestReplaceSection(t *testing.T) {
	text := "before\n" + sectionBegin + "old\n" + sectionEnd + "after\n"
	got, err := ReplaceSection(text, sample())
	if err != nil || !strings.HasPrefix(got, "before\n"+sectionBegin) || !strings.HasSuffix(got, sectionEnd+"after\n") ||
		strings.Contains(got, "old") || !strings.Contains(got, "`csv-c` raw CSV") {
		t.Errorf("%v: %s", err, got)
	}
	again, err := ReplaceSection(got, sample())
	if err != nil || again != got {
		t.Errorf("a second time: %v, %s", err, cmp.Diff(got, again))
	}
	for _, bad := range []string{"", sectionBegin, sectionEnd + sectionBegin, text + sectionBegin, text + text} {
		if _, err := ReplaceSection(bad, sample()); !errors.Is(err, ErrNoSection) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPublish(t *testing.T) {
	dir := t.TempDir()
	readme, kept := filepath.Join(dir, "README.md"), filepath.Join(dir, "latest.json")
	if err := os.WriteFile(readme, []byte("no section\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Publish(sample(), kept, readme); err == nil || err.Error() != readme+": the text has not exactly one section for results" {
		t.Error(err)
	}
	if _, err := os.Stat(kept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a report was kept whose README could not be written: %v", err)
	}
	if err := os.WriteFile(readme, []byte("# Title\n"+sectionBegin+sectionEnd), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Publish(sample(), kept, readme); err != nil {
		t.Fatal(err)
	}
	checkPublished(t, kept, readme)
}

// TestPublished holds the README to the report that it was made from.
func TestPublished(t *testing.T) {
	checkPublished(t, filepath.Join("results", "latest.json"), filepath.Join("..", "README.md"))
}

func checkPublished(t *testing.T, kept, readme string) {
	t.Helper()
	report, err := ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	want, err := ReplaceSection(string(text), report)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("the results are not those of %s; go run ./bench/cmd/bench publish writes them: %s", kept, diff)
	}
	if report.find(Main) == nil || report.Machine.Cores < 1 || report.Command == "" || report.Revision == "" {
		t.Errorf("the report is not whole: %+v", report)
	}
}
