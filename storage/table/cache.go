package table

import (
	"sync"
	"sync/atomic"
)

// cache bounds the bytes of what was read and decoded, over all tables. It is a
// clock: what was not used for a whole turn of the hand goes.
type cache struct {
	mu    sync.Mutex
	limit int64
	bytes int64
	ring  []*cached
	hand  int
}

// cached is one thing that the cache counts. Its owner keeps it where it is
// found; evict takes it away from there.
type cached struct {
	bytes int64
	used  atomic.Bool
	evict func()

	// Under cache.mu.
	place int  // in the ring, from 1; 0: not there
	gone  bool // for good
}

// touch says that c was used.
func (c *cached) touch() {
	if !c.used.Load() {
		c.used.Store(true)
	}
}

// add makes room for e and counts it.
func (c *cache) add(e *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.gone {
		return
	}
	for len(c.ring) > 0 && c.bytes+e.bytes > c.limit {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		v := c.ring[c.hand]
		if v.used.Swap(false) {
			c.hand++
			continue
		}
		c.remove(v)
		v.evict()
	}
	c.ring = append(c.ring, e)
	e.place = len(c.ring)
	c.bytes += e.bytes
}

// drop forgets e, which its owner has replaced.
func (c *cache) drop(e *cached) {
	c.mu.Lock()
	c.remove(e)
	c.mu.Unlock()
}

// remove takes e out of the ring, so that nothing here keeps its memory; it never
// comes back. c.mu is held.
func (c *cache) remove(e *cached) {
	e.gone = true
	if e.place == 0 {
		return
	}
	last := len(c.ring) - 1
	c.ring[e.place-1] = c.ring[last]
	c.ring[e.place-1].place = e.place
	c.ring[last] = nil
	c.ring, c.bytes, e.place = c.ring[:last], c.bytes-e.bytes, 0
}
