package plugins

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// Ref is how a request names a plugin. The zero value asks for the active one.
type Ref struct {
	None    bool
	Name    string
	Version int // 0: the newest
}

// Pin resolves ref to one exact plugin; nil for none. A plugin that the tenant
// does not have is an error of code validation_error.
func (r *Registry) Pin(ctx context.Context, tenant string, ref Ref) (*Info, error) {
	if ref.None {
		return nil, nil
	}
	if ref.Name == "" {
		return r.Active(ctx, tenant, Object)
	}
	v, err := r.Version(ctx, tenant, ref.Name, ref.Version)
	if errors.Is(err, fault.NotFound) {
		return nil, fault.New(fault.Validation, "plugin: %s", problem(err))
	}
	if err != nil {
		return nil, err
	}
	info := v.Info()
	return &info, nil
}

// Open starts the pinned plugin for one job. When the session is closed, the
// batch that made the plugin trap, if one did, is kept for Bundle.
func (r *Registry) Open(ctx context.Context, tenant string, job Job) (*Session, error) {
	s, err := r.box.Open(ctx, tenant, job, func(ctx context.Context) ([]byte, error) {
		return r.blob(ctx, tenant, job.Plugin.SHA256)
	})
	if err != nil {
		return nil, err
	}
	s.closing = func(ctx context.Context) error { return r.keepBundle(ctx, tenant, job.ID, s.Bundle()) }
	return s, nil
}

// keepBundle stores a bundle until its job is forgotten. A job that runs again,
// after its own trial or a restart, keeps the newest.
func (r *Registry) keepBundle(ctx context.Context, tenant, job string, b *Bundle) error {
	if b == nil || job == "" {
		return nil
	}
	data, err := b.Marshal()
	if err != nil {
		return err
	}
	if len(data) > maxStoredBundle {
		return nil
	}
	key := tuple.New(tenant, kindBundle).String(job)
	if err := r.records.Write(ctx, []Change{{key, append(timeRecord(r.now()), data...)}}); err != nil {
		return fmt.Errorf("store replay bundle: %w", err)
	}
	return nil
}

// maxStoredBundle leaves room in a commit. One row may be larger, with a plugin
// that is given many columns of a megabyte; such a job has no bundle.
const maxStoredBundle = 4 << 20

// Bundle returns what Replay needs of a job whose plugin trapped, encoded.
func (r *Registry) Bundle(ctx context.Context, tenant, job string) ([]byte, error) {
	data, err := r.records.Record(ctx, tuple.New(tenant, kindBundle).String(job))
	if errors.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "the job has no replay bundle; one is kept when a plugin traps")
	}
	if err != nil {
		return nil, fmt.Errorf("read replay bundle: %w", err)
	}
	if len(data) < 8 {
		return nil, fmt.Errorf("read replay bundle: %w", ErrBundle)
	}
	return data[8:], nil
}

// Trial is what a plugin did with rows that were given to it without an import.
type Trial struct {
	Columns       []string
	Out           *batch.Batch // the answered rows; their errors are in the batch that was given
	Fuel          int64
	FuelPerRow    int64
	Log           []LogLine
	LogDropped    int
	RowsPerSecond float64 // of one guest, foreseen for many rows
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

// Warm rows tell more about many rows than the first ones do.
const (
	warmRuns = 20
	warmTime = 30 * time.Millisecond
)

func (s *Session) try(ctx context.Context, in *batch.Batch) (*Trial, error) {
	t := &Trial{Out: &batch.Batch{}}
	var err error
	if t.Columns, err = s.Process(ctx, in, t.Out); err != nil {
		return nil, err
	}
	fuel, rows, ran := s.Fuel()
	t.Fuel = fuel
	t.Log, t.LogDropped = s.log.Lines()
	if rows == 0 {
		return t, nil
	}
	t.FuelPerRow = fuel / rows
	t.RowsPerSecond = perSecond(rows, ran)
	faults := len(in.Faults)
	scratch, began := &batch.Batch{}, time.Now()
	for i := 0; i < warmRuns && time.Since(began) < warmTime; i++ {
		_, rows, ran := s.Fuel()
		if _, err := s.Process(ctx, in, scratch); err != nil {
			return nil, err
		}
		_, after, until := s.Fuel()
		t.RowsPerSecond = max(t.RowsPerSecond, perSecond(after-rows, until-ran))
	}
	in.Faults = in.Faults[:faults]
	return t, nil
}

func perSecond(rows int64, ran time.Duration) float64 {
	if rows <= 0 || ran <= 0 {
		return 0
	}
	return float64(rows) / ran.Seconds()
}
