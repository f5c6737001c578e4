package plugins

import (
	"context"
	"errors"
	"slices"
	"time"

	"sluice/engine/batch"
)

// Trial is what a plugin did with rows that were given to it without an import.
type Trial struct {
	Columns       []string
	Out           *batch.Batch // the answered rows; their errors are in the batch that was given
	Fuel          int64
	FuelPerRow    int64
	Log           []LogLine
	LogDropped    int
	RowsPerSecond float64 // of one guest, foreseen for many rows
	Failure       error   // what an import of these rows would end with; nil: nothing
}

// Test runs rows through a version and writes nothing. Rows that fail do so in in.
func (r *Registry) Test(ctx context.Context, tenant, name string, version int, job Job, in *batch.Batch) (*Trial, error) {
	v, err := r.Version(ctx, tenant, name, version)
	if err != nil {
		return nil, err
	}
	job.Plugin, job.ID = v.Info(), ""
	s, err := r.Open(ctx, tenant, job)
	if err != nil {
		return nil, err
	}
	t, err := s.try(ctx, in)
	return t, errors.Join(err, s.Close(ctx))
}

// Try runs rows through a module that no registry has, as Test does.
func (b *Sandbox) Try(ctx context.Context, wasm []byte, job Job, in *batch.Batch) (*Trial, error) {
	job.Plugin.SHA256, job.ID = Hash(wasm), ""
	s, err := b.Open(ctx, "", job, given(wasm))
	if err != nil {
		return nil, err
	}
	t, err := s.try(ctx, in)
	return t, errors.Join(err, s.Close(ctx))
}

// given is the source of a module that is in memory.
func given(wasm []byte) Source {
	return func(context.Context) ([]byte, error) { return wasm, nil }
}

// Warm rows tell more about many rows than the first ones do.
const (
	warmRuns = 20
	warmTime = 30 * time.Millisecond
)

func (s *Session) try(ctx context.Context, in *batch.Batch) (*Trial, error) {
	t := &Trial{Out: &batch.Batch{}}
	s.trial = true
	var err error
	if t.Columns, err = s.Process(ctx, in, t.Out); err != nil {
		return nil, err
	}
	fuel, rows, ran := s.Fuel()
	t.Fuel = fuel
	t.Log, t.LogDropped = s.log.Lines()
	t.Failure = s.failure
	if rows == 0 {
		return t, nil
	}
	t.FuelPerRow = fuel / rows
	t.RowsPerSecond = perSecond(rows, ran)
	before, faults := slices.Clone(in.Rows), len(in.Faults)
	scratch, began := &batch.Batch{}, time.Now()
	for i := 0; i < warmRuns && time.Since(began) < warmTime; i++ {
		_, rows, ran := s.Fuel()
		if _, err := s.Process(ctx, in, scratch); err != nil {
			break // the answer is there already
		}
		_, after, until := s.Fuel()
		t.RowsPerSecond = max(t.RowsPerSecond, perSecond(after-rows, until-ran))
	}
	// A plugin that remembers rows may fail them when they come again.
	in.Rows, in.Faults = before, in.Faults[:faults]
	return t, nil
}

func perSecond(rows int64, ran time.Duration) float64 {
	if rows <= 0 || ran <= 0 {
		return 0
	}
	return float64(rows) / ran.Seconds()
}
