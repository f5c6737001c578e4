package spool

import (
	"context"
	"errors"
	"sync"
)

// ErrAborted is what a reader that waits gets when the upload was given up.
var ErrAborted = errors.New("spool: upload was aborted")

// growth is what readers know of a spool that is being written.
type growth struct {
	mu      sync.Mutex
	size    int64
	ended   bool
	reason  error         // why it ended; nil: it is complete
	changed chan struct{} // closed, and replaced, at each change
}

func newGrowth() *growth { return &growth{changed: make(chan struct{})} }

// reach notes that so much can be read.
func (g *growth) reach(size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.size = size
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *growth) end(reason error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended, g.reason = true, reason
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *growth) bytes() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.size
}

// wait returns once there is more than off, or nothing more comes.
func (g *growth) wait(ctx context.Context, off int64) (size int64, complete bool, err error) {
	for {
		g.mu.Lock()
		size, complete, err = g.size, g.ended, g.reason
		changed := g.changed
		g.mu.Unlock()
		if err != nil {
			return 0, false, err
		}
		if complete || size > off {
			return size, complete, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, false, ctx.Err()
		}
	}
}
