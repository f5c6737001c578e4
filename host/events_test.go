package host

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/engine"
	"sluice/engine/fault"
)

// event is one server-sent event.
type event struct {
	id, name string
	data     engine.Data
}

// eventClient follows a job.
type eventClient struct {
	*http.Response
	in *bufio.Reader
}

func (s *importServer) follow(id string, headers ...string) *eventClient {
	s.tb.Helper()
	req, err := http.NewRequest("GET", "http://"+s.Addr()+jobPath(id)+"/events", nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { resp.Body.Close() })
	return &eventClient{resp, bufio.NewReader(resp.Body)}
}

// next returns the next event, or comment as its name; io.EOF at the end.
func (c *eventClient) next(tb testing.TB) (event, error) {
	tb.Helper()
	var e event
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "":
			if line != "" {
				e.name = line
			}
			if e.name != "" {
				return e, nil
			}
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				tb.Fatal(err)
			}
		case "retry":
		default:
			tb.Fatalf("line %q", line)
		}
	}
}

// Rule 2.93: server-sent events that end with the job.
func TestEvents(t *testing.T) {
	s := startImports(t)
	f := func(path, body, name string) {
		t.Helper()
		id := s.do("POST", importPath+path, s.key, body, "Content-Type: text/csv").importData(t).JobID
		c := s.follow(id, "Last-Event-ID: 17")
		if ct := c.Header.Get("Content-Type"); c.StatusCode != 200 || ct != "text/event-stream; charset=utf-8" || c.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v", c.StatusCode, c.Header)
		}
		var last event
		for n := 1; ; n++ {
			e, err := c.next(t)
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if last.data.Status.Ended() {
				t.Fatalf("%+v after the end", e)
			}
			if e.id != itoa(n) || e.data.JobID != id || e.data.Progress == nil {
				t.Fatalf("%+v", e)
			}
			if !e.data.Status.Ended() && e.name != "progress" {
				t.Fatalf("%+v", e)
			}
			last = e
		}
		if last.name != name || string(last.data.Status) != name {
			t.Fatalf("%+v, want %s", last, name)
		}
	}
	f("", rows(2000), "completed")
	f("", rows(3), "completed")
	f("?on_error=abort", strings.Replace(rows(700), "c300.example", "bad", 1), "failed")
	if n := s.events.held(); n != 0 {
		t.Fatalf("%d slots are held", n)
	}
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestEventsCanceled(t *testing.T) {
	s := startIdleImports(t)
	id := s.post(rows(600), "Content-Type: text/csv").importData(t).JobID
	c := s.follow(id)
	if e, err := c.next(t); err != nil || e.name != "progress" || e.data.Status != engine.Queued {
		t.Fatalf("%+v, %v", e, err)
	}
	if r := s.do("DELETE", jobPath(id), s.key, ""); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if e, err := c.next(t); err != nil || e.name != "canceled" || e.data.Status != engine.Canceled {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := c.next(t); err != io.EOF {
		t.Fatal(err)
	}
}

// A quiet stream says that it is alive, and notices that its client has gone.
func TestEventsHeartbeat(t *testing.T) {
	s := startIdleImports(t)
	s.heartbeat = 10 * time.Millisecond
	id := s.post(rows(600), "Content-Type: text/csv").importData(t).JobID
	c := s.follow(id)
	for _, want := range []string{"progress", ": alive", ": alive"} {
		if e, err := c.next(t); err != nil || e.name != want {
			t.Fatalf("%+v, %v, want %s", e, err, want)
		}
	}
	if n := s.events.held(); n != 1 {
		t.Fatalf("%d slots are held", n)
	}
	c.Body.Close()
	until(t, "the end of a stream without its client", func() bool { return s.events.held() == 0 })
}

// Streams are bounded, by tenant and in all.
func TestEventsBound(t *testing.T) {
	s := startIdleImports(t)
	s.Server.events = newSlots(2, 3)
	id := s.post(rows(600), "Content-Type: text/csv").importData(t).JobID
	s.follow(id)
	s.follow(id)
	r := s.do("GET", jobPath(id)+"/events", s.key, "")
	if e := r.fault(t); r.StatusCode != 429 || e.Code != fault.RateLimited || r.Header.Get("Retry-After") != "5" {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.body)
	}
	if !s.events.take("globex") || s.events.take("globex") || s.events.take("initech") {
		t.Fatal("the bound of all is wrong")
	}
	s.events.put("globex")
}

// Open streams end at once when the server stops.
func TestEventsEndWithServer(t *testing.T) {
	s := startIdleImports(t)
	id := s.post(rows(600), "Content-Type: text/csv").importData(t).JobID
	c := s.follow(id)
	if _, err := c.next(t); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > s.cfg.ShutdownGrace/2 { // of which requests get three quarters
		t.Fatalf("closing took %v", took)
	}
	if _, err := c.next(t); err != io.EOF {
		t.Fatal(err)
	}
}

// Hammer: slots are given back, whatever takes them.
func TestSlotsHammer(t *testing.T) {
	s := newSlots(3, 5)
	done := make(chan struct{})
	for i := range 8 {
		go func() {
			defer func() { done <- struct{}{} }()
			tenant := itoa(i % 3)
			for range 1000 {
				if s.take(tenant) {
					if n := s.held(); n < 1 || n > 5 {
						t.Errorf("%d held", n)
					}
					s.put(tenant)
				}
			}
		}()
	}
	for range 8 {
		<-done
	}
	if s.held() != 0 || len(s.byTenant) != 0 {
		t.Fatalf("%d held, %v", s.held(), s.byTenant)
	}
}
