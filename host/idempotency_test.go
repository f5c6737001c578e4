package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/engine"
	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// Rule 2.81: the same request replays its answer byte for byte.
func TestReplay(t *testing.T) {
	f := func(body string, headers ...string) {
		t.Helper()
		s := startImports(t)
		headers = append(headers, "Idempotency-Key: k 1")
		first := s.post(body, headers...)
		if first.StatusCode/100 != 2 || first.Header.Get(replayedHeader) != "" {
			t.Fatalf("%d %v %s", first.StatusCode, first.Header, first.body)
		}
		if first.StatusCode == 202 {
			s.awaitJob(first.importData(t).JobID)
		}
		again := s.post(body, append(headers, "X-Request-ID: mine")...)
		if again.StatusCode != first.StatusCode || string(again.body) != string(first.body) || again.Header.Get(replayedHeader) != "true" {
			t.Fatalf("%d %v %s\nfirst: %d %s", again.StatusCode, again.Header, again.body, first.StatusCode, first.body)
		}
		for _, h := range []string{"Location", "Retry-After", "Content-Type"} {
			if again.Header.Get(h) != first.Header.Get(h) {
				t.Fatalf("%s: %q, first %q", h, again.Header.Get(h), first.Header.Get(h))
			}
		}
		// The rest of the head is of the new request.
		if again.Header.Get("X-Request-ID") != "mine" || again.Header.Get("X-RateLimit-Remaining") == first.Header.Get("X-RateLimit-Remaining") {
			t.Fatalf("%v\nfirst: %v", again.Header, first.Header)
		}
		if n := len(s.jobs()); n != 1 {
			t.Fatalf("%d imports", n)
		}
	}
	f(`{"rows":[{"name":"A","domain":"a.example"}],"results":true}`)
	f(`{"rows":[]}`)
	f(rows(600), "Content-Type: text/csv")
	f(form("one", "name\nA\n"), "Content-Type: multipart/form-data; boundary=one")
}

// jobs returns the ids of the tenant's jobs.
func (s *importServer) jobs() []string {
	s.tb.Helper()
	jobs, _, err := s.backend.engine.Jobs(context.Background(), "acme", "", 1000)
	if err != nil {
		s.tb.Fatal(err)
	}
	var ids []string
	for _, j := range jobs {
		ids = append(ids, j.JobID)
	}
	return ids
}

func form(boundary, csv string) string {
	return fmt.Sprintf("--%s\r\nContent-Disposition: form-data; name=f; filename=x.csv\r\n\r\n%s\r\n--%[1]s--\r\n", boundary, csv)
}

