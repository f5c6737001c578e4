package engine

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// Batches are as large as a plugin call should be, and small enough that a call
// stays short.
const (
	batchRows  = 2000
	batchBytes = 512 << 10

	// inFlight bounds the batches between the decoder and the commit, and with
	// them the memory of a running job: about 1.2 MB each. While a commit is on
	// its way to the disk the cores go on with these.
	inFlight = 24
)

// pipeline decodes batches in one goroutine and prepares them in several;
// ordered gives them in file order.
type pipeline struct {
	pool    *workPool
	made    []*work    // of the pool; the decoder's until it has ended
	ordered chan *work // closed at the end of the upload or after an error
	free    chan *work
	err     error // why ordered was closed; nil at the end of the upload
	rows    int   // of a batch, at most
	stages  *stages

	// Of the one who takes the batches.
	head  *work // taken from ordered, perhaps not yet prepared
	ended bool  // nothing more comes
	fault error // why; nil at the end of the upload

	held   *hold
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func startPipeline(ctx context.Context, src *source, open func(ctx context.Context, s *source) (*stages, error), workers, rows int, pool *workPool) *pipeline {
	ctx, cancel := context.WithCancel(ctx)
	p := &pipeline{pool: pool, rows: rows, ordered: make(chan *work, inFlight), free: make(chan *work, inFlight), held: newHold(), cancel: cancel}
	for range inFlight {
		p.free <- nil // made when first needed: small jobs need few
	}
	todo := make(chan func(*validator), inFlight)
	p.wg.Go(func() {
		defer close(p.ordered)
		defer close(todo)
		p.err = p.decode(ctx, src, open, todo)
	})
	for range workers {
		p.wg.Go(func() {
			var v validator
			for f := range todo {
				f(&v)
			}
		})
	}
	return p
}

func (p *pipeline) decode(ctx context.Context, src *source, open func(context.Context, *source) (*stages, error), todo chan<- func(*validator)) error {
	var told int // columns that the plugin knows of
	var size workSize
	for number := 0; ; number++ {
		var w *work
		select {
		case w = <-p.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if w == nil {
			w = p.pool.get(size)
			p.made = append(p.made, w)
		}
		err := src.next(w, p.rows, batchBytes)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		size.note(w)
		if p.stages == nil {
			if p.stages, err = open(ctx, src); err != nil {
				return err
			}
		} else if t := p.stages.transform; t != nil && len(src.given) > told {
			if err := t.Extend(ctx, slices.Clone(src.given)); err != nil {
				return err
			}
		}
		told = len(src.given)
		st := p.stages
		todo <- func(v *validator) {
			p.held.wait(number)
			st.prepare(ctx, w, v)
			p.held.add(w.made())
			w.ready <- struct{}{}
		}
		p.ordered <- w
	}
}

// await waits until a batch is prepared, and tells whether there is one: at the
// end of the upload, and after an error, there is none.
func (p *pipeline) await() (more bool, err error) {
	if p.head == nil && !p.ended {
		w, ok := <-p.ordered
		if !ok {
			p.ended, p.fault = true, p.err
			return false, p.fault
		}
		p.head = w
		<-w.ready
		w.ready <- struct{}{}
	}
	return !p.ended, p.fault
}

// next takes the next batch in file order, prepared. It waits for it as long as
// patience lasts, which it shortens; nil: it came too late, or nothing more comes.
func (p *pipeline) next(patience *time.Duration) *work {
	if p.ended {
		return nil
	}
	if p.head == nil {
		w, ok, late := receive(p.ordered, patience)
		switch {
		case late:
			return nil
		case !ok:
			p.ended, p.fault = true, p.err
			return nil
		}
		p.head = w
	}
	if _, _, late := receive(p.head.ready, patience); late {
		return nil
	}
	w := p.head
	p.head = nil
	if w.err != nil {
		p.ended, p.fault = true, w.err
		return nil
	}
	return w
}

// receive is a receive that ends when patience does.
func receive[T any](from <-chan T, patience *time.Duration) (v T, ok, late bool) {
	select {
	case v, ok = <-from:
		return v, ok, false
	default:
	}
	if *patience <= 0 {
		return v, false, true
	}
	began := time.Now()
	timer := time.NewTimer(*patience)
	defer timer.Stop()
	select {
	case v, ok = <-from:
	case <-timer.C:
		late = true
	}
	*patience -= time.Since(began)
	return v, ok, late
}

// recycle hands back a batch of which nothing is left to do.
func (p *pipeline) recycle(w *work) {
	p.held.done(w.made())
	w.shrink()
	p.free <- w
}

// close stops the pipeline and waits for it.
func (p *pipeline) close() {
	p.cancel()
	p.held.end()
	// A decoder that waits for a free batch sees the cancellation; channels are
	// wide enough for every batch there is, so nobody waits to send.
	p.wg.Wait()
	p.pool.put(p.made...)
	if p.stages != nil {
		p.stages.close()
	}
}
