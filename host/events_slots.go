package host

import "sync"

// slots bounds what is held open for clients: of each tenant, so that one can't
// take what others need, and in all.
type slots struct {
	perTenant, total int

	mu       sync.Mutex
	byTenant map[string]int
	taken    int
}

func newSlots(perTenant, total int) *slots {
	return &slots{perTenant: perTenant, total: total, byTenant: make(map[string]int)}
}

// take takes a slot, if there is one.
func (s *slots) take(tenant string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.total || s.byTenant[tenant] >= s.perTenant {
		return false
	}
	s.taken++
	s.byTenant[tenant]++
	return true
}

// put gives a slot back.
func (s *slots) put(tenant string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.byTenant[tenant]--; s.byTenant[tenant] == 0 {
		delete(s.byTenant, tenant)
	}
}
