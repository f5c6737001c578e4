package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"sluice/bench"
)

// runCmd mirrors bench.Config; the defaults are bench's own.
type runCmd struct {
	Sluice   string        `help:"The server's binary." default:"${sluice}" type:"path"`
	Scenario []string      `help:"Names or groups, separated by commas; --list shows them. Default: all but those that must be named."`
	List     bool          `help:"List the scenarios and stop."`
	Rows     int           `help:"Rows of a file." default:"${rows}"`
	Runs     int           `help:"Runs of headline scenarios, peers and the floor." default:"${runs}"`
	SideRuns int           `help:"Runs of the other scenarios." default:"${side_runs}"`
	Seed     uint64        `help:"Of all files." default:"${seed}"`
	Burst    time.Duration `help:"Longest time of a scenario of small requests." default:"${burst}"`
	Budget   time.Duration `help:"No round is begun that would end after it." default:"${budget}"`
	Peers    bool          `help:"Measure the peers that are installed." default:"true" negatable:""`
	Dir      string        `help:"Where the work folder is made. Default: the system's temporary folder." type:"path"`
	JSON     string        `name:"json" help:"Write the report here." type:"path" placeholder:"FILE"`
	Smoke    bool          `help:"A run of seconds that proves that everything works: tiny files, one round, no peers."`
}

// Help says what else there is: this is the help of the whole command too.
func (c *runCmd) Help() string {
	return "Other commands, each with --help: bench compare REF measures the working tree and a git revision by turns; " +
		"bench peers says which peers are installed; bench publish writes the README's results from a report. " +
		"bench/METHODOLOGY.md says what is measured and how."
}

// defaults are bench's, for the flags' tags.
func defaults() map[string]string {
	d := bench.DefaultConfig()
	return map[string]string{
		"sluice": d.Binary, "rows": strconv.Itoa(d.Rows), "runs": strconv.Itoa(d.Runs), "side_runs": strconv.Itoa(d.SideRuns),
		"seed": strconv.FormatUint(d.Seed, 10), "burst": d.Burst.String(), "budget": d.Budget.String(),
	}
}

func (c *runCmd) config(p *process) bench.Config {
	cfg := bench.DefaultConfig()
	if c.Smoke {
		cfg = bench.SmokeConfig()
	} else {
		cfg.Rows, cfg.Runs, cfg.SideRuns, cfg.Burst, cfg.Budget, cfg.Peers = c.Rows, c.Runs, c.SideRuns, c.Burst, c.Budget, c.Peers
	}
	cfg.Binary, cfg.Dir, cfg.Seed, cfg.Scenarios, cfg.Log = c.Sluice, c.Dir, c.Seed, c.Scenario, p.stderr
	return cfg
}

// Run measures, and fails where anything failed or was cut short, after it has
// printed and written what there is.
func (c *runCmd) Run(p *process) error {
	if c.List {
		return list(p)
	}
	report, err := bench.Run(p.ctx, c.config(p))
	if report == nil {
		return err
	}
	report.Command = c.command()
	failed := err
	if c.JSON != "" {
		failed = errors.Join(failed, os.MkdirAll(filepath.Dir(c.JSON), 0o755), report.WriteFile(c.JSON))
	}
	failed = errors.Join(failed, report.WriteText(p.stdout))
	switch {
	case report.Failed():
		failed = errors.Join(failed, errors.New("something failed; see above"))
	case p.ctx.Err() != nil:
		failed = errors.Join(failed, errors.New("interrupted"))
	}
	return failed
}

// command is what reproduces a run with these flags.
func (c *runCmd) command() string {
	d := bench.DefaultConfig()
	if len(c.Scenario) == 0 && c.Rows == d.Rows && c.Runs == d.Runs && c.SideRuns == d.SideRuns && c.Seed == d.Seed && c.Peers && !c.Smoke {
		return "make bench"
	}
	args := []string{"go run ./bench/cmd/bench"}
	add := func(changed bool, format string, value any) {
		if changed {
			args = append(args, fmt.Sprintf(format, value))
		}
	}
	add(c.Smoke, "--smoke%.0v", "")
	add(len(c.Scenario) > 0, "--scenario %s", strings.Join(c.Scenario, ","))
	add(c.Rows != d.Rows, "--rows %d", c.Rows)
	add(c.Runs != d.Runs, "--runs %d", c.Runs)
	add(c.SideRuns != d.SideRuns, "--side-runs %d", c.SideRuns)
	add(c.Seed != d.Seed, "--seed %d", c.Seed)
	add(!c.Peers, "--no-peers%.0v", "")
	return strings.Join(args, " ")
}

func list(p *process) error {
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tGROUP\tRUNS\tWHAT")
	for _, s := range bench.Scenarios() {
		runs := "some"
		switch {
		case s.OptIn:
			runs = "named"
		case s.Headline:
			runs = "all"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, s.Group, runs, s.About)
	}
	return w.Flush()
}
