package plugins

import (
	"context"
	"sync"
	"time"
)

// gate lets a bounded number of guests run at once. Whoever waits is let in by
// its tenant's used time, least first, so that a tenant with many guests gets no
// more than one with few, and a guest that runs long makes room when its turn is
// over. Shares are relative: a tenant that comes back starts where the others
// are, and cannot save up.
type gate struct {
	mu      sync.Mutex
	free    int
	shares  map[string]*share
	arrived uint64        // orders waiters of equal shares
	floor   time.Duration // used time of the share that was let in last
}

// share is one tenant's part; it exists while one of its guests runs or waits.
type share struct {
	used    time.Duration
	running int
	waiting []*ticket
}

type ticket struct {
	in    chan struct{} // closed when let in
	order uint64
}

// turn is how long a guest runs before it looks whether others wait.
const turn = 5 * time.Millisecond

func newGate(guests int) *gate {
	return &gate{free: guests, shares: make(map[string]*share)}
}

// enter waits for a place. The caller leaves it by leave.
func (g *gate) enter(ctx context.Context, tenant string) error {
	g.mu.Lock()
	s := g.shares[tenant]
	if s == nil {
		s = &share{used: g.floor}
		g.shares[tenant] = s
	}
	return g.wait(ctx, tenant, s)
}

// wait queues for a place; g.mu is held, and no longer when it returns.
func (g *gate) wait(ctx context.Context, tenant string, s *share) error {
	t := &ticket{in: make(chan struct{}), order: g.arrived}
	g.arrived++
	s.waiting = append(s.waiting, t)
	g.letIn()
	g.mu.Unlock()

	select {
	case <-t.in:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range s.waiting {
		if w == t {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			g.drop(tenant, s)
			return ctx.Err()
		}
	}
	g.put(tenant, s) // let in meanwhile
	return ctx.Err()
}

// leave gives the place back after having run.
func (g *gate) leave(tenant string, ran time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.shares[tenant]
	s.used += ran
	g.put(tenant, s)
}

// pass ends a turn: when somebody with a better claim waits, the place goes to
// them and the caller waits for its next. After an error the caller has none.
func (g *gate) pass(ctx context.Context, tenant string, ran time.Duration) error {
	g.mu.Lock()
	s := g.shares[tenant]
	s.used += ran
	if first := g.first(); first == nil || first.used > s.used {
		g.mu.Unlock()
		return nil
	}
	s.running--
	g.free++
	g.letIn()
	return g.wait(ctx, tenant, s)
}

func (g *gate) put(tenant string, s *share) {
	s.running--
	g.free++
	g.letIn()
	g.drop(tenant, s)
}

// drop forgets a share that nothing holds.
func (g *gate) drop(tenant string, s *share) {
	if s.running == 0 && len(s.waiting) == 0 {
		delete(g.shares, tenant)
	}
}

// letIn gives the free places away.
func (g *gate) letIn() {
	for g.free > 0 {
		s := g.first()
		if s == nil {
			return
		}
		t := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.running++
		g.free--
		g.floor = max(g.floor, s.used)
		close(t.in)
	}
}

// first is the share whose guest is let in next; nil: nobody waits. Tenants that
// run plugins at one moment are few, so a scan is enough.
func (g *gate) first() *share {
	var best *share
	for _, s := range g.shares {
		if len(s.waiting) == 0 {
			continue
		}
		if best == nil || s.used < best.used || s.used == best.used && s.waiting[0].order < best.waiting[0].order {
			best = s
		}
	}
	return best
}
