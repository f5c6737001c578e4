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
	// them the memory of a running job: about 1.2 MB each. While one commit is on
	// its way the next one is prepared whole, or the cores would wait for the disk.
	inFlight = 2*gatherBatches + 4
)

// pipeline decodes batches in one goroutine and prepares them in several;
// ordered gives them in file order.
type pipeline struct {
	pool    *workPool
	made    []*work    // of the pool; the decoder's until it has ended
	ordered chan *work // closed at the end of the upload or after an error
	free    chan *work
	err     error // why ordered was closed; nil at the end of the upload
	stages  *stages
	head    *work // taken from ordered, perhaps not yet prepared; the reader's own

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func startPipeline(ctx context.Context, src *source, open func(ctx context.Context, s *source) (*stages, error), workers int, pool *workPool) *pipeline {
	ctx, cancel := context.WithCancel(ctx)
	p := &pipeline{pool: pool, ordered: make(chan *work, inFlight), free: make(chan *work, inFlight), cancel: cancel}
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
	for {
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
		err := src.next(w, batchRows, batchBytes)
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
		}
		st := p.stages
		if st.transform != nil && told > 0 && len(src.given) > told {
			if err := st.transform.Extend(ctx, slices.Clone(src.given)); err != nil {
				return err
			}
		}
		told = len(src.given)
		todo <- func(v *validator) {
			st.prepare(ctx, w, v)
			w.ready <- struct{}{}
		}
		p.ordered <- w
	}
}

// next returns the next batch in file order once it is prepared; nil when late
// comes first (more), or when there is none (not more: see err).
func (p *pipeline) next(late <-chan time.Time) (w *work, more bool) {
	if p.head == nil {
		select {
		case w, ok := <-p.ordered:
			if !ok {
				return nil, false
			}
			p.head = w
		case <-late:
			return nil, true
		}
	}
	select {
	case <-p.head.ready:
	case <-late:
		return nil, true
	}
	w, p.head = p.head, nil
	return w, true
}

// recycle hands back the batches of spans of which nothing is left to do.
func (p *pipeline) recycle(spans, left []span) {
	var last *work
	for _, s := range spans {
		if len(left) > 0 && s.w == left[0].w {
			return
		}
		if s.w != last {
			p.free <- s.w
		}
		last = s.w
	}
}

// close stops the pipeline and waits for it.
func (p *pipeline) close() {
	p.cancel()
	// A decoder that waits for a free batch sees the cancellation; channels are
	// wide enough for every batch there is, so nobody waits to send.
	p.wg.Wait()
	p.pool.put(p.made...)
	if p.stages != nil {
		p.stages.close()
	}
}
