package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"sluice/engine/fault"
	"sluice/storage"
)

// committer makes commits durable, one group at a time.
//
// A commit joins the queue and wakes the one goroutine, which takes all that has
// queued up, as far as one write holds it. A commit that comes alone is written
// at once; those that come while a group is on its way to disk are the next group
// and share its fsync. So nobody waits for company, and the more there are the
// fewer fsyncs each costs.
//
// A group is one Badger transaction: all of it is on disk or nothing. Its commits
// are judged in order, each guard against the store and the commits before it in
// the group. A key that one of these puts has a version that no caller can know
// yet, so a guard on it fails; one that they delete is at version 0.
//
// When a write fails, nobody knows what of it is on disk. The group gets that
// error, readers stay at the state before it, and all later commits are refused
// until the store is opened again and has read what the disk holds.
type committer struct {
	env  commitEnv
	wake chan struct{} // one token: the queue may have grown
	done chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	queue  []*request
	since  time.Time // when the group under way began; zero when there is none
	broken error
	closed bool
}

// commitEnv is what a committer needs of the store.
type commitEnv struct {
	newBudget  func() budget                    // of one write
	room       func(bytes int) error            // nil if the disk has room for a write
	version    func(key []byte) (uint64, error) // of a key on disk, 0 if absent
	write      func(ops []storage.Op) error     // all, durably, and then visible
	committed  func(Group)                      // after each write
	stallAfter time.Duration
}

// request is a commit in the queue.
type request struct {
	ops    []storage.Op
	guards []storage.Guard
	err    error
	done   chan struct{}
}

func newCommitter(env commitEnv) *committer {
	c := &committer{env: env, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go c.run()
	return c
}

// stop ends the goroutine after the commits that are queued.
func (c *committer) stop() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.rouse()
	<-c.done
}

func (c *committer) rouse() {
	select {
	case c.wake <- struct{}{}:
	default: // a token is there already
	}
}

// commit queues a commit and waits for its outcome. If ctx ends while it is still
// queued it is withdrawn.
func (c *committer) commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	if err := storage.CheckCommit(ops, guards); err != nil {
		return err
	}
	r := &request{ops: ops, guards: guards, done: make(chan struct{})}
	if err := c.enqueue(ctx, r); err != nil {
		return err
	}
	c.rouse()
	select {
	case <-r.done:
	case <-ctx.Done():
		if c.withdraw(r) {
			return ctx.Err()
		}
		<-r.done
	}
	return r.err
}

func (c *committer) enqueue(ctx context.Context, r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case c.closed:
		return ErrClosed
	case c.broken != nil:
		return refuse(c.broken)
	case !c.since.IsZero() && time.Since(c.since) > c.env.stallAfter:
		return fault.New(fault.Overloaded,
			"The disk is too slow: a write has been under way for more than %v; try again later.", c.env.stallAfter)
	}
	c.queue = append(c.queue, r)
	return nil
}

func (c *committer) withdraw(r *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.queue {
		if c.queue[i] == r {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			return true
		}
	}
	return false
}

func (c *committer) run() {
	defer close(c.done)
	for range c.wake {
		for {
			group, closed := c.take()
			if len(group) == 0 {
				if closed {
					return
				}
				break
			}
			c.settle(group, c.apply(group))
			if len(group) > 1 {
				// Let those just answered come back, or they are split in two halves
				// that wait for each other's fsyncs.
				runtime.Gosched()
			}
		}
	}
}

// take removes the next group from the queue: all of it, or as much as fits one
// write. After a failed write it takes none: settle has answered the queue.
func (c *committer) take() (group []*request, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return nil, c.closed
	}
	n, left := 1, c.env.newBudget()
	left.spend(c.queue[0].ops) // one commit always fits
	for n < len(c.queue) && left.spend(c.queue[n].ops) {
		n++
	}
	c.since = time.Now()
	group = append(group, c.queue[:n]...)
	c.queue = append(c.queue[:0], c.queue[n:]...)
	return group, c.closed
}

// apply judges and writes a group. Each request's own verdict is in its err; the
// error returned is that of the write itself.
func (c *committer) apply(group []*request) error {
	ops, passed := c.judge(group)
	if len(ops) == 0 {
		return nil
	}
	bytes := 0
	for i := range ops {
		bytes += len(ops[i].Key) + len(ops[i].Value)
	}
	if err := c.env.room(bytes); err != nil {
		for _, r := range passed {
			r.err = err
		}
		return nil
	}
	start := time.Now()
	if err := c.env.write(ops); errors.Is(err, storage.ErrTooLarge) {
		for _, r := range passed {
			r.err = err
		}
		return nil // refused before it was begun
	} else if err != nil {
		err = fmt.Errorf("write commit, its outcome is unknown until the store is opened again: %w", err)
		for _, r := range passed {
			r.err = err
		}
		return err
	}
	c.env.committed(Group{Commits: len(passed), Keys: len(ops), Bytes: bytes, Took: time.Since(start)})
	return nil
}

// judge returns the requests whose guards hold, and all of their ops.
func (c *committer) judge(group []*request) (ops []storage.Op, passed []*request) {
	if len(group) == 1 {
		r := group[0]
		if r.err = c.check(r.guards, nil); r.err != nil {
			return nil, nil
		}
		return r.ops, group
	}
	written := make(map[string]bool) // key → deleted, by the group so far
	for _, r := range group {
		if r.err = c.check(r.guards, written); r.err != nil {
			continue
		}
		for _, op := range r.ops {
			written[string(op.Key)] = op.Delete
		}
		ops = append(ops, r.ops...)
		passed = append(passed, r)
	}
	return ops, passed
}

func (c *committer) check(guards []storage.Guard, written map[string]bool) error {
	for _, g := range guards {
		deleted, ok := written[string(g.Key)]
		if ok && !deleted {
			return storage.ErrGuard
		}
		var version uint64
		if !ok {
			var err error
			if version, err = c.env.version(g.Key); err != nil {
				return err
			}
		}
		if version != g.Version {
			return storage.ErrGuard
		}
	}
	return nil
}

// settle tells the group its outcome and, after a failed write, the queue too.
func (c *committer) settle(group []*request, failed error) {
	c.mu.Lock()
	if group != nil {
		c.since = time.Time{}
	}
	if failed != nil {
		c.broken = failed
		for _, r := range c.queue {
			r.err = refuse(failed)
		}
		group = append(group, c.queue...)
		c.queue = nil
	}
	c.mu.Unlock()
	for _, r := range group {
		close(r.done)
	}
}

// fail refuses all commits from now on, because of a failed write of another's or of damage.
func (c *committer) fail(cause error) { c.settle(nil, cause) }

// refusal is what all commits from now on are answered; nil while they are taken.
func (c *committer) refusal() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken == nil {
		return nil
	}
	return refuse(c.broken)
}

// refuse is the answer to commits that come after a failed write, or after damage
// was found, which a restart does not mend.
func refuse(cause error) error {
	if errors.Is(cause, storage.ErrDamaged) {
		return fault.Wrap(fault.Overloaded, cause, "The store is damaged and takes no writes; restore the last backup.")
	}
	return fault.Wrap(fault.Overloaded, cause,
		"The store takes no writes since one failed; the server must be restarted.")
}