// Rule 2.82: what makes two requests the same.
func TestSameRequest(t *testing.T) {
	s := startImports(t)
	key := "Idempotency-Key: k"
	csv := "Content-Type: text/csv"
	if r := s.post("name\nA\n", csv, key); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	same := func(r reply) {
		t.Helper()
		if r.StatusCode != 200 || r.Header.Get(replayedHeader) != "true" {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
	}
	other := func(r reply) {
		t.Helper()
		if e := r.fault(t); r.StatusCode != 422 || e.Code != fault.IdempotencyReused || r.Header.Get(replayedHeader) != "" {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
	}
	same(s.post("name\nA\n", csv, key))
	same(s.post("name\nA\n", "Content-Type: text/csv; charset=utf-8", key))
	same(s.post("name\nA\n", csv, key, "Prefer: wait=3"))
	same(s.post(compressed(t, "gzip", "name\nA\n"), csv, key, "Content-Encoding: gzip"))
	other(s.post("name\nB\n", csv, key))
	other(s.post("name\nA", csv, key))
	other(s.post("name\nA\n", "Content-Type: application/x-ndjson", key))
	other(s.do("POST", importPath+"?dry_run=true", s.key, "name\nA\n", csv, key))
	other(s.post(`{"csv":"name\nA\n"}`, key))
	other(s.do("POST", "/v1/companies", s.key, `{"name":"A"}`, key))

	// The boundary of a form is left out, its content is not.
	formKey := "Idempotency-Key: form"
	if r := s.post(form("one", "name\nA\n"), "Content-Type: multipart/form-data; boundary=one", formKey); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	same(s.post(form("two", "name\nA\n"), "Content-Type: multipart/form-data; boundary=two", formKey))
	other(s.post(form("two", "name\nB\n"), "Content-Type: multipart/form-data; boundary=two", formKey))

	// Another tenant's key is another key; another API key of the tenant is not.
	globex := s.testServer.key("globex", WriteCompanies)
	if r := s.do("POST", importPath, globex, "name\nA\n", csv, key); r.StatusCode != 200 || r.Header.Get(replayedHeader) != "" {
		t.Fatalf("%d %v", r.StatusCode, r.Header)
	}
	same(s.do("POST", importPath, s.testServer.key("acme", WriteCompanies), "name\nA\n", csv, key))
}

// Rule 2.83: only 2xx are stored, and no dry run.
func TestNotStored(t *testing.T) {
	s := startImports(t)
	f := func(status int, body string) {
		t.Helper()
		for range 2 {
			r := s.post(body, "Idempotency-Key: k")
			if r.StatusCode != status || r.Header.Get(replayedHeader) != "" {
				t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.body)
			}
		}
		if answers := s.answers(); len(answers) != 0 {
			t.Fatalf("stored: %q", answers)
		}
	}
	f(400, `{}`)
	f(422, `{"rows":[{"name":"A","domain":"bad"}],"on_error":"abort"}`)
	f(200, `{"rows":[{"name":"A"}],"dry_run":true}`)
	f(202, `{"csv":"`+strings.ReplaceAll(rows(501), "\n", `\n`)+`","dry_run":true}`)
	if r := s.post(`{"rows":[{"name":"A"}]}`, "Idempotency-Key: k"); r.StatusCode != 200 || r.Header.Get(replayedHeader) != "" {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}

// answers returns the keys of the stored answers.
func (s *importServer) answers() (keys []string) {
	s.tb.Helper()
	err := s.store.Records(context.Background(), tuple.New("", kindIdempotency), nil, func(k tuple.Key, _ []byte) (bool, error) {
		keys = append(keys, string(k))
		return true, nil
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return keys
}

// Rule 2.86: the answer commits with the rows: an import that fails to commit
// leaves none, and the next attempt is the first.
func TestStoredWithRows(t *testing.T) {
	s := startImports(t)
	s.store.Err = fault.New(fault.Overloaded, "the disk is full")
	s.store.FailAt = s.store.Writes() + 1
	if r := s.post(`{"rows":[{"name":"A"}]}`, "Idempotency-Key: k"); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if len(s.answers()) != 0 || len(s.store.Companies("acme")) != 0 {
		t.Fatal("a failed commit left something")
	}
	writes := s.store.Writes()
	if r := s.post(`{"rows":[{"name":"A"}]}`, "Idempotency-Key: k"); r.StatusCode != 200 || r.Header.Get(replayedHeader) != "" {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if len(s.answers()) != 1 || s.store.Writes() != writes+1 {
		t.Fatalf("%d answers in %d commits", len(s.answers()), s.store.Writes()-writes)
	}
}

// Rule 2.85: of a job its 202 is replayed, and wait applies anew.
func TestReplayWaits(t *testing.T) {
	s := startImports(t)
	headers := []string{"Content-Type: text/csv", "Idempotency-Key: k"}
	first := s.post(rows(600), append(headers, "Prefer: wait=60")...)
	if first.StatusCode != 200 {
		t.Fatalf("%d %s", first.StatusCode, first.body)
	}
	queued := s.post(rows(600), headers...)
	if d := queued.importData(t); queued.StatusCode != 202 || d.Status != engine.Queued || d.JobID != first.importData(t).JobID {
		t.Fatalf("%d %s", queued.StatusCode, queued.body)
	}
	ended := s.post(rows(600), append(headers, "Prefer: wait=60")...)
	if ended.StatusCode != 200 || string(ended.body) != string(first.body) || ended.Header.Get(replayedHeader) != "true" {
		t.Fatalf("%d %s", ended.StatusCode, ended.body)
	}
}

// Rule 2.85: while the first answer waits for its job, another one is told of it:
// a client that gave up waiting asks again.
func TestReplayWhileFirstWaits(t *testing.T) {
	s := startIdleImports(t)
	headers := []string{"Content-Type: text/csv", "Idempotency-Key: k"}
	first := make(chan reply, 1)
	go func() { first <- s.post(rows(600), append(headers, "Prefer: wait=60")...) }()
	until(t, "the first one's wait", func() bool { return s.waits.held() > 0 })
	second := s.post(rows(600), headers...)
	d := second.importData(t)
	if second.StatusCode != 202 || second.Header.Get(replayedHeader) != "true" {
		t.Fatalf("%d %v %s", second.StatusCode, second.Header, second.body)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := <-first; r.StatusCode != 202 || r.importData(t).JobID != d.JobID {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}

// Rule 2.84: while the first one runs, 409 before the body.
func TestFirstStillRuns(t *testing.T) {
	s := startImports(t, func(c *Config) { c.BodyTimeout = hang })
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := rows(500) // of a small one fasthttp waits for all before it calls anybody
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: text/csv\r\nIdempotency-Key: k\r\nContent-Length: %d\r\n\r\n%s",
		importPath, s.key, len(body), body[:9000])
	until(t, "the first request", func() bool { return s.idempotency.holds() > 0 })
	// The second one's body never comes; its answer does.
	second, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	fmt.Fprintf(second, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: text/csv\r\nIdempotency-Key: k\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\n",
		importPath, s.key)
	if err := second.SetReadDeadline(time.Now().Add(hang / 2)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, err := second.Read(answer)
	if err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 409 ") || !strings.Contains(string(answer[:n]), string(fault.IdempotencyInUse)) {
		t.Fatalf("%v %s", err, answer[:n])
	}
	if r := s.post(body, "Content-Type: text/csv", "Idempotency-Key: other"); r.StatusCode != 200 {
		t.Fatalf("another key: %d", r.StatusCode)
	}
	// A client that is cut off lets go of its key.
	c.Close()
	until(t, "the key", func() bool {
		r := s.post(body, "Content-Type: text/csv", "Idempotency-Key: k")
		if r.StatusCode != 200 && r.StatusCode != 409 {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
		return r.StatusCode == 200
	})
}

// holds returns how many requests run under a key.
func (i *idempotency) holds() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.running)
}

// Hammer: of many clients with one key exactly one imports.
func TestIdempotencyHammer(t *testing.T) {
	s := startImports(t)
	key := s.testServer.key("acme", WriteCompanies)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	for round := range 5 {
		for kind, body := range []string{`{"rows":[{"name":"A"}]}` + strings.Repeat(" ", 16<<10), `{"csv":"` + strings.ReplaceAll(rows(501), "\n", `\n`) + `"}`} {
			before := len(s.jobs())
			var mu sync.Mutex
			var firsts, replays, inUse int
			bodies := map[string]bool{}
			var wg sync.WaitGroup
			release := make(chan struct{})
			for range 64 {
				wg.Go(func() {
					<-release
					req, err := http.NewRequest("POST", "http://"+s.Addr()+importPath, &slowBody{body: body})
					if err != nil {
						t.Error(err)
						return
					}
					req.ContentLength = int64(len(body))
					req.Header.Set("Authorization", "Bearer "+key)
					req.Header.Set("Content-Type", jsonType)
					req.Header.Set("Idempotency-Key", fmt.Sprint(round, kind))
					resp, err := client.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					defer resp.Body.Close()
					got, err := io.ReadAll(resp.Body)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					switch {
					case resp.StatusCode == 409:
						inUse++
					case resp.StatusCode/100 == 2 && resp.Header.Get(replayedHeader) == "true":
						replays++
						bodies[string(got)] = true
					case resp.StatusCode/100 == 2:
						firsts++
						bodies[string(got)] = true
					default:
						t.Errorf("%d %s", resp.StatusCode, got)
					}
				})
			}
			close(release)
			wg.Wait()
			if firsts != 1 || firsts+replays+inUse != 64 || len(bodies) != 1 {
				t.Fatalf("%d firsts, %d replays, %d in use, %d answers", firsts, replays, inUse, len(bodies))
			}
			if n := len(s.jobs()) - before; n != 1 {
				t.Fatalf("%d imports", n)
			}
		}
	}
	if n := len(s.idempotency.running); n != 0 {
		t.Fatalf("%d keys are still held", n)
	}
}

// allRecords has another name than its method.
type allRecords engine.Records

// lateRecords have an answer from the second look on.
type lateRecords struct {
	allRecords // nothing else is called
	value      []byte
	looks      int
}

func (l *lateRecords) Record(context.Context, tuple.Key) ([]byte, error) {
	if l.looks++; l.looks <= 3 { // a look is one read a day
		return nil, fault.New(fault.NotFound, "there is none yet")
	}
	return l.value, nil
}

// A first request that ends between another's look and its hold on the key has
// left its answer: the other one must find it and let go.
func TestAnswerBetweenLookAndHold(t *testing.T) {
	stored := storedAnswer{answer: answer{status: 200}, created: time.Now().UnixMilli()}
	i := newIdempotency(&lateRecords{value: stored.encode()}, slog.New(slog.DiscardHandler))
	r := &Request{s: &Server{ctx: context.Background()}, hdr: &fasthttp.RequestHeader{}, key: &Key{Tenant: "acme"}}
	r.hdr.Set(idempotencyHeader, "k")
	a, err := i.begin(r)
	if err != nil || !a.replays() || len(i.running) != 0 {
		t.Fatalf("%+v, %v, %d held", a, err, len(i.running))
	}
}

// slowBody is a body in three steps, so that requests overlap. With the first
// one they are admitted; then all come to their handlers, which wait for less
// than the second one; and none has its whole body before the third.
type slowBody struct {
	body string
	step int
	off  int
}

func (s *slowBody) Read(p []byte) (int, error) {
	ends := [...]int{5000, len(s.body) - 1, len(s.body)}
	if s.off == len(s.body) {
		return 0, io.EOF
	}
	if s.off == ends[s.step] {
		s.step++
		time.Sleep(20 * time.Millisecond)
	}
	n := copy(p, s.body[s.off:ends[s.step]])
	s.off += n
	return n, nil
}

// Rule 2.87: for 24 hours; then the key is free, and the record
// goes.
func TestAnswerAge(t *testing.T) {
	s := startImports(t)
	start := time.Date(2026, 3, 1, 23, 59, 0, 0, time.UTC)
	now := start
	i := newIdempotency(s.store, s.log)
	i.now = func() time.Time { return now }
	key := attemptKey{"acme", "k"}
	a := &attempt{all: i, key: key}
	if err := s.store.Write(context.Background(), a.record(fingerprint{1}, answer{status: 200, body: []byte("x")})); err != nil {
		t.Fatal(err)
	}
	f := func(age time.Duration, there bool) {
		t.Helper()
		now = start.Add(age)
		got, err := i.find(context.Background(), key)
		if err != nil || (got != nil) != there {
			t.Fatalf("after %v: %v, %v", age, got, err)
		}
	}
	f(0, true)
	f(2*time.Minute, true)                    // another day
	f(-2*time.Hour, true)                     // a clock that was set back
	f(-24*time.Hour+time.Minute, true)        // to the day before
	f(24*time.Hour-time.Millisecond, true)    // the last moment
	f(24*time.Hour, false)                    // over
	f(47*time.Hour, false)                    // over, on the third day
	now = start.Add(24*time.Hour + time.Hour) // swept by whole days
	if err := i.sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.answers()); n != 0 {
		t.Fatalf("%d answers are left", n)
	}
}

// A clock that is set back by days, in a life or between two, frees no key; what
// was answered in the future then is replayed for 24 hours more, and goes.
func TestAnswersFromTheFuture(t *testing.T) {
	s := startImports(t)
	ctx := context.Background()
	now := time.Date(2031, 7, 1, 12, 0, 0, 0, time.UTC)
	i := newIdempotency(s.store, s.log)
	i.now = func() time.Time { return now }
	const keys = sweepBatch + 10
	name := func(n int) attemptKey { return attemptKey{"acme", fmt.Sprint(n)} }
	for n := range keys {
		a := &attempt{all: i, key: name(n)}
		now = now.Add(time.Second)
		if n == keys/2 {
			now = now.Add(40 * 24 * time.Hour)
		}
		if err := s.store.Write(ctx, a.record(fingerprint{1}, answer{status: 200, body: []byte(strings.Repeat("x", 5000))})); err != nil {
			t.Fatal(err)
		}
	}
	find := func(want bool) {
		t.Helper()
		for n := range keys {
			got, err := i.find(ctx, name(n))
			if err != nil || (got != nil) != want || want && (got.status != 200 || len(got.body) != 5000) {
				t.Fatalf("answer %d at %v: %v, %v", n, now, got, err)
			}
		}
	}
	now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	find(true)
	i = newIdempotency(s.store, s.log)
	i.now = func() time.Time { return now }
	if err := i.open(ctx); err != nil {
		t.Fatal(err)
	}
	find(true)
	for range 2 {
		if err := i.sweep(ctx); err != nil {
			t.Fatal(err)
		}
		find(true)
	}
	now = now.Add(24*time.Hour - time.Millisecond)
	find(true)
	now = now.Add(time.Millisecond)
	find(false)
	now = now.Add(24 * time.Hour)
	if err := i.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if n := len(s.answers()); n != 0 || len(i.days) != 0 {
		t.Fatalf("%d answers are left, days %v", n, i.days)
	}
}

// A record that can't be read is named and left; the others are moved and deleted.
func TestSweepPassesDamage(t *testing.T) {
	s := startImports(t)
	ctx := context.Background()
	now := time.Date(2031, 7, 1, 12, 0, 0, 0, time.UTC)
	var log bytes.Buffer
	i := newIdempotency(s.store, slog.New(slog.NewTextHandler(&log, nil)))
	i.now = func() time.Time { return now }
	old := attemptKey{"acme", "old"}
	future := day(now)
	now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	big := (&storedAnswer{answer: answer{status: 200, body: make([]byte, 5000)}}).encode()
	changes := []engine.Change{{Key: old.record(day(now) - 3), Value: big}}
	for n := range 400 { // of more than one commit
		changes = append(changes, engine.Change{Key: attemptKey{"acme", fmt.Sprint("k", n)}.record(future), Value: big})
	}
	const damaged = 3
	for n := range damaged { // first, amid them and last
		k := attemptKey{"acme", []string{"a", "k2damaged", "z"}[n]}
		changes = append(changes, engine.Change{Key: k.record(future), Value: make([]byte, sweepBytes)})
	}
	for c := range slices.Chunk(changes, 100) {
		if err := s.store.Write(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := i.open(ctx); err != nil {
		t.Fatal(err)
	}
	if err := i.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	left := map[uint64]int{}
	for _, k := range s.answers() {
		d, _, err := tuple.Key(k)[len(tuple.New("", kindIdempotency)):].CutUint64()
		if err != nil {
			t.Fatal(err)
		}
		left[d]++
	}
	if want := map[uint64]int{day(now): 400, future: damaged}; !maps.Equal(left, want) {
		t.Errorf("records by day: %v, want %v", left, want)
	}
	if got := strings.Count(log.String(), "level=ERROR"); got != damaged || !strings.Contains(log.String(), "k2damaged") {
		t.Errorf("%d lines:\n%s", got, log.String())
	}
	// Its key is not free: nobody knows what it was answered.
	if got, err := i.find(ctx, attemptKey{"acme", "z"}); err == nil {
		t.Errorf("found %v", got)
	}
}

// The sweep takes whole days, in several commits, and leaves the rest.
func TestSweep(t *testing.T) {
	s := startImports(t)
	i := newIdempotency(s.store, s.log)
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	i.now = func() time.Time { return now }
	today := day(now)
	for n := range 2*sweepBatch + 10 {
		for _, d := range []uint64{today - 2, today - 1, today} {
			if d == today-2 || n < 3 {
				k := attemptKey{"acme", fmt.Sprint(n)}
				if err := s.store.Write(context.Background(), []engine.Change{{Key: k.record(d), Value: []byte("x")}}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := i.sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.answers()); n != 6 {
		t.Fatalf("%d answers are left, want 6", n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.sweepAnswers(ctx) // returns when it is told to
}

// Rule 2.89: a key has 1 to 255 bytes.
func TestIdempotencyKeyForm(t *testing.T) {
	s := startImports(t)
	for _, headers := range []string{
		"Idempotency-Key: \r\n", "Idempotency-Key:\r\n", "Idempotency-Key: " + strings.Repeat("k", 256) + "\r\n", "Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
	} {
		for _, path := range []string{importPath, "/v1/companies"} {
			c, err := net.Dial("tcp", s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 11\r\n%s\r\n{\"rows\":[]}",
				path, s.key, headers)
			answer := make([]byte, 4096)
			n, err := c.Read(answer)
			c.Close()
			if err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 400 ") {
				t.Fatalf("%q: %v %s", headers, err, answer[:n])
			}
		}
	}
	if r := s.post(`{"rows":[]}`, "Idempotency-Key: "+strings.Repeat("k", 255)); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}

// Rule 2.88: POST /v1/companies, too.
func TestReplayCompany(t *testing.T) {
	s := startServer(t) // rows and answers in one store
	key := s.key("acme", WriteCompanies)
	first := s.do("POST", "/v1/companies", key, `{"name":"A","domain":"a.example"}`, "Idempotency-Key: k")
	if first.StatusCode != 201 {
		t.Fatalf("%d %s", first.StatusCode, first.body)
	}
	again := s.do("POST", "/v1/companies", key, `{"name":"A","domain":"a.example"}`, "Idempotency-Key: k")
	if again.StatusCode != 201 || string(again.body) != string(first.body) || again.Header.Get(replayedHeader) != "true" ||
		again.Header.Get("Location") != first.Header.Get("Location") || first.Header.Get("Location") == "" {
		t.Fatalf("%d %v %s", again.StatusCode, again.Header, again.body)
	}
	if r := s.do("POST", "/v1/companies", key, `{"name":"B"}`, "Idempotency-Key: k"); r.StatusCode != 422 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	// A conflict is no answer to keep.
	for range 2 {
		r := s.do("POST", "/v1/companies", key, `{"name":"A","domain":"a.example"}`, "Idempotency-Key: other")
		if r.StatusCode != 409 || r.Header.Get(replayedHeader) != "" {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
	}
}

// The same on the store that servers run on: rows and answer in one commit there.
func TestReplayOnDisk(t *testing.T) {
	s := startServer(t)
	key := s.key("acme", WriteCompanies, ReadImports)
	for _, body := range []string{"name,domain\nA,a.example\n", rows(600)} {
		headers := []string{"Content-Type: text/csv", "Idempotency-Key: " + fmt.Sprint(len(body))}
		first := s.do("POST", importPath, key, body, headers...)
		again := s.do("POST", importPath, key, body, headers...)
		if first.StatusCode/100 != 2 || again.StatusCode != first.StatusCode || string(again.body) != string(first.body) || again.Header.Get(replayedHeader) != "true" {
			t.Fatalf("%d %s\nfirst: %d %s", again.StatusCode, again.body, first.StatusCode, first.body)
		}
	}
}

func TestStoredAnswerCodec(t *testing.T) {
	f := func(s storedAnswer) {
		t.Helper()
		b := s.encode()
		got, err := decodeStoredAnswer(b)
		if err != nil || got.status != s.status || got.location != s.location || got.job != s.job || string(got.body) != string(s.body) ||
			got.request != s.request || got.created != s.created {
			t.Fatalf("%+v, %v", got, err)
		}
		for n := range storedAnswerHead + 2 + len(s.location) + len(s.job) {
			if _, err := decodeStoredAnswer(slices.Clone(b[:n])); err == nil {
				t.Fatalf("decoded %d bytes of %d", n, len(b))
			}
		}
	}
	f(storedAnswer{})
	f(storedAnswer{answer: answer{202, "/v1/import/jobs/x", "x", []byte("{}\n")}, request: fingerprint{1, 15: 2}, created: 1 << 40})
	f(storedAnswer{answer: answer{201, strings.Repeat("l", 300), "", []byte("body")}, created: -1})
	if _, err := decodeStoredAnswer(append([]byte{2}, (&storedAnswer{}).encode()[1:]...)); err == nil {
		t.Fatal("another version was decoded")
	}
}

func FuzzStoredAnswer(f *testing.F) {
	f.Add([]byte{})
	f.Add((&storedAnswer{answer: answer{202, "/v1/import/jobs/x", "x", []byte("{}\n")}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeStoredAnswer(b)
		if err != nil {
			return
		}
		again, err := decodeStoredAnswer(s.encode())
		if err != nil || again.location != s.location || string(again.body) != string(s.body) || again.status != s.status {
			t.Fatalf("%+v, %+v, %v", s, again, err)
		}
	})
}
