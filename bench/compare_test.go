package bench

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sluice/bench/measure"
)

// TestCompare measures one binary as all three.
func TestCompare(t *testing.T) {
	cfg := smoke(t, "csv", "sync-1-x16")
	cfg.Runs = 2
	dir := t.TempDir()
	c, err := compare(context.Background(), cfg, dir, [turns]string{cfg.Binary, cfg.Binary, cfg.Binary})
	if err != nil {
		t.Fatal(err)
	}
	if c.Rounds != 2 || len(c.Scenarios) != 2 || c.Failed() {
		t.Errorf("%+v", c)
	}
	for _, d := range c.Scenarios {
		if d.Time.Ratio.Median <= 0 || d.Time.Noise.Median <= 0 {
			t.Errorf("%+v", d)
		}
	}
	noProcess(t, dir)
}

func TestCompareEnds(t *testing.T) {
	stages := make([]*stage, turns)
	for i := range stages {
		stages[i] = &stage{cfg: SmokeConfig()}
	}
	broken := errors.New("broken")
	f := func(run func(context.Context, *stage) (Sample, error)) (*Comparison, error) {
		c, cfg := &Comparison{}, SmokeConfig()
		cfg.Runs = 3
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		err := c.rounds(ctx, cfg, stages, []Scenario{{Name: "x", run: func(ctx context.Context, s *stage) (Sample, error) {
			sample, err := run(ctx, s)
			if errors.Is(err, context.Canceled) {
				cancel(broken)
			}
			return sample, err
		}}})
		return c, err
	}
	turn := 0
	c, err := f(func(context.Context, *stage) (Sample, error) {
		turn++
		if turn == 5 { // the second round's order is now, again, ref
			return Sample{}, broken
		}
		return Sample{Seconds: 2, Rows: 1, CPUSeconds: 1}, nil
	})
	if err != nil || turn != 5 || !c.Failed() || c.Scenarios[0].Failed != "with the revision: broken" || c.Scenarios[0].Time.Ratio != (measure.Ratio{Median: 1, Low: 1, High: 1}) {
		t.Errorf("%+v, %v after %d", c, err, turn)
	}
	if _, err := f(func(context.Context, *stage) (Sample, error) { return Sample{}, context.Canceled }); !errors.Is(err, broken) {
		t.Errorf("ended: %v", err)
	}
}

// TestBuilds builds two revisions of a small program; without git it must say so.
func TestBuilds(t *testing.T) {
	here, dir := t.TempDir(), t.TempDir()
	source := filepath.Join(here, "host", "cmd", "sluice", "main.go")
	write := func(path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	program := func(says string) string { return "package main\n\nfunc main() { println(\"" + says + "\") }\n" }
	write(filepath.Join(here, "go.mod"), "module sluice\n")
	write(source, program("old"))
	if _, err := exec.LookPath("git"); err != nil {
		if _, _, err := builds(context.Background(), here, dir, "HEAD"); !errors.Is(err, exec.ErrNotFound) {
			t.Error(err)
		}
		return
	}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=n", "-c", "user.email=e", "-C", here}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "old")
	write(source, program("new")) // not committed
	binaries, commit, err := builds(context.Background(), here, dir, "HEAD")
	if err != nil || commit != git("rev-parse", "--short", "HEAD") {
		t.Fatalf("%s: %v", commit, err)
	}
	for turn, want := range [turns]string{refTurn: "old", nowTurn: "new", againTurn: "old"} {
		out, err := exec.Command(binaries[turn]).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("turn %d says %q, not %s: %v", turn, out, want, err)
		}
	}
	if got := git("worktree", "list"); strings.Contains(got, "\n") {
		t.Errorf("git still knows of\n%s", got)
	}
	if _, _, err := builds(context.Background(), here, dir, "nothing"); err == nil || !strings.HasPrefix(err.Error(), "git rev-parse --short --verify nothing^{commit}: exit status 128\n") {
		t.Error(err)
	}
	write(source, "package main // that does not build")
	if _, _, err := builds(context.Background(), here, dir, "HEAD"); err == nil || !strings.HasPrefix(err.Error(), "build "+here+": exit status 1\n") {
		t.Error(err)
	}
	if got := git("worktree", "list"); strings.Contains(got, "\n") {
		t.Errorf("after a build that failed git still knows of\n%s", got)
	}
}
