package host

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/engine/fault"
)

// testRoutes are operations that only tests have.
func (ts *testServer) testRoutes(routes ...route) {
	ts.router = newRouter(append(ts.routes(), routes...))
}

// Rule 2.30: /healthz and /readyz need no key; readiness ends when the server
// begins to stop.
func TestHealth(t *testing.T) {
	ts := startServer(t)
	if r := ts.do("GET", "/healthz", "", ""); r.StatusCode != 200 || string(r.body) != "{\"data\":{\"status\":\"ok\"}}\n" {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if r := ts.do("GET", "/readyz", "", ""); r.StatusCode != 200 || string(r.body) != "{\"data\":{\"status\":\"ready\"}}\n" {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if r := ts.do("HEAD", "/healthz", "", ""); r.StatusCode != 200 || len(r.body) > 0 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	ts.do("POST", "/healthz", "", "x").want(t, 405, "method_not_allowed")
	ts.stopOnce.Do(func() { close(ts.stopping) })
	r := ts.do("GET", "/readyz", "", "")
	r.want(t, 503, "overloaded")
	if r.Header.Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
	ts.do("GET", "/healthz", "", "").want(t, 200, "")
}

// Rule 2.31: metrics and profiles are on the admin address alone.
func TestAdminAddress(t *testing.T) {
	ts := startServer(t, func(c *Config) { c.AdminAddr = "127.0.0.1:0" })
	ts.do("GET", "/healthz", "", "").want(t, 200, "")
	ts.do("GET", "/v1/companies/00000000-0000-0000-0000-000000000000", ts.key("acme", ReadCompanies), "").want(t, 404, "")
	f := func(path, want string) {
		t.Helper()
		resp, err := ts.http.Get("http://" + ts.AdminAddr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%s: %d, no %q in %.3000s", path, resp.StatusCode, want, b)
		}
		for _, token := range []string{"", ts.admin} {
			if r := ts.do("GET", path, token, ""); r.StatusCode != 401 && r.StatusCode != 404 {
				t.Errorf("%s is public: %d", path, r.StatusCode)
			}
		}
	}
	f("/metrics", `sluice_http_requests_total{method="GET",route="/healthz",status="200"} 1`)
	f("/metrics", `sluice_http_requests_total{method="GET",route="/v1/companies/{id}",status="404"} 1`)
	f("/metrics", `sluice_http_request_seconds_count{method="POST",route="/v1/admin/keys"} 1`)
	f("/metrics", "sluice_http_connections 1")
	f("/metrics", "sluice_jobs_running 0")
	f("/metrics", "go_goroutines")
	f("/debug/pprof/", "goroutine")
}

// Rule 2.32: a panic ends its request alone, as internal_error with an id.
func TestPanic(t *testing.T) {
	ts := startServer(t)
	ts.testRoutes(
		route{method: "POST", pattern: "/panic", scope: public, handle: func(*Request) error { panic("secret") }},
		route{method: "POST", pattern: "/error", scope: public, handle: func(*Request) error { return fmt.Errorf("secret") }},
		route{method: "POST", pattern: "/find", scope: public, find: func(*Request) error { panic("secret") }},
		route{method: "GET", pattern: "/stream", scope: public, handle: func(r *Request) error {
			r.Stream(ndjsonType, func(w *bufio.Writer) error { fmt.Fprintln(w, "{}"); w.Flush(); panic("secret") }, nil)
			return nil
		}})
	for _, path := range []string{"/panic", "/error", "/find"} {
		r := ts.do("POST", path, "", "body")
		r.want(t, 500, "internal_error")
		if strings.Contains(string(r.body), "secret") || r.Header.Get("X-Request-ID") == "" {
			t.Fatalf("%s, %v", r.body, r.Header)
		}
	}
	c := ts.dial()
	c.send("GET /stream HTTP/1.1", "Host: x", "")
	if b, _ := io.ReadAll(c.br); strings.HasSuffix(string(b), "\r\n0\r\n\r\n") {
		t.Fatalf("a stream that failed looks whole: %q", b)
	}
	ts.do("GET", "/healthz", "", "").want(t, 200, "")
}

// echo reads its body and answers how long it was.
func echo(r *Request) error {
	n, err := io.Copy(io.Discard, r.Body())
	if err != nil {
		return err
	}
	return r.Data(200, n)
}

// Rule 2.33: a body that is cut off, late or badly coded is a 400, never short.
func TestBodyCutOff(t *testing.T) {
	const late = time.Second
	patient, hasty := startServer(t), startServer(t, func(c *Config) { c.BodyTimeout = late })
	for _, ts := range []*testServer{patient, hasty} {
		ts.testRoutes(route{method: "POST", pattern: "/echo", scope: public, handle: echo})
	}
	f := func(status int, message, framing, body string, half bool) {
		t.Helper()
		ts := patient
		if strings.HasSuffix(message, "in time") {
			ts = hasty
		}
		c := ts.dial()
		io.WriteString(c, "POST /echo HTTP/1.1\r\nHost: x\r\n"+framing+"\r\n\r\n"+body)
		if half {
			c.Conn.(*net.TCPConn).CloseWrite()
		}
		r := c.answer()
		r.want(t, status, "")
		if status != 200 && r.message(t) != message || status == 200 && string(r.body) != message {
			t.Errorf("%s, %d bytes: %q, want %q", framing, len(body), r.body, message)
		}
	}
	f(200, "{\"data\":5}\n", "Content-Length: 5", "hello", false)
	f(200, "{\"data\":100000}\n", "Content-Length: 100000", strings.Repeat("x", 100_000), false)
	f(200, "{\"data\":5}\n", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", false)
	f(400, "the body was cut off", "Content-Length: 100000", strings.Repeat("x", 99_999), true)
	f(400, "the body was cut off", "Transfer-Encoding: chunked", "5\r\nhello\r\n", true)
	f(400, "the body did not arrive in time", "Content-Length: 100000", strings.Repeat("x", 99_999), false)
	f(400, "the body did not arrive in time", "Transfer-Encoding: chunked", "5\r\nhello\r\n", false)
	f(400, "the body is not valid chunked coding", "Transfer-Encoding: chunked", "5\r\nhello\r\nx\r\n", false)
	f(400, "the request did not arrive in time", "Content-Length: 5", "hell", false)
	f(400, "the request is not valid HTTP/1.1", "Content-Length: 5", "hell", true)
}

// Rule 2.34: a slow upload goes on as long as it moves.
func TestSlowBody(t *testing.T) {
	f := func(timeout time.Duration) (status int) {
		ts := startServer(t, func(c *Config) { c.BodyTimeout = timeout })
		ts.testRoutes(route{method: "POST", pattern: "/echo", scope: public, handle: echo})
		c := ts.dial()
		c.send("POST /echo HTTP/1.1", "Host: x", fmt.Sprintf("Content-Length: %d", 10*bodyStep), "")
		for range 10 {
			c.Write(make([]byte, bodyStep))
			time.Sleep(timeout / 3)
		}
		resp, err := http.ReadResponse(c.br, nil)
		if err != nil {
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	// A machine that stands still as long as a step may take gets longer ones; a
	// body that has one time for all of it never gets through.
	for timeout := 300 * time.Millisecond; ; timeout *= 4 {
		if status := f(timeout); status == 200 {
			return
		} else if timeout > 10*time.Second {
			t.Fatalf("status %d", status)
		}
	}
}

// Rule 2.35: whoever expects 100-continue gets it once, when the body is wanted.
func TestContinue(t *testing.T) {
	ts := startServer(t)
	ts.testRoutes(route{method: "POST", pattern: "/echo", scope: public, handle: echo})
	c := ts.dial()
	for range 2 {
		c.send("POST /echo HTTP/1.1", "Host: x", "Content-Length: 5", "Expect: 100-continue", "")
		if r := c.answer(); r.StatusCode != 100 {
			t.Fatalf("status %d", r.StatusCode)
		}
		io.WriteString(c, "hello")
		c.answer().want(t, 200, "")
	}
	c.send("POST /echo HTTP/1.1", "Host: x", "Content-Length: 5", "")
	io.WriteString(c, "hello")
	c.answer().want(t, 200, "")
}

// Rule 2.36: requests may be pipelined; a body that its handler left is never
// taken for one.
func TestPipeline(t *testing.T) {
	ts := startServer(t)
	ts.testRoutes(route{method: "POST", pattern: "/echo", scope: public, handle: echo},
		route{method: "POST", pattern: "/leave", scope: public, handle: func(r *Request) error { return r.Data(200, 0) }})
	c := ts.dial()
	one := "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	io.WriteString(c, strings.Repeat(one, 20))
	for range 20 {
		c.answer().want(t, 200, "")
	}
	smuggled := "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	io.WriteString(c, fmt.Sprintf("POST /leave HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s%s", len(smuggled), smuggled, smuggled))
	if r := c.answer(); r.StatusCode != 200 || !r.Close {
		t.Fatalf("%d, close %v", r.StatusCode, r.Close)
	}
	c.wantEnd()
}

// Rule 2.37: connections past the limit are refused with 503 and Retry-After.
func TestConnectionLimit(t *testing.T) {
	ts := startServer(t, func(c *Config) { c.MaxConnections = 3 })
	var held []*raw
	for range 3 {
		c := ts.dial()
		c.send("GET /healthz HTTP/1.1", "Host: x", "")
		c.answer().want(t, 200, "")
		held = append(held, c)
	}
	c := ts.dial()
	c.send("GET /healthz HTTP/1.1", "Host: x", "")
	r := c.answer()
	r.want(t, 503, "overloaded")
	if r.Header.Get("Retry-After") == "" || r.Header.Get("X-Request-ID") == "" || !r.Close {
		t.Fatalf("%v", r.Header)
	}
	c.wantEnd()
	c.Close()
	held[0].Close()
	until(t, "room for a connection", func() bool { return ts.ln.open() <= 2 })
	c = ts.dial()
	c.send("GET /healthz HTTP/1.1", "Host: x", "")
	c.answer().want(t, 200, "")
}

// Rule 2.38: a stop lets running requests finish, answers them, and then ends.
func TestGracefulStop(t *testing.T) {
	ts := startServer(t)
	entered, release := make(chan struct{}), make(chan struct{})
	ts.testRoutes(route{method: "GET", pattern: "/slow", scope: public, handle: func(r *Request) error {
		close(entered)
		<-release
		return r.Data(200, "done")
	}})
	slow := ts.dial()
	slow.send("GET /slow HTTP/1.1", "Host: x", "")
	idle := ts.dial()
	idle.send("GET /healthz HTTP/1.1", "Host: x", "")
	idle.answer()
	<-entered
	closed := make(chan error, 1)
	go func() { closed <- ts.Close(context.Background()) }()
	<-ts.stopping
	time.Sleep(50 * time.Millisecond)
	close(release)
	if r := slow.answer(); r.StatusCode != 200 || !r.Close {
		t.Fatalf("%d, close %v", r.StatusCode, r.Close)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	idle.wantEnd()
	if _, err := net.Dial("tcp", ts.Addr()); err == nil {
		t.Fatal("still listens")
	}
}

// Rule 2.39: what does not finish within the grace is cut off.
func TestStopCutsOff(t *testing.T) {
	ts := startServer(t, func(c *Config) { c.ShutdownGrace, c.BodyTimeout = 400*time.Millisecond, hang })
	entered := make(chan struct{})
	ts.testRoutes(route{method: "GET", pattern: "/slow", scope: public, handle: func(r *Request) error {
		close(entered)
		<-r.Context().Done()
		return fault.New(fault.Overloaded, "stopped")
	}})
	c, upload := ts.dial(), ts.dial()
	c.send("GET /slow HTTP/1.1", "Host: x", "")
	upload.send("POST /v1/admin/keys HTTP/1.1", "Host: x", "Authorization: Bearer "+ts.admin, "Content-Type: application/json",
		"Content-Length: 10000", "", strings.Repeat(" ", 9000))
	<-entered
	start := time.Now()
	if err := ts.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > hang/2 { // else the body's time ends it
		t.Fatalf("took %s", took)
	}
}

// Open on a disk, twice: what was stored is there again, and the folder has one
// server at a time.
func TestOpen(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data = "127.0.0.1:0", "", t.TempDir()
	var token, id string
	for i := range 2 {
		start := time.Now()
		ts := serve(t, cfg)
		t.Logf("open took %s", time.Since(start))
		if i == 0 {
			token = ts.key("acme", ReadCompanies, WriteCompanies)
			id = tenant{ts, token}.create(`{"name":"a","domain":"a.com"}`).ID
			if _, err := Open(context.Background(), cfg, ts.log); err == nil {
				t.Fatal("two servers have one folder")
			}
		}
		ts.do("GET", "/v1/companies/"+id, token, "").want(t, http.StatusOK, "")
		if err := ts.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
