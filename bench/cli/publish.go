package cli

import (
	"errors"

	"sluice/bench"
)

type publishCmd struct {
	Report string `arg:"" help:"What make bench wrote." default:"bin/bench.json" type:"path"`
	Kept   string `help:"Where the published report is kept." default:"bench/results/latest.json" type:"path"`
	Readme string `help:"The text whose section is written." default:"README.md" type:"path"`
}

// Run publishes a report in which nothing failed.
func (c *publishCmd) Run(*process) error {
	report, err := bench.ReadFile(c.Report)
	if err != nil {
		return err
	}
	if report.Failed() {
		return errors.New("something in the report failed; a whole one is published or none")
	}
	return bench.Publish(report, c.Kept, c.Readme)
}
