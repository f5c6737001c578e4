package plugins

import (
	"context"
	"errors"
	"fmt"

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
		return nil, fault.New(fault.Validation, "plugin: %s", problem(err)).With("option", "plugin")
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
