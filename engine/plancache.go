package engine

import (
	"hash/maphash"
	"slices"
	"sync"
)

// Bounds of a planCache.
const (
	maxPlans     = 256
	maxPlanBytes = 4 << 10 // of a plan's keys
)

// planCache keeps the plans of JSON keys: a client's small imports have the same
// ones each time, and matching eight keys takes 3 µs.
type planCache struct {
	seed maphash.Seed

	mu    sync.RWMutex
	plans map[uint64]*plan // by the hash of the columns
}

func newPlanCache() *planCache {
	return &planCache{seed: maphash.MakeSeed(), plans: map[uint64]*plan{}}
}

// of returns the plan of keys, which may be shared.
func (c *planCache) of(keys []string) *plan {
	var h maphash.Hash
	h.SetSeed(c.seed)
	bytes := 0
	for _, k := range keys {
		_, _ = h.WriteString(k)
		_ = h.WriteByte(0)
		if bytes += len(k) + 16; bytes > maxPlanBytes {
			return keyPlan(keys)
		}
	}
	sum := h.Sum64()
	c.mu.RLock()
	p := c.plans[sum]
	c.mu.RUnlock()
	if p != nil && slices.Equal(p.names, keys) {
		return p
	}
	p = keyPlan(slices.Clone(keys))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.plans) >= maxPlans {
		clear(c.plans) // rows whose keys differ all the time find nothing here anyway
	}
	c.plans[sum] = p
	return p
}
