package engine

import "sync"

// watchers tell those who wait for a job that it has changed.
type watchers struct {
	mu     sync.Mutex
	byJob  map[string]map[chan struct{}]struct{}
	closed bool
}

func newWatchers() *watchers { return &watchers{byJob: map[string]map[chan struct{}]struct{}{}} }

// Watch returns a channel that receives after the job has changed, and is
// closed when the engine stops. Changes that come faster than they are received
// are told once. Call stop when done.
func (e *Engine) Watch(id string) (changed <-chan struct{}, stop func()) {
	return e.watch.add(id)
}

func (w *watchers) add(id string) (<-chan struct{}, func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := make(chan struct{}, 1)
	if w.closed {
		close(ch)
		return ch, func() {}
	}
	if w.byJob[id] == nil {
		w.byJob[id] = map[chan struct{}]struct{}{}
	}
	w.byJob[id][ch] = struct{}{}
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.byJob[id], ch)
		if len(w.byJob[id]) == 0 {
			delete(w.byJob, id)
		}
	}
}

func (w *watchers) changed(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.byJob[id] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (w *watchers) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for _, set := range w.byJob {
		for ch := range set {
			close(ch)
		}
	}
	w.byJob = map[string]map[chan struct{}]struct{}{}
}
