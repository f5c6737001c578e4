package badgerkv

import "sync"

// snapshots knows which states of the store are being read. The last one
// published is what new readers see; Badger may drop what no reader can see, so
// it is told the oldest in use.
type snapshots struct {
	mu     sync.Mutex
	states []*snapshot // ascending; the last is the current one
}

type snapshot struct {
	version uint64
	readers int
}

// publish makes version the current state.
func (s *snapshots) publish(version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = append(s.states, &snapshot{version: version})
	s.trim()
}

// acquire returns the current state, to be released.
func (s *snapshots) acquire() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := s.states[len(s.states)-1]
	snap.readers++
	return snap
}

func (s *snapshots) release(snap *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap.readers--
	if snap.readers == 0 && snap == s.states[0] {
		s.trim()
	}
}

// current returns the version that new readers see.
func (s *snapshots) current() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[len(s.states)-1].version
}

// oldest returns the least version that is or will be read.
func (s *snapshots) oldest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[0].version
}

// trim forgets the states before the first in use. What lies unused behind that
// one is dropped when it ends: at most one state a commit, while a scan lasts.
func (s *snapshots) trim() {
	n := 0
	for n < len(s.states)-1 && s.states[n].readers == 0 {
		n++
	}
	if n > 0 {
		s.states = append(s.states[:0], s.states[n:]...)
	}
}
