package plugins

import (
	"context"
	"errors"
	"fmt"
)

var errClosed = errors.New("plugins: closed")

// Sandbox compiles and runs plugins. Nothing in it belongs to one tenant.
type Sandbox struct {
	limits    Limits
	events    Events
	gate      *gate
	instances *pool
	modules   *shelf
}

// New makes a Sandbox.
func New(c Config) (*Sandbox, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("configure plugins: %w", err)
	}
	c = c.withDefaults()
	compiler, err := newCompiler(c)
	if err != nil {
		return nil, err
	}
	return &Sandbox{
		limits:    c.Limits,
		events:    c.Events,
		gate:      newGate(c.Guests),
		instances: newPool(c.MaxInstances),
		modules:   newShelf(compiler, c.MaxModules),
	}, nil
}

// Check decides whether a module may be uploaded and tells what its trial found. A
// refusal has the code plugin_invalid, and says what to change. One module at a
// time is tried; others wait.
func (b *Sandbox) Check(ctx context.Context, wasm []byte) (*Report, error) {
	e, err := b.modules.compiler.compile(ctx, wasm)
	if err != nil {
		return nil, err
	}
	return e.Report, nil
}

// Source gives the bytes of a module as uploaded. It is only asked where the
// compile cache has nothing.
type Source func(ctx context.Context) ([]byte, error)

// Open starts the module whose upload has job.Plugin.SHA256 for one job. When the
// plugin refuses the job the error has the code import_failed and the plugin's
// message.
func (b *Sandbox) Open(ctx context.Context, tenant string, job Job, source Source) (*Session, error) {
	l, err := b.modules.lease(ctx, job.Plugin.SHA256, source)
	if err != nil {
		return nil, err
	}
	s := &Session{box: b, tenant: tenant, job: job, lease: l, log: newLog(b.limits)}
	g, err := s.newGeneration(job.Columns)
	if err == nil {
		err = s.reopen(ctx, g)
	}
	if err != nil {
		_ = s.Close(ctx)
		return nil, err
	}
	return s, nil
}

// Close frees the modules that no session uses, and the others with their last
// session.
func (b *Sandbox) Close(ctx context.Context) error {
	b.modules.close(ctx)
	return nil
}
