package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sluice/bench/measure"
)

// Comparison is an interleaved comparison of two revisions.
type Comparison struct {
	Ref       string // as it was asked for, and the commit that it is
	Rounds    int    // that were completed
	Scenarios []Difference
}

// Difference is what one scenario says: the ratio of the working tree to the
// revision, and of the revision to itself, which is the noise.
type Difference struct {
	Scenario  string
	Time, CPU Compared
	Failed    string
}

// Compared is one figure of a Difference.
type Compared struct {
	Ratio, Noise measure.Ratio
}

// The three that take turns.
const (
	refTurn   = iota // the revision
	nowTurn          // the working tree
	againTurn        // the revision again
	turns
)

// Compare builds a git revision and the working tree, and measures both by turns,
// the revision twice. cfg.Binary is not used. What it makes is gone when it
// returns.
func Compare(ctx context.Context, ref string, cfg Config) (c *Comparison, err error) {
	dir, err := os.MkdirTemp(cfg.Dir, "sluice-compare-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	here, err := root(ctx)
	if err != nil {
		return nil, err
	}
	binaries, commit, err := builds(ctx, here, dir, ref)
	if err != nil {
		return nil, err
	}
	c, err = compare(ctx, cfg, dir, binaries)
	if c != nil {
		c.Ref = ref + " (" + commit + ")"
	}
	return c, err
}

// compare measures three binaries by turns, in a folder that is the caller's to
// remove.
func compare(ctx context.Context, cfg Config, dir string, binaries [turns]string) (*Comparison, error) {
	cfg.Binary = binaries[refTurn]
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	scenarios, err := selected(cfg.Scenarios)
	if err != nil {
		return nil, err
	}
	c := &Comparison{}
	stages := make([]*stage, turns)
	for turn, binary := range binaries {
		cfg.Binary = binary
		own := filepath.Join(dir, fmt.Sprintf("turn%d", turn))
		if err := os.Mkdir(own, 0o755); err != nil {
			return nil, err
		}
		if stages[turn], err = newStage(ctx, cfg, own, scenarios); err != nil {
			return nil, err
		}
		stages[turn].files = stages[refTurn].files // the same files for all
	}
	return c, c.rounds(ctx, cfg, stages, scenarios)
}

// rounds measures each scenario with all three, one right after the other, in an
// order that changes from round to round.
func (c *Comparison) rounds(ctx context.Context, cfg Config, stages []*stage, scenarios []Scenario) error {
	seconds := make([][turns][]float64, len(scenarios))
	cpu := make([][turns][]float64, len(scenarios))
	failed := make([]string, len(scenarios))
	budget, cancel := context.WithTimeout(ctx, cfg.Budget)
	defer cancel()
	for round := 0; round < cfg.Runs && budget.Err() == nil; round++ {
		for i, sc := range scenarios {
			for k := range turns {
				turn := (k + round) % turns
				if failed[i] != "" {
					continue
				}
				sample, err := c.turn(ctx, stages[turn], sc)
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err != nil {
					failed[i] = fmt.Sprintf("with %s: %v", [turns]string{"the revision", "the working tree", "the revision"}[turn], err)
					cfg.say("round %d  %-16s failed %s", round+1, sc.Name, failed[i])
					continue
				}
				seconds[i][turn] = append(seconds[i][turn], per(sample.Seconds, float64(sample.Rows)))
				cpu[i][turn] = append(cpu[i][turn], sample.cpuPerMillion())
				cfg.say("round %d  %-16s %-8s %s", round+1, sc.Name, [turns]string{"ref", "now", "ref"}[turn], brief(sample))
			}
		}
		c.Rounds++
	}
	for i, sc := range scenarios {
		c.Scenarios = append(c.Scenarios, Difference{Scenario: sc.Name, Failed: failed[i], Time: compared(seconds[i]), CPU: compared(cpu[i])})
	}
	return nil
}

func (c *Comparison) turn(ctx context.Context, s *stage, sc Scenario) (Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, sc.limit(s.cfg.Rows))
	defer cancel()
	return sc.run(ctx, s)
}

func compared(of [turns][]float64) Compared {
	return Compared{Ratio: measure.NewRatio(of[refTurn], of[nowTurn]), Noise: measure.NewRatio(of[refTurn], of[againTurn])}
}

// builds makes the server of the revision, in a work tree of its own, and of the
// tree that is here.
func builds(ctx context.Context, here, dir, ref string) (binaries [turns]string, commit string, err error) {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = here
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out)), nil
	}
	if commit, err = git("rev-parse", "--short", "--verify", ref+"^{commit}"); err != nil {
		return binaries, "", err
	}
	tree := filepath.Join(dir, "tree")
	if _, err := git("worktree", "add", "--detach", tree, commit); err != nil {
		return binaries, "", err
	}
	defer func() {
		// Whatever became of the context, git must forget the folder.
		cmd := exec.Command("git", "worktree", "remove", "--force", tree)
		cmd.Dir = here
		if out, removeErr := cmd.CombinedOutput(); removeErr != nil {
			err = errors.Join(err, fmt.Errorf("git worktree remove: %w\n%s", removeErr, out))
		}
	}()
	refBinary, nowBinary := filepath.Join(dir, "ref"), filepath.Join(dir, "now")
	if err := build(ctx, tree, refBinary); err != nil {
		return binaries, "", err
	}
	if err := build(ctx, here, nowBinary); err != nil {
		return binaries, "", err
	}
	return [turns]string{refTurn: refBinary, nowTurn: nowBinary, againTurn: refBinary}, commit, nil
}

// build makes the server as make build does.
func build(ctx context.Context, tree, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./host/cmd/sluice")
	cmd.Dir = tree
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", tree, err, text)
	}
	return nil
}

// WriteText prints the comparison.
func (c *Comparison) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nthe working tree beside %s, %s; a change is followed by its 95 %% interval,\nand by how far the revision is from itself\n\n", c.Ref, plural(c.Rounds, "round"))
	fmt.Fprintf(&b, "%-16s  %-58s  %s\n", "", "time", "CPU")
	for _, d := range c.Scenarios {
		if d.Failed != "" {
			fmt.Fprintf(&b, "%-16s  failed %s\n", d.Scenario, d.Failed)
			continue
		}
		fmt.Fprintf(&b, "%-16s  %-58s  %s\n", d.Scenario, d.Time, d.CPU)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Failed reports whether a scenario failed.
func (c *Comparison) Failed() bool {
	for _, d := range c.Scenarios {
		if d.Failed != "" {
			return true
		}
	}
	return false
}

func (c Compared) String() string {
	if c.Ratio.Median == 0 {
		return "not measured"
	}
	change := func(v float64) string { return fmt.Sprintf("%+.1f", (v-1)*100) }
	return fmt.Sprintf("%-7s %s %% (%s to %s; noise %s to %s)", c.Ratio.Judge(c.Noise), change(c.Ratio.Median),
		change(c.Ratio.Low), change(c.Ratio.High), change(c.Noise.Low), change(c.Noise.High))
}
