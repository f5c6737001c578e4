package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/engine/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// fake is a server that answers by path; what it was sent is kept.
type fake struct {
	mu      sync.Mutex
	answers map[string][]string // taken in turn, the last one again and again
	seen    []string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, fmt.Sprintf("%s %s %s %s %s %s %d %s", r.Method, r.URL, r.Header.Get("Authorization"), r.Header.Get("Content-Type"),
		r.Header.Get("Content-Encoding"), r.Header.Get("Prefer"), r.ContentLength, body))
	list := f.answers[r.URL.Path]
	if len(list) == 0 {
		http.Error(w, `{"error":{"code":"not_found","message":"no such thing"}}`, http.StatusNotFound)
		return
	}
	if len(list) > 1 {
		f.answers[r.URL.Path] = list[1:]
	}
	_, _ = io.WriteString(w, list[0]) // a client that is gone is the test's failure
}

func serve(t *testing.T, answers map[string][]string) (*fake, *Client, string) {
	t.Helper()
	f := &fake{answers: answers}
	s := httptest.NewServer(f)
	c := New(s.URL+"/", "wbk_key", 4)
	t.Cleanup(func() { c.Close(); s.Close() })
	return f, c, s.URL
}

const (
	importPath = "/v1/import/companies"
	done       = `{"data":{"job_id":"j1","status":"completed","created_count":3,"updated_count":2,"skipped_count":1,"failed_count":0,"row_count":6}}`
)

