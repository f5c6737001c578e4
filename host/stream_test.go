package host

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// oldGet sends a GET as HTTP/1.0 clients do, nginx among them, and returns the
// answer; the connection stays open where it says so.
func (c *raw) oldGet(path, token string, headers ...string) reply {
	c.tb.Helper()
	c.send(append(append([]string{"GET " + path + " HTTP/1.0", "Authorization: Bearer " + token}, headers...), "")...)
	return c.answer()
}

// Rule 2.101: to HTTP/1.0 a stream is sent as it is, and ends with its connection.
func TestHTTP10Streams(t *testing.T) {
	c := newHouse(t)
	job := jobPath(c.csv("results=true", rows(300)+"x,bad\nx,y,z\n").importData(t).JobID)
	for _, path := range []string{"/v1/companies/export", "/v1/companies/export?format=ndjson", job + "/errors", job + "/errors?format=csv",
		job + "/results", job + "/events"} {
		want := c.get(path)
		for _, header := range []string{"Connection: keep-alive", "Connection: close"} {
			conn := c.dial()
			r := conn.oldGet(path, c.token, header)
			if r.StatusCode != 200 || len(r.TransferEncoding) > 0 || r.Header.Get("Content-Length") != "" || !r.Close {
				t.Errorf("%s: %d, %v, %v", path, r.StatusCode, r.TransferEncoding, r.Header)
			}
			if got := r.Header.Get("Content-Type"); got != want.Header.Get("Content-Type") || r.Header.Get("X-Request-ID") == "" {
				t.Errorf("%s: %v", path, r.Header)
			}
			if string(r.body) != string(want.body) {
				t.Errorf("%s: %d bytes, %d over HTTP/1.1: %.300s", path, len(r.body), len(want.body), r.body)
			}
			conn.wantEnd()
		}
	}
	// What is no stream leaves the connection to those who ask for it; so does HEAD.
	conn := c.dial()
	const keep = "Connection: keep-alive"
	for _, path := range []string{job, "/v1/companies", "/v1/companies/none"} {
		if r := conn.oldGet(path, c.token, keep); r.ContentLength != int64(len(r.body)) || r.Close || r.Header.Get("Connection") != "keep-alive" {
			t.Errorf("%s: %d bytes announced, %d came; %v", path, r.ContentLength, len(r.body), r.Header)
		}
	}
	conn.send("HEAD /v1/companies/export HTTP/1.0", "Authorization: Bearer "+c.token, keep, "")
	if head, err := http.ReadResponse(conn.br, &http.Request{Method: "HEAD"}); err != nil || head.StatusCode != 200 || len(head.TransferEncoding) > 0 {
		t.Fatalf("%v, %v", head, err)
	}
	if r := conn.oldGet(job, c.token); r.StatusCode != 200 || !r.Close {
		t.Errorf("%d, %v", r.StatusCode, r.Header)
	}
	conn.wantEnd()

	// Answers keep their order.
	conn = c.dial()
	conn.send("GET /healthz HTTP/1.1", "Host: x", "", "GET /v1/companies/export HTTP/1.0", "Authorization: Bearer "+c.token, "")
	if r := conn.answer(); !strings.Contains(string(r.body), `"ok"`) {
		t.Errorf("%s", r.body)
	}
	if r := conn.answer(); !strings.HasPrefix(string(r.body), "id,name") {
		t.Errorf("%s", r.body)
	}
	conn.wantEnd()
}

// Rule 2.101: a stream that failed is no whole one: its connection is reset.
func TestHTTP10StreamCut(t *testing.T) {
	ts := startServer(t)
	ended := make(chan bool, 2)
	ts.testRoutes(route{method: "GET", pattern: "/stream", scope: public, handle: func(r *Request) error {
		r.Stream(ndjsonType, func(w *bufio.Writer) error {
			fmt.Fprintln(w, "{}")
			return errors.Join(w.Flush(), errors.New("the store is gone"))
		}, func() { ended <- true })
		return nil
	}})
	c := ts.dial()
	c.send("GET /stream HTTP/1.0", "")
	if b, err := io.ReadAll(c.br); !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%q, %v", b, err)
	}
	<-ended
	if len(ended) > 0 {
		t.Error("the stream ended twice")
	}
}
