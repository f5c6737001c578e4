package plugins

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestGateBoundsAndIsFair(t *testing.T) {
	// One tenant has six guests, the other one, for two places; each runs turns of
	// one unit. The two that run end their turns together, once all others wait, so
	// that nothing but the gate decides who is next, and no scheduler how long a turn
	// is. The greedy one must not get more than its half, and the small one, which can
	// use one place, has it.
	g := newGate(2)
	ctx := context.Background()
	const unit = time.Millisecond
	var running, most atomic.Int64
	turns := map[string]*atomic.Int64{"greedy": {}, "small": {}}
	var wg sync.WaitGroup
	var all atomic.Int64
	waiting := func() (n int) {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, s := range g.shares {
			n += len(s.waiting)
		}
		return n
	}
	const guests, places, allTurns = 7, 2, 200
	meet, over := make(chan struct{}), make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	guest := func(tenant string) {
		defer wg.Done()
		if err := g.enter(ctx, tenant); err != nil {
			t.Error(err)
			return
		}
		n := running.Add(1)
		for {
			most.Store(max(most.Load(), n))
			for all.Load() < allTurns && waiting() < guests-places {
				runtime.Gosched()
			}
			select {
			case meet <- struct{}{}:
			case <-meet:
			case <-over:
			}
			if all.Add(1) > allTurns {
				end()
				running.Add(-1)
				g.leave(tenant, unit)
				return
			}
			turns[tenant].Add(1)
			running.Add(-1)
			if err := g.pass(ctx, tenant, unit); err != nil {
				t.Error(err)
				return
			}
			n = running.Add(1)
		}
	}
	for range 6 {
		wg.Add(1)
		go guest("greedy")
	}
	wg.Add(1)
	go guest("small")
	wg.Wait()
	greedy, small := turns["greedy"].Load(), turns["small"].Load()
	if most.Load() > 2 {
		t.Errorf("%d guests ran at once", most.Load())
	}
	if small*2 < greedy {
		t.Errorf("the small tenant had %d turns, the greedy one %d", small, greedy)
	}
	if g.free != 2 || len(g.shares) != 0 {
		t.Errorf("%d places free, shares %v", g.free, g.shares)
	}
}

func TestGateGivesUp(t *testing.T) {
	g := newGate(1)
	if err := g.enter(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if err := g.enter(ctx, "b"); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	if len(g.shares) != 1 {
		t.Errorf("shares %v", g.shares)
	}
	g.leave("a", 0)
	if g.free != 1 || len(g.shares) != 0 {
		t.Errorf("%d places free, shares %v", g.free, g.shares)
	}
}

func TestGateHammer(t *testing.T) {
	g := newGate(2)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			tenant := fmt.Sprint(i % 3)
			for j := range 300 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(j%5)*50*time.Microsecond)
				if g.enter(ctx, tenant) == nil && g.pass(ctx, tenant, time.Millisecond) == nil {
					g.leave(tenant, time.Millisecond)
				}
				cancel()
			}
		}()
	}
	wg.Wait()
	if g.free != 2 || len(g.shares) != 0 {
		t.Errorf("%d places free, shares %v", g.free, g.shares)
	}
}
