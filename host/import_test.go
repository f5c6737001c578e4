package host

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/engine"
	"sluice/engine/fault"
)

// Rule 2.49: every body form comes to the same import.
func TestImportForms(t *testing.T) {
	f := func(body string, headers ...string) {
		t.Helper()
		s := startImports(t)
		r := s.post(body, headers...)
		if r.StatusCode != 200 || r.Header.Get("Content-Type") != jsonType {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
		d := r.importData(t)
		if d.Status != engine.Completed || d.CreatedCount != 2 || d.RowCount != 2 || d.RecordCount != 2 || !strings.HasPrefix(d.JobID, "imp_co_") {
			t.Fatalf("%s", r.body)
		}
		if n := len(s.store.Companies("acme")); n != 2 {
			t.Fatalf("%d companies", n)
		}
		if n := s.spool.Files(); n != 0 {
			t.Fatalf("%d spools are left", n)
		}
	}
	csv := "name,domain\nA,a.example\nB,b.example\n"
	ndjson := `{"name":"A","domain":"a.example"}` + "\n" + `{"name":"B"}` + "\n"
	f(`{"rows":[{"name":"A","domain":"a.example"},{"name":"B"}]}`)
	f(`{"csv":"name\nA\nB\n"}`)
	f(csv, "Content-Type: text/csv")
	f(ndjson, "Content-Type: application/x-ndjson")
	f(compressed(t, "gzip", csv), "Content-Type: text/csv", "Content-Encoding: gzip")
	f(compressed(t, "zstd", ndjson), "Content-Type: application/x-ndjson", "Content-Encoding: zstd")
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("update_existing", "true")
	file, err := w.CreateFormFile("file", "companies.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = file.Write([]byte(csv))
	w.Close()
	f(form.String(), "Content-Type: "+w.FormDataContentType())
}

func compressed(tb testing.TB, coding, body string) string {
	tb.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if coding == "zstd" {
		z, err := zstd.NewWriter(&b)
		if err != nil {
			tb.Fatal(err)
		}
		w = z
	}
	_, _ = w.Write([]byte(body))
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// Rule 2.53: options stand in the query of a raw body, in a JSON body itself.
func TestImportOptions(t *testing.T) {
	s := startImports(t)
	r := s.do("POST", importPath+"?mapping=%7B%22Company%22:%22name%22%7D&tags=x&tags=y&results=true", s.key,
		"Company;Site\nA;a.example\n", "Content-Type: text/csv")
	d := r.importData(t)
	if d.CreatedCount != 1 || len(d.Results) != 1 || d.Dialect == nil || d.Dialect.Delimiter != ";" || d.Dialect.Encoding != "utf-8" {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	r = s.do("POST", importPath+"?dry_run=true", s.key, `{"rows":[]}`)
	if e := r.fault(t); r.StatusCode != 400 || e.Code != fault.Validation || e.Details["option"] != "dry_run" {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}

// Rules 2.55, 2.58: refusals of an import, none of which leaves anything behind.
func TestImportRefused(t *testing.T) {
	s := startImports(t, func(c *Config) { c.MaxStreamBytes = 100_000; c.MaxJSONBytes = 10_000 })
	f := func(status int, code fault.Code, body string, headers ...string) {
		t.Helper()
		r := s.post(body, headers...)
		if e := r.fault(t); r.StatusCode != status || e.Code != code {
			t.Fatalf("%d %s, want %d %s", r.StatusCode, r.body, status, code)
		}
		if s.spool.Files() != 0 || len(s.store.Companies("acme")) != 0 {
			t.Fatal("something was left behind")
		}
	}
	f(400, fault.Validation, `{}`)
	f(400, fault.Validation, `{"rows":[],"csv":""}`)
	f(400, fault.Validation, `{"rows":[{"name":"A"}]`)
	f(400, fault.Validation, `{"rows":[{"name":"A"}],"plugin":"none-such"}`)
	f(400, fault.Validation, `{"rows":[{"name":"A"}],"mapping":{"a":"name"}}`)
	f(400, fault.Validation, "", "Content-Type: application/json")
	f(400, fault.Validation, "")
	f(400, fault.Validation, "name\n", "Content-Type: multipart/form-data")
	f(400, fault.Validation, "name\nA\n", "Content-Type: text/csv", "Content-Encoding: gzip")
	f(400, fault.Validation, compressed(t, "gzip", rows(600))[:2000], "Content-Type: text/csv", "Content-Encoding: gzip")
	f(415, fault.UnsupportedMedia, "name\nA\n", "Content-Type: text/plain")
	f(415, fault.UnsupportedMedia, "name\nA\n", "Content-Type: text/csv", "Content-Encoding: br")
	f(413, fault.PayloadTooLarge, `{"csv":"`+strings.Repeat("x", 10_000)+`"}`)
	f(413, fault.PayloadTooLarge, compressed(t, "gzip", `{"csv":"`+strings.Repeat("x", 10_000)+`"}`), "Content-Encoding: gzip")
	f(413, fault.PayloadTooLarge, rows(10_000), "Content-Type: text/csv")
	f(413, fault.PayloadTooLarge, compressed(t, "zstd", rows(10_000)), "Content-Type: text/csv", "Content-Encoding: zstd")
	f(400, fault.Validation, `{"rows":[]}`, "Idempotency-Key: "+strings.Repeat("k", 256))

	r := s.do("POST", importPath, s.testServer.key("acme", ReadCompanies, ReadImports), `{"rows":[]}`)
	if e := r.fault(t); r.StatusCode != 403 || e.Code != fault.Forbidden {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if r := s.do("GET", importPath, s.key, ""); r.StatusCode != 405 {
		t.Fatalf("GET: %d", r.StatusCode)
	}
}

// Rule 2.55: the limit of streams is none of JSON.
func TestJSONLimit(t *testing.T) {
	s := startImports(t, func(c *Config) { c.MaxStreamBytes = 1024 })
	long := `{"rows":[{"name":"` + strings.Repeat("A", 200) + `"}` + strings.Repeat(" ", 5000) + `]}`
	s.post(long).want(t, 200, "")
	for _, coding := range []string{"gzip", "zstd"} {
		s.post(compressed(t, coding, long), "Content-Encoding: "+coding).want(t, 200, "")
	}
	s.post(rows(600), "Content-Type: text/csv").want(t, 413, string(fault.PayloadTooLarge))
}

// Rules 2.33, 2.58: a body that is cut off is no short file. Nothing is imported.
func TestImportCutOff(t *testing.T) {
	s := startImports(t)
	f := func(head, body string) {
		t.Helper()
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: text/csv\r\n%s\r\n\r\n%s", importPath, s.key, head, body)
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Fatalf("%q: %d", head, resp.StatusCode)
		}
		if len(s.store.Companies("acme")) != 0 || s.spool.Files() != 0 {
			t.Fatal("a part of a body was imported")
		}
	}
	f("Content-Length: 100", "name\nA\n")
	f("Content-Length: 1000000", rows(600))
	f("Transfer-Encoding: chunked", "7\r\nname\nA\n\r\n")
	f("Transfer-Encoding: chunked", "7\r\nname\nA\n\r\n0\r\n")
	f("Transfer-Encoding: chunked", "70\r\nname\nA\n")
}

// Rule 2.56: past 500 rows a job, 202 with Location and Retry-After.
func TestImportQueued(t *testing.T) {
	s := startImports(t)
	if r := s.post(rows(500), "Content-Type: text/csv"); r.StatusCode != 200 {
		t.Fatalf("500 rows: %d", r.StatusCode)
	}
	r := s.post(rows(501), "Content-Type: text/csv")
	d := r.importData(t)
	if r.StatusCode != 202 || d.Status != engine.Queued || r.Header.Get("Location") != jobPath(d.JobID) || r.Header.Get("Retry-After") != "1" {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.body)
	}
	end := s.awaitJob(d.JobID)
	if end.Status != engine.Completed || end.CreatedCount != 1 || end.SkippedCount != 500 || end.RowCount != 501 {
		t.Fatalf("%+v", end)
	}
	if end.Progress == nil || end.Progress.BytesRead != end.Progress.BytesTotal || end.Progress.BytesTotal != int64(len(rows(501))) {
		t.Fatalf("%+v", end.Progress)
	}
}

// Rule 2.57: Prefer: wait=n delays the 202 until the job ends: 200, or
// 422 if it failed.
func TestImportWait(t *testing.T) {
	s := startImports(t)
	r := s.post(rows(600), "Content-Type: text/csv", "Prefer: respond-async, wait=60")
	d := r.importData(t)
	if r.StatusCode != 200 || d.Status != engine.Completed || d.CreatedCount != 600 || r.Header.Get("Preference-Applied") != "wait=60" {
		t.Fatalf("%d %v %s", r.StatusCode, r.Header, r.body)
	}
	bad := strings.Replace(rows(600), "c300.example", "no domain", 1)
	r = s.do("POST", importPath+"?on_error=abort", s.key, bad, "Content-Type: text/csv", "Prefer: wait=60")
	e := r.fault(t)
	if r.StatusCode != 422 || e.Code != fault.ImportFailed || e.Details["status"] != "failed" || e.Details["failed_count"] != 1.0 || e.Details["created_count"] != 0.0 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if _, twice := e.Details["error"]; twice {
		t.Fatalf("the message stands twice: %s", r.body)
	}
	// No time to wait: the 202.
	r = s.post(rows(700), "Content-Type: text/csv", "Prefer: wait=0")
	if d := r.importData(t); r.StatusCode != 202 || d.Status != engine.Queued || r.Header.Get("Preference-Applied") != "wait=0" {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}

func TestPreferredWait(t *testing.T) {
	f := func(want time.Duration, asked bool, headers ...string) {
		t.Helper()
		var raw [][]byte
		for _, h := range headers {
			raw = append(raw, []byte(h))
		}
		if got, ok := preferredWait(raw); got != want || ok != asked {
			t.Fatalf("%q: %v %t", headers, got, ok)
		}
	}
	f(0, false)
	f(0, false, "respond-async")
	f(10*time.Second, true, "wait=10")
	f(10*time.Second, true, "return=minimal, Wait = \"10\"; x=y")
	f(10*time.Second, true, "respond-async", "wait=10")
	f(10*time.Second, true, "wait=10, wait=20")
	f(60*time.Second, true, "wait=61")
	f(60*time.Second, true, "wait=4294967295")
	f(0, true, "wait=0")
	f(0, false, "wait=-1")
	f(0, false, "wait=1.5")
	f(0, false, "wait")
	f(0, false, "wait=99999999999")
	f(0, false, "waits=5")
}

// A synchronous import that fails as a whole is a 422 whose details are its data.
func TestImportFailed(t *testing.T) {
	s := startImports(t)
	r := s.post(`{"rows":[{"name":"A","domain":"a.example"},{"name":"B","domain":"bad"}],"on_error":"abort"}`)
	e := r.fault(t)
	if r.StatusCode != 422 || e.Code != fault.ImportFailed || e.Details["failed_count"] != 1.0 || e.Details["created_count"] != 0.0 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if len(s.store.Companies("acme")) != 0 {
		t.Fatal("something was imported")
	}
}

// A wait ends with its time, and when the server stops.
func TestWaitEnds(t *testing.T) {
	s := startIdleImports(t)
	start := time.Now()
	r := s.post(rows(600), "Content-Type: text/csv", "Prefer: wait=1")
	if took := time.Since(start); r.StatusCode != 202 || took < time.Second {
		t.Fatalf("%d after %v", r.StatusCode, took)
	}
	answered := make(chan int, 1)
	go func() { answered <- s.post(rows(601), "Content-Type: text/csv", "Prefer: wait=60").StatusCode }()
	until(t, "the wait", func() bool { return s.waits.held() > 0 })
	start = time.Now()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	// Its own time is a minute, the server's for requests longer.
	if status, took := <-answered, time.Since(start); status != 202 || took > 50*time.Second {
		t.Fatalf("%d after %v", status, took)
	}
}

// held returns how many slots are taken.
func (s *slots) held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}
