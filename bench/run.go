package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sluice/bench/floor"
	"sluice/bench/measure"
	"sluice/bench/peers"
)

// Run measures what the configuration asks for and returns the report. When the
// context or the budget ends it returns what there is, and the report says that
// it is incomplete. An error means that there is nothing to report; scenarios
// that fail stand in the report.
func Run(ctx context.Context, cfg Config) (report *Report, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	scenarios, err := selected(cfg.Scenarios)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(cfg.Dir, "sluice-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// PostgreSQL's processes belong to somebody else, and have to get in.
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	started := time.Now()
	report = &Report{Version: reportVersion, Started: started.UTC().Truncate(time.Second), Seed: cfg.Seed, Rows: cfg.Rows,
		Machine: measure.ReadMachine(dir)}
	if report.Revision, err = serverVersion(ctx, cfg.Binary); err != nil {
		return nil, err
	}
	cfg.say("preparing %d scenarios in %s", len(scenarios), dir)
	stage, err := newStage(ctx, cfg, dir, scenarios)
	if err != nil {
		return nil, err
	}
	plan := stage.plan(ctx, scenarios)
	for _, s := range plan {
		report.Results = append(report.Results, s.results...)
	}
	report.Incomplete = stage.rounds(ctx, plan, started)
	report.Seconds = time.Since(started).Seconds()
	return report, nil
}

func (c Config) say(format string, args ...any) {
	if c.Log != nil {
		fmt.Fprintf(c.Log, format+"\n", args...)
	}
}

// step is what a round does one after the other: it adds a run to each of its
// results.
type step struct {
	name    string
	rounds  int
	limit   time.Duration
	results []*Result
	run     func(ctx context.Context) ([]Sample, error)
	failed  bool
}

// stepLimit is for what hangs; everything that works is far from it.
func stepLimit(rows int) time.Duration {
	const slowest = 20_000 // rows a second
	return time.Minute + time.Duration(rows/slowest)*time.Second
}

// limit is for the measured import, one before it and the questions after it.
func (sc Scenario) limit(rows int) time.Duration { return 2 * stepLimit(rows*max(sc.times, 1)) }

// plan lists the steps of a round: the floors, the scenarios, the peers.
func (s *stage) plan(ctx context.Context, scenarios []Scenario) []*step {
	var plan []*step
	floors := map[shape]bool{}
	for _, sc := range scenarios {
		if sc.floor == "" || floors[sc.floor] {
			continue
		}
		floors[sc.floor] = true
		plan = append(plan, s.floorStep(sc.floor))
	}
	for _, sc := range scenarios {
		res := &Result{Name: sc.Name, Kind: KindSluice, Group: sc.Group, About: sc.About, Headline: sc.Headline}
		if sc.floor != "" {
			res.Floor = floorName(sc.floor)
		}
		st := &step{name: sc.Name, rounds: min(s.cfg.SideRuns, s.cfg.Runs), limit: sc.limit(s.cfg.Rows), results: []*Result{res},
			run: func(ctx context.Context) ([]Sample, error) {
				run, err := sc.run(ctx, s)
				return []Sample{run}, err
			}}
		if sc.Headline || sc.OptIn {
			st.rounds = s.cfg.Runs
		}
		plan = append(plan, st)
	}
	if s.cfg.Peers {
		for _, p := range peers.All() {
			plan = append(plan, s.peerStep(ctx, p))
		}
	}
	return plan
}

func floorName(of shape) string { return "floor-" + string(of) }

func (s *stage) floorStep(of shape) *step {
	about := "the same bytes received, scanned, hashed, compressed and fsynced"
	if of == gzipShape {
		about += ", after gunzip"
	}
	res := &Result{Name: floorName(of), Kind: KindFloor, Group: "floor", About: about, Headline: true}
	return &step{name: res.Name, rounds: s.cfg.Runs, limit: stepLimit(s.cfg.Rows), results: []*Result{res},
		run: func(ctx context.Context) ([]Sample, error) {
			in, err := s.files.get(of, s.clean())
			if err != nil {
				return nil, err
			}
			got, err := floor.Run(ctx, s.dir, in.Files, of == gzipShape)
			if err != nil {
				return nil, err
			}
			if got.Bytes != in.Bytes && of != jsonRowsShape && of != jsonCSVShape {
				return nil, fmt.Errorf("the floor took %d bytes, not %d", got.Bytes, in.Bytes)
			}
			return []Sample{{Seconds: got.Seconds, Rows: in.Rows, Bytes: got.Bytes, DiskBytes: got.Stored}}, nil
		}}
}

// rounds goes through the plan as often as it is asked for, every second time
// backwards, so that no step always comes after the same other one. It returns
// why it ended early.
func (s *stage) rounds(ctx context.Context, plan []*step, started time.Time) string {
	most := 0
	for _, st := range plan {
		most = max(most, st.rounds)
	}
	var longest time.Duration
	for round := range most {
		began := time.Now()
		if round > 0 && time.Since(started)+longest > s.cfg.Budget {
			return fmt.Sprintf("%d of %d rounds went into the budget of %s", round, most, s.cfg.Budget)
		}
		// A slow machine may take longer for the first round: without it there
		// is no report.
		limit := s.cfg.Budget
		if round == 0 {
			limit *= 2
		}
		order := slices.Clone(plan)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, st := range order {
			if round >= st.rounds || st.failed {
				continue
			}
			if time.Since(started) > limit {
				return fmt.Sprintf("round %d of %d was not done within %s", round+1, most, limit)
			}
			if err := s.step(ctx, st, round); err != nil {
				return err.Error()
			}
		}
		longest = max(longest, time.Since(began))
	}
	return ""
}

// step does one step; its failure stands in its results, and ends the run only
// where the run is over.
func (s *stage) step(ctx context.Context, st *step, round int) error {
	limited, cancel := context.WithTimeoutCause(ctx, st.limit, fmt.Errorf("not done within %s", st.limit))
	defer cancel()
	measure.SettleDisk() // what the step before wrote is not on this one's account
	runs, err := st.run(limited)
	if ctx.Err() != nil {
		return fmt.Errorf("ended in round %d: %w", round+1, context.Cause(ctx))
	}
	if err == nil && len(runs) != len(st.results) {
		err = fmt.Errorf("BUG: %d runs for %d results", len(runs), len(st.results))
	}
	if err != nil {
		st.failed = true
		if limited.Err() != nil {
			err = errors.Join(context.Cause(limited), err)
		}
		for _, res := range st.results {
			res.Failed = err.Error()
		}
		s.cfg.say("round %d  %-16s failed: %v", round+1, st.name, err)
		return nil
	}
	for i, res := range st.results {
		res.Runs = append(res.Runs, runs[i])
		s.cfg.say("round %d  %-22s %s", round+1, res.Name, brief(runs[i]))
	}
	return nil
}

// brief is a run in a few words.
func brief(r Sample) string {
	if r.Requests > 0 {
		return fmt.Sprintf("%.3fs  %d requests  %d rows  p50 %.3f ms  p99 %.3f ms", r.Seconds, r.Requests, r.Rows, r.P50, r.P99)
	}
	return fmt.Sprintf("%.3fs  %.0f rows/s  %.2f CPU s  %d MB", r.Seconds, r.rowsPerSecond(), r.CPUSeconds, r.PeakAnon>>20)
}

// workDir makes a folder for a step.
func (s *stage) workDir(name string) (string, error) {
	dir := filepath.Join(s.dir, name)
	return dir, os.Mkdir(dir, 0o755)
}
