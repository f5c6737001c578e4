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
	gone  bool // under cache.mu
	evict func()
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
		if !v.gone && v.used.Swap(false) {
			c.hand++
			continue
		}
		if !v.gone {
			v.gone = true
			c.bytes -= v.bytes
			v.evict()
		}
		last := len(c.ring) - 1
		c.ring[c.hand], c.ring[last] = c.ring[last], nil
		c.ring = c.ring[:last]
	}
	c.ring = append(c.ring, e)
	c.bytes += e.bytes
}

// drop stops counting e, which its owner has replaced.
func (c *cache) drop(e *cached) {
	c.mu.Lock()
	if !e.gone {
		e.gone = true
		c.bytes -= e.bytes
	}
	c.mu.Unlock()
}
