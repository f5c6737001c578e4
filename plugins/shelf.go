package plugins

import (
	"context"
	"sync"
)

// shelf keeps modules compiled: those that sessions use, and a few more. Two jobs
// that want one module at once wait for the same compilation.
type shelf struct {
	compiler *compiler
	spare    int // modules kept though nobody uses them

	mu      sync.Mutex
	closed  bool
	modules map[string]*shelved // by hash of the upload
	clock   uint64
}

type shelved struct {
	ready  chan struct{} // closed once module or err is set
	module *module
	err    error
	users  int
	last   uint64
}

// lease is the right to use a module until release.
type lease struct {
	module  *module
	release func(context.Context)
}

func newShelf(c *compiler, spare int) *shelf {
	return &shelf{compiler: c, spare: spare, modules: make(map[string]*shelved)}
}

func (s *shelf) lease(ctx context.Context, hash string, source Source) (*lease, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed
	}
	m := s.modules[hash]
	mine := m == nil
	if mine {
		m = &shelved{ready: make(chan struct{})}
		s.modules[hash] = m
	}
	m.users++
	s.mu.Unlock()

	if mine {
		// Others may wait for this, so it doesn't end with the first caller.
		m.module, m.err = s.compiler.load(context.WithoutCancel(ctx), hash, source)
		close(m.ready)
	}
	select {
	case <-m.ready:
	case <-ctx.Done():
		s.release(ctx, hash, m)
		return nil, ctx.Err()
	}
	if m.err != nil {
		s.release(ctx, hash, m)
		return nil, m.err
	}
	return &lease{m.module, func(ctx context.Context) { s.release(ctx, hash, m) }}, nil
}

// release ends one use and closes what is then too much.
func (s *shelf) release(ctx context.Context, hash string, m *shelved) {
	s.mu.Lock()
	m.users--
	s.clock++
	m.last = s.clock
	if m.users == 0 && m.err != nil && s.modules[hash] == m {
		delete(s.modules, hash) // the next one tries again
	}
	out := s.surplus()
	s.mu.Unlock()
	for _, m := range out {
		m.close(ctx)
	}
}

// surplus takes unused modules off the shelf, the longest unused first.
func (s *shelf) surplus() []*module {
	var out []*module
	for {
		unused, oldest := 0, ""
		for hash, m := range s.modules {
			if m.users > 0 || m.module == nil {
				continue
			}
			unused++
			if oldest == "" || m.last < s.modules[oldest].last {
				oldest = hash
			}
		}
		if unused == 0 || unused <= s.spare && !s.closed {
			return out
		}
		out = append(out, s.modules[oldest].module)
		delete(s.modules, oldest)
	}
}

func (s *shelf) close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	out := s.surplus()
	s.mu.Unlock()
	for _, m := range out {
		m.close(ctx)
	}
}
