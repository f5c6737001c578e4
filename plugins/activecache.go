package plugins

import "sync"

// maxKnownActive bounds the tenants of an activeCache.
const maxKnownActive = 10_000

// activeCache remembers which plugin is active: each import asks, and the two
// records that say so cost 2.5 µs to read.
type activeCache struct {
	mu      sync.RWMutex
	known   map[string]*Info // by tenant; nil: none is active
	changes uint64           // so far, of any tenant
}

// of returns what is known of a tenant, and the changes so far, for learn.
func (c *activeCache) of(tenant string) (info *Info, known bool, changes uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	info, known = c.known[tenant]
	return info, known, c.changes
}

// learn remembers what was read, unless something has changed since.
func (c *activeCache) learn(tenant string, info *Info, changes uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes {
		return
	}
	if c.known == nil || len(c.known) >= maxKnownActive {
		c.known = map[string]*Info{}
	}
	c.known[tenant] = info
}

// forget is called once a change of the tenant's is stored, or may be.
func (c *activeCache) forget(tenant string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, tenant)
	c.changes++
}
