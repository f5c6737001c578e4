package engine

import (
	"context"
	"slices"
	"sync"
	"time"
)

// entry is a job that has not ended, as the queue knows it.
type entry struct {
	tenant, id string
	done       chan struct{} // closed when the job has ended

	mu       sync.Mutex
	canceled bool
	cancel   context.CancelFunc // of the turn at hand; nil between turns

	lain bool          // its upload lay on the disk while no engine ran, and was not read since; the runner's alone
	pass *pass         // of a trial, kept between turns; the runner's alone
	wait time.Duration // of the last turn, for a store that took nothing; the runner's alone
}

func newEntry(tenant, id string) *entry {
	return &entry{tenant: tenant, id: id, done: make(chan struct{})}
}

// begin makes a turn cancelable.
func (j *entry) begin(cancel context.CancelFunc) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cancel = cancel
	if j.canceled {
		cancel()
	}
}

func (j *entry) isCanceled() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.canceled
}

// markCanceled makes the turn at hand, or the next one, the last.
func (j *entry) markCanceled() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.canceled = true
	if j.cancel != nil {
		j.cancel()
	}
}

// queue gives turns to jobs: a tenant's one by one as accepted, the tenants in
// a ring, so that one tenant's thousand jobs wait behind another's single one.
type queue struct {
	mu      sync.Mutex
	ready   sync.Cond
	jobs    map[string][]*entry // by tenant; the first may be running
	ring    []string            // tenants whose first job waits for a turn
	running int
	closed  bool
}

func newQueue() *queue {
	q := &queue{jobs: map[string][]*entry{}}
	q.ready.L = &q.mu
	return q
}

// add puts a job behind its tenant's others.
func (q *queue) add(j *entry) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs[j.tenant] = append(q.jobs[j.tenant], j)
	if len(q.jobs[j.tenant]) == 1 {
		q.ring = append(q.ring, j.tenant)
		q.ready.Signal()
	}
}

// take waits for the next turn; nil when the queue is closed.
func (q *queue) take() *entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ring) == 0 && !q.closed {
		q.ready.Wait()
	}
	if q.closed {
		return nil
	}
	tenant := q.ring[0]
	q.ring = q.ring[1:]
	q.running++
	return q.jobs[tenant][0]
}

// put ends a turn. A job that is not over goes on when its tenant's turn comes.
func (q *queue) put(j *entry, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running--
	if over {
		q.jobs[j.tenant] = q.jobs[j.tenant][1:]
		close(j.done)
	}
	if len(q.jobs[j.tenant]) == 0 {
		delete(q.jobs, j.tenant)
		return
	}
	q.ring = append(q.ring, j.tenant)
	q.ready.Signal()
}

// remove takes a job out whose turn is not at hand; the caller ends it.
func (q *queue) remove(j *entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	jobs := q.jobs[j.tenant]
	i, turn := slices.Index(jobs, j), slices.Index(q.ring, j.tenant)
	if i < 0 || i == 0 && turn < 0 {
		return false // over, or running
	}
	q.jobs[j.tenant] = slices.Delete(jobs, i, i+1)
	if len(q.jobs[j.tenant]) == 0 {
		delete(q.jobs, j.tenant)
		q.ring = slices.Delete(q.ring, turn, turn+1)
	}
	return true
}

// of returns how many jobs of a tenant have not ended.
func (q *queue) of(tenant string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs[tenant])
}

// contended reports whether a job waits for a turn.
func (q *queue) contended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ring) > 0
}

// find returns a job that has not ended.
func (q *queue) find(tenant, id string) *entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.jobs[tenant] {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (q *queue) counts() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, jobs := range q.jobs {
		waiting += len(jobs)
	}
	return q.running, waiting - q.running
}

// close makes take return nil from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.ready.Broadcast()
}
