package host

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sluice/engine"
	"sluice/engine/fault"
)

const (
	// eventPause lies between two events of a job: a busy one changes more often
	// than anybody can look.
	eventPause = 200 * time.Millisecond

	// defaultHeartbeat is how often a quiet stream says that it is alive. It is also
	// how long it may take to notice that the client has gone.
	defaultHeartbeat = 10 * time.Second

	// eventRetry is when a client comes back to a stream that was cut, in
	// milliseconds.
	eventRetry = 2000

	// How many streams may be open at once.
	streamsPerTenant = 64
	maxStreams       = 1024

	streamsRetry = 5 // seconds after which one may have ended
)

// jobEvents streams a job's progress as server-sent events: one at once, one
// after changes, and the last one, named after the state, when the job has
// ended. Each holds the whole job, so a client that comes back has missed
// nothing, whatever Last-Event-ID it brings.
func (s *Server) jobEvents(r *Request) error {
	if _, err := r.parseQuery(); err != nil {
		return err
	}
	job, err := s.job(r)
	if err != nil {
		return err
	}
	tenant, id := r.Tenant(), job.JobID
	if !s.events.take(tenant) {
		return errTooManyStreams
	}
	r.SetHeader("Cache-Control", "no-store")
	r.SetHeader("X-Accel-Buffering", "no") // nginx would hold events back
	e := &eventStream{s: s, ctx: r.Context(), tenant: tenant, id: id, heartbeat: s.heartbeat}
	r.Stream("text/event-stream; charset=utf-8", func(w *bufio.Writer) error {
		e.w = w
		return e.run()
	}, func() { s.events.put(tenant) })
	return nil
}

var errTooManyStreams = fault.New(fault.RateLimited, "too many event streams are open, %d of a tenant and %d in all at most; close one or come back later",
	streamsPerTenant, maxStreams).With(retryAfterDetail, streamsRetry)

// eventStream is one client that follows a job.
type eventStream struct {
	s          *Server
	ctx        context.Context
	tenant, id string
	heartbeat  time.Duration
	w          *bufio.Writer
	sent       int
}

func (e *eventStream) run() error {
	changed, stop := e.s.backend.engine.Watch(e.id)
	defer stop()
	beat := time.NewTicker(e.heartbeat)
	defer beat.Stop()
	if _, err := fmt.Fprintf(e.w, "retry: %d\n\n", eventRetry); err != nil {
		return err
	}
	for {
		job, err := e.s.backend.engine.Job(e.ctx, e.tenant, e.id)
		if err != nil {
			return fmt.Errorf("read job: %w", err)
		}
		if err := e.send(job); err != nil || job.Status.Ended() {
			return err
		}
		if more, err := e.wait(changed, beat.C); err != nil || !more {
			return err
		}
	}
}

// send writes one event.
func (e *eventStream) send(job *engine.Job) error {
	name := "progress"
	if job.Status.Ended() {
		name = string(job.Status)
	}
	data, err := json.Marshal(&job.Data)
	if err != nil {
		return fmt.Errorf("encode job: %w", err)
	}
	e.sent++
	if _, err := fmt.Fprintf(e.w, "id: %d\nevent: %s\ndata: %s\n\n", e.sent, name, data); err != nil {
		return err
	}
	return e.w.Flush()
}

// wait returns after the next change, but not sooner than the pause; more is
// false when the server stops.
func (e *eventStream) wait(changed <-chan struct{}, beat <-chan time.Time) (more bool, err error) {
	pause := time.NewTimer(eventPause)
	defer pause.Stop()
	due := false
	for early := true; ; {
		if due && !early {
			return true, nil
		}
		select {
		case _, ok := <-changed:
			if !ok {
				return false, nil
			}
			due = true
		case <-pause.C:
			early = false
		case <-beat:
			if _, err := e.w.WriteString(": alive\n\n"); err != nil {
				return false, err
			}
			if err := e.w.Flush(); err != nil {
				return false, err
			}
		case <-e.s.stopping:
			return false, nil
		case <-e.ctx.Done():
			return false, nil
		}
	}
}
