package measure

import (
	"sync"
	"sync/atomic"
	"time"
)

// Watch follows the anonymous memory of a process until it is stopped.
type Watch struct {
	pid    int
	before Usage
	peak   atomic.Int64
	stop   chan struct{}
	done   sync.WaitGroup
}

// watchEvery is short beside an import and long beside what a reading takes.
const watchEvery = 10 * time.Millisecond

// StartWatch begins to watch a process.
func StartWatch(pid int) (*Watch, error) {
	before, err := ReadUsage(pid)
	if err != nil {
		return nil, err
	}
	w := &Watch{pid: pid, before: before, stop: make(chan struct{})}
	w.sample()
	w.done.Go(func() {
		t := time.NewTicker(watchEvery)
		defer t.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-t.C:
				w.sample()
			}
		}
	})
	return w, nil
}

// sample keeps the highest reading. A process that is gone holds nothing.
func (w *Watch) sample() {
	if n, err := ReadAnon(w.pid); err == nil && n > w.peak.Load() {
		w.peak.Store(n)
	}
}

// Close ends the watch without a reading; it may come after Stop.
func (w *Watch) Close() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.done.Wait()
}

// Peak is the most anonymous memory that was seen so far.
func (w *Watch) Peak() int64 { return w.peak.Load() }

// Stop ends the watch and returns what the process used meanwhile, and its peak.
func (w *Watch) Stop() (Usage, int64, error) {
	w.sample()
	w.Close()
	now, err := ReadUsage(w.pid)
	if err != nil {
		return Usage{}, 0, err
	}
	return now.Sub(w.before), w.Peak(), nil
}
