package table

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"sluice/engine/fault"
	"sluice/storage"
)

// writer is the queue of one table. Its goroutine lives as long as there is
// something to do.
type writer struct {
	mu      sync.Mutex
	queue   []*request
	running bool
	wake    chan struct{} // has one place; something came while the goroutine rested
	closed  bool
	wakers  []chan struct{} // told when the goroutine ends
	broken  error           // why the table takes no more commits
	lively  bool            // the last commit was of several requests; the goroutine's own
}

// request is one Update, or, without fn, a wish for a round of vacuum.
type request struct {
	ctx   context.Context
	fn    func(*Tx) error
	first bool // it runs once, so it must be the first of its commit
	state atomic.Int32
	done  chan error
}

const (
	waiting int32 = iota
	taken
	left // its caller went away before it was taken
)

// mergeBytes and mergeKeys are where a commit takes no further fn.
const (
	mergeBytes = txMaxBytes * 3 / 4
	mergeKeys  = txMaxKeys * 3 / 4
)

var errClosed = fault.New(fault.Overloaded, "the server is shutting down")

// Update runs fn as part of the table's next commit and returns when that is
// durable. fn may run more than once. If it returns an error or panics, its own
// changes are undone and Update returns that error.
func (t *Table) Update(ctx context.Context, fn func(tx *Tx) error) error {
	return t.ask(&request{ctx: ctx, fn: fn, done: make(chan error, 1)})
}

// Stream is Update for an fn that must not run twice: it is the first of its
// commit, where there is room if there is anywhere. While it waits for what it
// applies the table's other writes wait too, but no reader.
func (t *Table) Stream(ctx context.Context, fn func(tx *Tx) error) error {
	return t.ask(&request{ctx: ctx, fn: fn, first: true, done: make(chan error, 1)})
}

// Vacuum runs one whole round: it folds what the deltas hold into buckets and
// deletion vectors, and rewrites blocks that are in pieces or mostly dead.
func (t *Table) Vacuum(ctx context.Context) error {
	return t.ask(&request{ctx: ctx, done: make(chan error, 1)})
}

func (t *Table) ask(r *request) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	w := &t.writer
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errClosed
	}
	w.queue = append(w.queue, r)
	if !w.running {
		w.running = true
		go t.write()
	}
	w.mu.Unlock()
	w.rouse()
	select {
	case err := <-r.done:
		return err
	case <-r.ctx.Done():
		if r.state.CompareAndSwap(waiting, left) || r.fn == nil {
			return r.ctx.Err()
		}
		return <-r.done
	}
}

// take returns the next request that still has a caller; nil when there is none.
func (w *writer) take() *request {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		r := w.queue[0]
		w.queue[0] = nil
		if w.queue = w.queue[1:]; len(w.queue) == 0 {
			w.queue = nil
		}
		if r.state.CompareAndSwap(waiting, taken) {
			return r
		}
	}
	return nil
}

// gatherYields is how often the writer lets others run before it commits, while
// requests come from many: those that are about to ask then share the fsync.
const gatherYields = 16

// takeSoon is take that gives those who are about to ask a chance.
func (w *writer) takeSoon() *request {
	r := w.take()
	for n := 0; r == nil && w.lively && n < gatherYields; n++ {
		runtime.Gosched()
		r = w.take()
	}
	return r
}

// linger is how long an idle goroutine keeps its transaction, whose memory a
// long import would otherwise fault in anew for each commit.
const linger = 200 * time.Millisecond

// rest waits a little for more and ends the goroutine if nothing comes.
func (w *writer) rest() bool {
	timer := time.NewTimer(linger)
	defer timer.Stop()
	for due := false; ; {
		w.mu.Lock()
		if len(w.queue) > 0 {
			w.mu.Unlock()
			return false
		}
		if due || w.closed {
			w.running = false
			for _, c := range w.wakers {
				close(c)
			}
			w.wakers = nil
			w.mu.Unlock()
			return true
		}
		w.mu.Unlock()
		select {
		case <-w.wake:
		case <-timer.C:
			due = true
		}
	}
}

func (w *writer) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close lets no new request in and waits until those there are answered.
func (w *writer) close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	if !w.running {
		w.mu.Unlock()
		return nil
	}
	c := make(chan struct{})
	w.wakers = append(w.wakers, c)
	w.mu.Unlock()
	w.rouse()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) closing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

// write is the writer's goroutine: commits go first, and between them one
// bounded step of upkeep, or as many as keep its debts within bounds.
func (t *Table) write() {
	tx := t.set.takeTx(t)
	defer t.set.giveTx(tx)
	var next *request
	for {
		if next == nil {
			next = t.writer.take()
		}
		if next != nil && next.fn == nil {
			t.keeper.waiting = append(t.keeper.waiting, next)
			next = t.writer.take()
		}
		if next != nil && next.fn != nil {
			next = t.commit(tx, next)
		}
		more := t.keep()
		if next == nil && !more {
			tx.sealer.stop() // who waits for the table's end waits for all of it
			tx.prober.stop()
			if t.writer.rest() {
				return
			}
		}
	}
}

// commit runs first and whatever else waits in one transaction. It returns a
// request that found no room, or is no Update.
func (t *Table) commit(tx *Tx, first *request) (next *request) {
	if err := t.writer.broken; err != nil {
		first.done <- err
		return nil
	}
	if err := t.settle(2); err != nil {
		first.done <- fmt.Errorf("update table: %w", err)
		return nil
	}
	tx.begin(context.WithoutCancel(first.ctx))
	var merged []*request
	for r := first; r != nil; r = t.writer.takeSoon() {
		if r.fn == nil || r.first && !tx.empty() {
			next = r
			break
		}
		fresh, at := tx.empty(), tx.save()
		err := tx.run(r.fn)
		if tx.full && !fresh || tx.over {
			tx.restore(at)
			if fresh { // not even alone
				r.done <- fmt.Errorf("update table: %w", storage.ErrTooLarge)
				tx.full, tx.over = false, false
				continue
			}
			next = r
			break
		}
		if err != nil {
			tx.restore(at)
			r.done <- err
			tx.full = false
			continue
		}
		merged = append(merged, r)
		if tx.full || tx.Bytes() > mergeBytes || tx.keysUsed() > mergeKeys {
			break
		}
	}
	t.writer.lively = len(merged) > 1
	err := t.finish(tx)
	for _, r := range merged {
		r.done <- err
	}
	return next
}

// finish commits what the transaction holds.
func (t *Table) finish(tx *Tx) error {
	if tx.empty() {
		return nil
	}
	ops, err := tx.assemble()
	if err != nil {
		return fmt.Errorf("update table: %w", err)
	}
	if err := t.put(tx.ctx, ops); err != nil {
		return fmt.Errorf("update table: %w", err)
	}
	tx.publish()
	return nil
}

// put commits ops under the table's lease.
func (t *Table) put(ctx context.Context, ops []storage.Op) error {
	err := t.src.kv.Commit(ctx, ops, t.guards())
	if errors.Is(err, storage.ErrGuard) {
		t.writer.broken = fmt.Errorf("commit table of tenant %q: another process writes it: %w", t.tenant, err)
		return t.writer.broken
	}
	return err
}

// run runs fn; a panic becomes its error.
func (tx *Tx) run(fn func(*Tx) error) (err error) {
	tx.now, tx.job, tx.broken = tx.t.set.opts.Now().UnixMilli(), "", nil
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("update table: fn panicked: %v\n%s", p, debug.Stack())
		}
		if err == nil {
			err = tx.broken
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.catchUp()
}
