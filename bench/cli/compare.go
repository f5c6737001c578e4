package cli

import (
	"errors"
	"time"

	"sluice/bench"
)

type compareCmd struct {
	Ref      string        `arg:"" help:"The git revision to compare the working tree with."`
	Scenario []string      `help:"Names or groups, separated by commas." default:"csv-c,skipped,update-random,ndjson,sync-1-x64"`
	Rows     int           `help:"Rows of a file." default:"${rows}"`
	Runs     int           `help:"Rounds." default:"${runs}"`
	Seed     uint64        `help:"Of all files." default:"${seed}"`
	Burst    time.Duration `help:"Longest time of a scenario of small requests." default:"${burst}"`
	Budget   time.Duration `help:"No round is begun after it." default:"${budget}"`
	Dir      string        `help:"Where the work folder is made. Default: the system's temporary folder." type:"path"`
}

// Run compares, and fails where a scenario failed; a slower revision is no
// failure.
func (c *compareCmd) Run(p *process) error {
	cfg := bench.DefaultConfig()
	cfg.Scenarios, cfg.Rows, cfg.Runs, cfg.Seed = c.Scenario, c.Rows, c.Runs, c.Seed
	cfg.Burst, cfg.Budget, cfg.Dir, cfg.Log = c.Burst, c.Budget, c.Dir, p.stderr
	result, err := bench.Compare(p.ctx, c.Ref, cfg)
	if err != nil {
		return err
	}
	if err := result.WriteText(p.stdout); err != nil {
		return err
	}
	if result.Failed() {
		return errors.New("something failed; see above")
	}
	return nil
}
