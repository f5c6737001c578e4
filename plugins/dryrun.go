package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/engine/batch"
)

// Report is what the trial at upload found out about a module.
type Report struct {
	Functions    int `json:"functions"`
	MemoryPages  int `json:"memory_pages"` // at the start, of 64 KiB
	MeteredBytes int `json:"metered_bytes"`
	NativeBytes  int `json:"native_bytes"`

	Describe   json.RawMessage `json:"describe,omitempty"` // as the module says it
	Columns    []string        `json:"columns"`            // answered for the trial's columns
	Rows       int             `json:"rows"`               // given to it
	Answered   int             `json:"answered"`
	Problem    string          `json:"problem,omitempty"` // why the trial could not be made, or ended
	Errors     []ReportError   `json:"errors,omitempty"`
	Fuel       int64           `json:"fuel"`         // of process
	FuelPerRow int64           `json:"fuel_per_row"` // on average
	Log        []LogLine       `json:"log,omitempty"`
}

// ReportError is what became of one of the trial's rows.
type ReportError struct {
	Row     int    `json:"row"` // from 1
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Fuel of the trial: less than a job has, because the interpreter is slow.
const (
	trialStart = 50_000_000 // of _initialize and of describe
	trialBatch = 5_000_000
	trialTraps = 3

	// Processor time of each of the trial's three steps. The interpreter's is a
	// part of what the child has: who lets it count is not to be killed, and
	// refused, for compiling.
	trialTime     = 20 * time.Second
	interpretTime = 2 * time.Second
)

// transcript is a Report and what else two engines must agree on.
type transcript struct {
	Report
	refused string
	output  string
	late    bool // stopped by the time, not by itself or by its fuel
}

// differs names the first thing that two engines disagree on; "": nothing. An
// engine that was given too little time has not disagreed: how far it comes is a
// property of the machine, and a verdict on a module must not depend on that.
func (t *transcript) differs(o *transcript) string {
	if t.late || o.late {
		return ""
	}
	a, b := t.Report, o.Report
	switch {
	case t.refused != o.refused || a.Problem != b.Problem:
		return fmt.Sprintf("its start: %q and %q", clip(t.refused+a.Problem, 200), clip(o.refused+b.Problem, 200))
	case string(a.Describe) != string(b.Describe):
		return "describe's answer"
	case strings.Join(a.Columns, "\n") != strings.Join(b.Columns, "\n"):
		return "open's answer"
	case fmt.Sprint(a.Errors) != fmt.Sprint(b.Errors):
		return fmt.Sprintf("the errors of rows: %s and %s", clip(fmt.Sprint(a.Errors), 200), clip(fmt.Sprint(b.Errors), 200))
	case t.output != o.output:
		return "process's answer"
	case a.Fuel != b.Fuel:
		return fmt.Sprintf("the fuel of process: %d and %d", a.Fuel, b.Fuel)
	case fmt.Sprint(a.Log) != fmt.Sprint(b.Log):
		return "its log"
	}
	return ""
}

// dryRun starts m and gives it a few made-up rows; each step may take patience.
func dryRun(ctx context.Context, m *module, limits Limits, patience time.Duration) *transcript {
	t := &transcript{}
	limits.FuelPerBatch, limits.FuelPerRow = trialBatch, trialBatch
	limits.BatchTime, limits.MaxTraps = patience, trialTraps
	limits.FuelStart = trialStart
	box := &Sandbox{limits: limits, events: Events{}.withDefaults(), gate: newGate(1), instances: newPool(2)}
	s := &Session{box: box, job: trialJob(), log: newLog(limits),
		lease: &lease{m, func(context.Context) {}}}
	defer func() {
		t.Log, _ = s.log.Lines()
		_ = s.Close(ctx)
	}()
	if !t.start(ctx, s) {
		return t
	}
	g, err := s.newGeneration(s.job.Columns)
	if err == nil {
		err = s.reopen(ctx, g)
	}
	if err != nil {
		t.ended(err)
		return t
	}
	in, out := trialBatchOf(s.job.Columns), &batch.Batch{}
	t.Rows = len(in.Rows)
	t.Columns, err = s.Process(ctx, in, out)
	if err != nil {
		t.ended(err)
	}
	if s.traps.Load() > trialTraps {
		t.Problem = fmt.Sprintf("the plugin trapped on more than %d rows; the errors say why", trialTraps)
	}
	for _, f := range in.Faults {
		t.Errors = append(t.Errors, ReportError{f.Row + 1, string(f.Code), f.Message})
	}
	t.Answered = len(out.Source)
	t.output = render(out)
	t.Fuel, _, _ = s.Fuel()
	t.FuelPerRow = t.Fuel / int64(t.Rows)
	return t
}

// start runs _initialize and describe; they must end.
func (t *transcript) start(ctx context.Context, s *Session) bool {
	e := &effort{limit: s.box.limits.BatchTime}
	said := newLog(s.box.limits)
	around := surroundings{gate: s.box.gate, log: said, seed: s.job.Seed, clock: s.job.Clock}
	in, err := s.lease.module.start(ctx, around, e, trialStart)
	if err != nil {
		s.log.take(said)
		t.stopped("_initialize", err)
		return false
	}
	defer in.close(ctx)
	in.log = s.log // the session's instance says again what this one did until here
	answer, err := in.describeSelf(ctx, e, trialStart, s.box.limits.OpenBytes)
	switch {
	case err != nil:
		t.stopped("sluice_v1_describe", err)
		return t.refused == ""
	case len(answer) > 0 && json.Valid(answer):
		t.Describe = answer
	case len(answer) > 0:
		t.Problem = "sluice_v1_describe does not answer JSON"
	}
	return true
}

func (t *transcript) stopped(what string, err error) {
	if trap, ok := asTrap(err); ok && trap.Fuel {
		t.refused = fmt.Sprintf("%s does not end within %d units of fuel; do the work in sluice_v1_open or less of it", what, trialStart)
		return
	}
	t.ended(err)
	t.Problem = what + ": " + t.Problem
}

func (t *transcript) ended(err error) {
	t.Problem, t.late = problem(err), errors.Is(err, errLate)
}

// trialJob is the job that every module is tried with.
func trialJob() Job {
	return Job{
		ID:     "imp_co_trial",
		Seed:   1,
		Clock:  1_700_000_000_000_000_000,
		Plugin: Info{Name: "trial"},
		Columns: []string{"Company", "Domain", "Website", "Industry", "City", "Country", "Phone",
			"Employees"},
	}
}

// trialBatchOf makes rows of plain, odd and empty values of every kind.
func trialBatchOf(columns []string) *batch.Batch {
	b := &batch.Batch{}
	b.Reset(len(columns))
	values := []struct {
		kind batch.Kind
		text string
	}{
		{batch.Text, "Acme GmbH"}, {batch.Text, "acme.example"}, {batch.Text, "https://www.acme.example/about?x=1"},
		{batch.Text, "Software"}, {batch.Text, "Köln"}, {batch.Text, "Germany"}, {batch.Text, "+49 221 12345"},
		{batch.Number, "250"}, {batch.Text, ""}, {batch.Absent, ""}, {batch.Null, ""}, {batch.Bool, "true"},
		{batch.JSON, `["a","b"]`}, {batch.Number, "-1.5e3"}, {batch.Text, "  spaces  "}, {batch.Text, "日本語"},
		{batch.Text, strings.Repeat("long ", 200)}, {batch.Text, "a\x00b\xff"}, {batch.Text, "201-500"},
	}
	for i := range 16 {
		b.Rows = append(b.Rows, batch.Row{Number: uint64(i + 1)})
		for j := range columns {
			v := values[j%8]
			if i > 1 {
				v = values[(i*7+j*3)%len(values)]
			}
			b.Cells = append(b.Cells, b.Append(v.kind, []byte(v.text)))
		}
	}
	return b
}

// render writes an answer as text, to be compared.
func render(b *batch.Batch) string {
	var s strings.Builder
	for i, source := range b.Source {
		fmt.Fprintf(&s, "%d:", source)
		for _, c := range b.Row(i) {
			fmt.Fprintf(&s, " %d%q", c.Kind(), b.Bytes(c))
		}
		s.WriteByte('\n')
	}
	return s.String()
}
