package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/plugins"
)

// Options are what a plugin needs before it takes rows.
type Options struct {
	Columns []string        // of a file that suits it; nil: common ones
	Config  json.RawMessage // nil: none
}

// checker is one Check.
type checker struct {
	box     *plugins.Sandbox
	wasm    []byte
	options Options
	report  *Report
	err     error // of the machine: ends the check
	step    string
	upload  *plugins.Report

	plain   *batch.Batch
	answers []string // of plain, as batches of 1,000 gave them
	fuel    int64    // of that
}

// Check holds wasm against the ABI in box. The error is of the machine, or ctx's;
// what is wrong with the module is in the Report.
func Check(ctx context.Context, box *plugins.Sandbox, wasm []byte, o Options) (*Report, error) {
	if len(o.Columns) == 0 {
		o.Columns = defaultColumns()
	}
	c := &checker{box: box, wasm: wasm, options: o, report: &Report{Passed: []string{}, Findings: []Finding{}}}
	for _, s := range steps() {
		c.step = s.name
		before := len(c.report.Findings)
		more := s.run(c, ctx)
		if c.err != nil {
			return nil, fmt.Errorf("check plugin: %w", c.err)
		}
		if len(c.report.Findings) == before {
			c.report.Passed = append(c.report.Passed, s.name)
		}
		if !more {
			break
		}
	}
	return c.report, nil
}

// find adds a Finding.
func (c *checker) find(level Level, advice, format string, args ...any) {
	c.report.Findings = append(c.report.Findings, Finding{c.step, level, fmt.Sprintf(format, args...), advice})
}

// job is a job of the options, changed.
func (c *checker) job(change func(*plugins.Job)) plugins.Job {
	job := plugins.Job{
		Plugin:  plugins.Info{Name: "conform", SHA256: plugins.Hash(c.wasm)},
		Columns: c.options.Columns,
		Config:  c.options.Config,
		Options: json.RawMessage(`{"has_header":true,"update_existing":false,"tags":[]}`),
		Seed:    1,
		Clock:   1_700_000_000_000_000_000,
	}
	if change != nil {
		change(&job)
	}
	return job
}

// session opens the plugin; refusal is its own message where it refused the job.
// Of everything else that goes wrong it makes a Finding.
func (c *checker) session(ctx context.Context, what string, change func(*plugins.Job)) (s *plugins.Session, refusal string) {
	s, err := c.box.Open(ctx, "", c.job(change), func(context.Context) ([]byte, error) { return c.wasm, nil })
	if err == nil {
		return s, ""
	}
	return nil, c.opened(what, err)
}

func (c *checker) opened(what string, err error) (refusal string) {
	message := fault.Message(err)
	var trap *plugins.Trap
	switch {
	case errors.As(err, &trap):
		c.find(Broken, advice(trap.Reason), "%s: %s", what, message)
	case fault.CodeOf(err) == fault.ImportFailed && strings.HasPrefix(message, plugins.BadAnswer):
		c.find(Broken, `answer {"columns":[…]} with fields of a company or "custom." and a key, and with "input" and "pass" names of the job's columns`,
			"%s: %s", what, strings.TrimPrefix(message, plugins.BadAnswer))
	case fault.CodeOf(err) == fault.ImportFailed:
		return message
	default:
		c.err = err
	}
	return ""
}

func (c *checker) close(ctx context.Context, s *plugins.Session) {
	if err := s.Close(ctx); err != nil {
		c.err = err
	}
}

// process gives a batch to s and returns what became of each row; nil after a
// Finding. Rows that made the guest trap are a Finding.
func (c *checker) process(ctx context.Context, s *plugins.Session, what string, in *batch.Batch) []string {
	in.Faults = in.Faults[:0]
	for i := range in.Rows {
		in.Rows[i].Failed = false
	}
	out := &batch.Batch{}
	if _, err := s.Process(ctx, in, out); err != nil {
		if fault.CodeOf(err) == fault.ImportFailed {
			c.find(Broken, advice(err.Error()), "%s: %s", what, fault.Message(err))
		} else {
			c.err = err
		}
		return nil
	}
	for _, f := range in.Faults {
		if f.Code == fault.PluginTrap {
			c.find(Broken, advice(f.Message), "%s: row %d: %s", what, f.Row+1, f.Message)
			return nil
		}
	}
	return said(in, out)
}
