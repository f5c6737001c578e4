package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Burst is many small requests over several connections, each of which sends one
// at least where there are enough.
type Burst struct {
	Connections int
	Requests    [][]byte        // each is sent once, in their order
	Again       bool            // or over and over
	For         time.Duration   // then no further one is begun; 0: no such end
	Until       <-chan struct{} // the same when it is closed; nil: no such end
	Pause       time.Duration   // of each connection between two requests
	Check       func(body []byte) error
}

// Answered is what became of a burst: how many were answered, in which time, and each one's time.
type Answered struct {
	Requests int
	Elapsed  time.Duration
	Times    []time.Duration
}

// Run sends the requests to the server at url as fast as the answers come. Any
// answer but 200 is an error.
func (b Burst) Run(ctx context.Context, url string) (Answered, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	var workers sync.WaitGroup
	errs := make([]error, b.Connections)
	times := make([][]time.Duration, b.Connections)
	conns := make([]*Conn, b.Connections)
	for i := range conns {
		conn, err := Dial(ctx, url)
		if err != nil {
			return Answered{}, err
		}
		defer conn.Close()
		conns[i] = conn
	}
	started := time.Now()
	for i, conn := range conns {
		workers.Go(func() {
			times[i], errs[i] = b.work(ctx, conn, &next, started)
			if errs[i] != nil {
				cancel()
			}
		})
	}
	workers.Wait()
	out := Answered{Elapsed: time.Since(started)}
	for _, t := range times {
		out.Times = append(out.Times, t...)
	}
	out.Requests = len(out.Times)
	return out, errors.Join(errs...)
}

func (b Burst) work(ctx context.Context, conn *Conn, next *atomic.Int64, started time.Time) ([]time.Duration, error) {
	var times []time.Duration
	for ctx.Err() == nil && (len(times) == 0 || !b.over(started)) {
		i := next.Add(1) - 1
		if b.Again {
			i %= int64(len(b.Requests))
		}
		if i >= int64(len(b.Requests)) {
			break
		}
		status, body, took, err := conn.Do(b.Requests[i])
		if err != nil {
			return times, err
		}
		if status != http.StatusOK {
			return times, fmt.Errorf("status %d: %s", status, body)
		}
		if err := b.Check(body); err != nil {
			return times, fmt.Errorf("%w in %s", err, body)
		}
		times = append(times, took)
		if b.Pause > 0 {
			time.Sleep(b.Pause)
		}
	}
	return times, nil
}

func (b Burst) over(started time.Time) bool {
	select {
	case <-b.Until:
		return true
	default:
		return b.For > 0 && time.Since(started) >= b.For
	}
}

// WantCount makes a check that a counter of an answer has a value. It searches
// the text: parsing a thousand rows' answers would cost as much as making them.
func WantCount(name string, n int) func([]byte) error {
	want := []byte(`"` + name + `":` + strconv.Itoa(n) + `,`)
	return func(body []byte) error {
		if !bytes.Contains(body, want) {
			return fmt.Errorf("no %s", want[:len(want)-1])
		}
		return nil
	}
}
