package host

import (
	"sync"
	"time"
)

const (
	rateWindow   = 60 * time.Second
	maxRateLimit = 1_000_000_000
)

// limiter counts each key's requests in fixed windows, the first of which begins
// with the second of the key's first request, so that the answers, which tell
// whole seconds, are exact. It holds the windows that run, so its size is
// bounded by the keys that were used within a minute or so.
type limiter struct {
	mu      sync.Mutex
	windows map[string]*window // by key id
	sweep   int                // size at which windows that are over are dropped
}

// window is a key's count of requests.
type window struct {
	limit int
	count int
	start time.Time
}

const leastSweep = 1024

func newLimiter() *limiter {
	return &limiter{windows: make(map[string]*window), sweep: leastSweep}
}

// take counts a request and reports the window and whether the request fits.
func (l *limiter) take(key string, limit int, now time.Time) (window, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now = now.Round(0) // by the clock that clients are told, not by how long the process runs
	start := now.Add(-time.Duration(now.Nanosecond()))
	w := l.windows[key]
	if w == nil {
		if len(l.windows) >= l.sweep {
			for k, w := range l.windows {
				if w.over(now) {
					delete(l.windows, k)
				}
			}
			l.sweep = max(leastSweep, 2*len(l.windows))
		}
		w = &window{start: start}
		l.windows[key] = w
	} else if w.over(now) {
		*w = window{start: start}
	}
	w.limit = limit
	if w.count >= limit {
		return *w, false
	}
	w.count++
	return *w, true
}

// over reports whether the window has ended. A clock that was set back ends it,
// too: nobody is to be locked out until it has caught up.
func (w *window) over(now time.Time) bool {
	age := now.Sub(w.start)
	return age >= rateWindow || age < 0
}

func (w *window) remaining() int { return max(0, w.limit-w.count) }

// reset returns the Unix second at which the window ends.
func (w *window) reset() int64 { return w.start.Add(rateWindow).Unix() }