func TestImport(t *testing.T) {
	f, c, _ := serve(t, map[string][]string{
		importPath:           {`{"data":{"job_id":"j1","status":"queued"}}`},
		"/v1/import/jobs/j1": {`{"data":{"job_id":"j1","status":"processing","created_count":1}}`, done},
	})
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("a,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := Counts{Created: 3, Updated: 2, Skipped: 1, Rows: 6}
	got, err := c.Import(context.Background(), Body{File: path, Media: "text/csv", Encoding: "gzip", Query: url.Values{"plugin": {"x"}}})
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if want := "POST /v1/import/companies?plugin=x Bearer wbk_key text/csv gzip wait=60 4 a,b\n"; f.seen[0] != want || len(f.seen) != 3 {
		t.Errorf("sent %q, not %q", f.seen, want)
	}
	job, err := c.Post(context.Background(), Body{Bytes: []byte("{}"), Media: "application/json"}, 0)
	if err != nil || job.ID != "j1" || job.ended() {
		t.Errorf("%+v, %v", job, err)
	}
	if want := "POST /v1/import/companies Bearer wbk_key application/json   2 {}"; f.seen[3] != want {
		t.Errorf("sent %q, not %q", f.seen[3], want)
	}
	got.Add(want)
	if got != (Counts{Created: 6, Updated: 4, Skipped: 2, Rows: 12}) {
		t.Errorf("%+v", got)
	}
}

func TestImportFailures(t *testing.T) {
	f := func(answer, want string) {
		t.Helper()
		_, c, _ := serve(t, map[string][]string{importPath: {answer}})
		if _, err := c.Import(context.Background(), Body{Media: "text/csv"}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, not %s", answer, err, want)
		}
	}
	f(`{"data":{"job_id":"j1","status":"canceled"}}`, "job j1 canceled")
	f(`{"data":{"job_id":"j1","status":"failed","error":{"code":"too_much","message":"it was"}}}`, "job j1 failed: too_much: it was")
	f(`{"data":{"job_id":"j1","status":"completed","failed_count":2,"errors":[{"row_number":4,"code":"required","message":"name is missing"}]}}`,
		"job j1: 2 rows failed, the first in row 4: required: name is missing")
	f(`{"data":`, "POST /v1/import/companies: read answer: unexpected end of JSON input")
	_, c, _ := serve(t, nil)
	_, err := c.Import(context.Background(), Body{Media: "text/csv", Query: url.Values{"a": {"long query"}}})
	if want := "POST /v1/import/companies: status 404, not_found: no such thing"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if _, err := c.Import(context.Background(), Body{File: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	_, c, _ = serve(t, map[string][]string{"/v1/import/jobs/j": {`{"data":{"job_id":"j","status":"queued"}}`}})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.Wait(ctx, Job{ID: "j", Status: "queued"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a job that never ends: %v", err)
	}
}

func TestStore(t *testing.T) {
	_, c, _ := serve(t, map[string][]string{
		"/v1/companies":        {`{"data":[{"id":"i","name":"A","domain":"a.com"}],"meta":{"total":7}}`, `{"data":[],"meta":{"total":null}}`},
		"/v1/companies/export": {"{}\n{}\n{}\n"},
		"/v1/plugins":          {`{"data":{"name":"p"}}`},
	})
	ctx := context.Background()
	if n, err := c.Total(ctx); n != 7 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := c.Total(ctx); err == nil || err.Error() != "the list has no total" {
		t.Error(err)
	}
	if _, err := c.ByDomain(ctx, "b.com"); err == nil || err.Error() != "0 companies have the domain b.com" {
		t.Error(err)
	}
	if n, err := c.Exported(ctx); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := c.PushPlugin(ctx, "p", []byte("wasm")); err != nil {
		t.Error(err)
	}
}

func TestByDomain(t *testing.T) {
	f, c, _ := serve(t, map[string][]string{"/v1/companies": {`{"data":[{"id":"i","name":"A","domain":"a.com","phone":"1"}]}`}})
	got, err := c.ByDomain(context.Background(), "a&b.com")
	if want := (Company{ID: "i", Name: "A", Domain: "a.com", Phone: "1"}); got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if !strings.HasPrefix(f.seen[0], "GET /v1/companies?domain=a%26b.com ") {
		t.Error(f.seen[0])
	}
}

func TestBurst(t *testing.T) {
	f, _, url := serve(t, map[string][]string{importPath: {done}})
	var requests [][]byte
	for i := range 100 {
		requests = append(requests, Request("POST", importPath, "wbk_key", "application/json", []byte(strings.Repeat("x", i))))
	}
	got, err := Burst{Connections: 7, Requests: requests, Check: WantCount("created_count", 3)}.Run(context.Background(), url)
	if err != nil || got.Requests != 100 || len(got.Times) != 100 || len(f.seen) != 100 || got.Elapsed <= 0 {
		t.Errorf("%d answered, %d seen, %v", got.Requests, len(f.seen), err)
	}
	sizes := map[int]bool{}
	for _, s := range f.seen {
		sizes[strings.Count(s, "x")] = true
	}
	if len(sizes) != 100 {
		t.Errorf("%d different requests were sent, not 100", len(sizes))
	}
}

func TestBurstEnds(t *testing.T) {
	_, _, url := serve(t, map[string][]string{importPath: {done}})
	b := Burst{Connections: 2, Requests: [][]byte{Request("GET", importPath, "k", "", nil)}, Again: true, Check: WantCount("created_count", 3)}
	b.For = 20 * time.Millisecond
	if got, err := b.Run(context.Background(), url); err != nil || got.Elapsed < b.For {
		t.Errorf("%+v, %v", got.Elapsed, err)
	}
	over := make(chan struct{})
	close(over)
	b.For, b.Until = 0, over
	if got, err := b.Run(context.Background(), url); err != nil || got.Requests != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestBurstFailures(t *testing.T) {
	_, _, url := serve(t, map[string][]string{importPath: {done, done, strings.Replace(done, ":3,", ":4,", 1)}})
	f := func(path string, check func([]byte) error, want string) {
		t.Helper()
		b := Burst{Connections: 1, Requests: [][]byte{Request("GET", path, "k", "", nil)}, Again: true, Check: check}
		if _, err := b.Run(context.Background(), url); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, not %s", err, want)
		}
	}
	f(importPath, WantCount("created_count", 3), `no "created_count":3 in {"data":{"job_id":"j1"`)
	f("/none", WantCount("created_count", 3), `status 404: {"error":`)
	if _, err := (Burst{Connections: 1}).Run(context.Background(), "http://127.0.0.1:1"); err == nil {
		t.Error("a server that is not there was reached")
	}
}

func TestConnAnswers(t *testing.T) {
	f := func(answer string, status int, body, want string) {
		t.Helper()
		client, server := pipe(t, answer)
		gotStatus, gotBody, _, err := client.Do([]byte("x"))
		server()
		switch {
		case want != "":
			if err == nil || err.Error() != want {
				t.Errorf("%q: %v, not %s", answer, err, want)
			}
		case err != nil || gotStatus != status || string(gotBody) != body:
			t.Errorf("%q: %d %q %v", answer, gotStatus, gotBody, err)
		}
	}
	f("HTTP/1.1 200 OK\r\nX: y\r\ncontent-LENGTH:  3\r\n\r\nabcdef", 200, "abc", "")
	f("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, "", "")
	f("HTTP/1.1 200 OK\r\n\r\n", 0, "", "read answer: a body of -1 bytes; 0 to 1048576 are read")
	f("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", 0, "", "read answer: a body of 9999999 bytes; 0 to 1048576 are read")
	f("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 0, "", `read answer: header "Content-Length: x"`)
	f("SSH-2.0\r\n", 0, "", `read answer: status line "SSH-2.0"`)
	f("HTTP/1.1 abc OK\r\n", 0, "", `read answer: status line "HTTP/1.1 abc OK"`)
	f("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", 0, "", "read answer: unexpected EOF")
	f("HTTP/1.1 200", 0, "", "read answer: unexpected EOF")
}
