package plugins

import (
	"context"
	"slices"
	"sync"
)

// pool bounds how many instances are alive, over all jobs. An idle instance stays
// with its job until another job needs the room; then the one that was idle
// longest is closed. Whoever waits for room holds no instance, and a running one
// comes back when its call ends, so nobody waits for ever.
type pool struct {
	mu      sync.Mutex
	room    int
	idle    []parked // the longest idle first
	waiting []chan struct{}
}

type parked struct {
	owner *Session
	in    *instance
}

func newPool(size int) *pool { return &pool{room: size} }

// take returns an idle instance of s, or nil when the caller may make one. Either
// is given back by put or drop.
func (p *pool) take(ctx context.Context, s *Session) (*instance, error) {
	p.mu.Lock()
	if s.closed {
		p.mu.Unlock()
		return nil, errClosed
	}
	for i := len(p.idle) - 1; i >= 0; i-- {
		if e := p.idle[i]; e.owner == s {
			p.idle = slices.Delete(p.idle, i, i+1)
			s.busy++
			p.mu.Unlock()
			return e.in, nil
		}
	}
	s.busy++
	if p.room > 0 {
		p.room--
		p.mu.Unlock()
		return nil, nil
	}
	if len(p.idle) > 0 {
		oldest := p.idle[0].in
		p.idle = slices.Delete(p.idle, 0, 1)
		p.mu.Unlock()
		oldest.close(ctx)
		return nil, nil
	}
	turn := make(chan struct{})
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()

	select {
	case <-turn:
		return nil, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	if i := slices.Index(p.waiting, turn); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	} else {
		p.giveRoom()
	}
	p.mu.Unlock()
	p.finished(ctx, s)
	return nil, ctx.Err()
}

// put gives back an instance that can be used again.
func (p *pool) put(ctx context.Context, s *Session, in *instance) {
	p.mu.Lock()
	if s.closed || len(p.waiting) > 0 {
		p.mu.Unlock()
		in.close(ctx)
		p.drop(ctx, s)
		return
	}
	p.idle = append(p.idle, parked{s, in})
	p.mu.Unlock()
	p.finished(ctx, s)
}

// drop gives back the room of an instance that was closed, or never made.
func (p *pool) drop(ctx context.Context, s *Session) {
	p.mu.Lock()
	p.giveRoom()
	p.mu.Unlock()
	p.finished(ctx, s)
}

func (p *pool) giveRoom() {
	if len(p.waiting) == 0 {
		p.room++
		return
	}
	close(p.waiting[0])
	p.waiting = p.waiting[1:]
}

// finished ends one use by s, and frees its module after the last.
func (p *pool) finished(ctx context.Context, s *Session) {
	p.mu.Lock()
	s.busy--
	last := s.closed && s.busy == 0
	p.mu.Unlock()
	if last {
		s.lease.release(ctx)
	}
}

// leave closes what s has idle. Instances that still work are closed when they
// are given back, the module after them. It reports whether s was still open.
func (p *pool) leave(ctx context.Context, s *Session) bool {
	p.mu.Lock()
	if s.closed {
		p.mu.Unlock()
		return false
	}
	s.closed = true
	var own []*instance
	p.idle = slices.DeleteFunc(p.idle, func(e parked) bool {
		if e.owner == s {
			own = append(own, e.in)
		}
		return e.owner == s
	})
	last := s.busy == 0
	p.mu.Unlock()
	for _, in := range own {
		in.close(ctx)
		p.mu.Lock()
		p.giveRoom()
		p.mu.Unlock()
	}
	if last {
		s.lease.release(ctx)
	}
	return true
}
