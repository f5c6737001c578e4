package host

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/engine"
)

// Rule 2.8: an answer is {"data", "meta"?} or {"error": {code, message,
// details?}}, and nothing else.
func TestEnvelope(t *testing.T) {
	c := newHouse(t)
	f := func(r reply, want ...string) {
		t.Helper()
		var answer map[string]json.RawMessage
		r.decode(t, &answer)
		if len(answer) != len(want) {
			t.Errorf("%s, want %q", r.body, want)
		}
		for _, name := range want {
			if answer[name] == nil {
				t.Errorf("no %s in %s", name, r.body)
			}
		}
		if got := r.Header.Get("Content-Type"); got != jsonType {
			t.Errorf("Content-Type %q", got)
		}
		if answer["error"] == nil {
			return
		}
		var e map[string]any
		if err := json.Unmarshal(answer["error"], &e); err != nil {
			t.Fatal(err)
		}
		for name, value := range e {
			_, text := value.(string)
			_, object := value.(map[string]any)
			if !(name == "code" && text || name == "message" && text && value != "" || name == "details" && object) {
				t.Errorf("%s: %v", name, value)
			}
		}
	}
	made := c.post("/v1/companies", `{"name":"A"}`)
	f(made, "data")
	f(c.get(made.Header.Get("Location")), "data")
	f(c.get("/v1/companies"), "data", "meta")
	f(c.get("/v1/import/jobs"), "data", "meta")
	f(c.json(`{"rows":[]}`), "data")
	f(c.json(`{"rows":1}`), "error")
	f(c.get("/v1/nowhere"), "error")
	f(c.do("PUT", "/v1/companies", c.token, ""), "error")
	f(c.do("GET", "/v1/companies", "", ""), "error")
	f(c.do("GET", "/v1/admin/keys", c.token, ""), "error")
	f(c.do("GET", "/v1/admin/keys", c.admin, ""), "data", "meta")
}

// Rule 2.9: of several reasons to refuse the first of 401, 429, 403, 404 or
// 405, 415, 409, 413 is told.
func TestRefusalOrder(t *testing.T) {
	ts := startServer(t, func(c *Config) { c.BodyTimeout = hang })
	c := ts.house("acme")
	weak := ts.key("acme", ReadCompanies)
	r := ts.do("POST", "/v1/admin/keys", ts.admin, `{"tenant":"acme","scopes":["read:companies"],"rate_limit":1}`)
	var made struct{ Data struct{ Key string } }
	r.decode(t, &made)
	used := made.Data.Key
	ts.do("GET", "/v1/companies", used, "").want(t, 200, "")

	// The first request under a key is held in the middle of its body.
	hold := ts.dial()
	hold.send("POST "+importPath+" HTTP/1.1", "Host: x", "Authorization: Bearer "+c.token, "Content-Type: text/csv",
		"Idempotency-Key: held", "Content-Length: 1000000", "", rows(600))
	until(t, "a held key", func() bool { return ts.idempotency.holds() > 0 }) // fasthttp waits for the first 8 KB
	f := func(want int, token, path string, headers ...string) {
		t.Helper()
		conn := ts.dial()
		defer conn.Close()
		head := []string{"POST " + path + " HTTP/1.1", "Host: x", "Content-Length: 99999999999999", "Authorization: Bearer " + token}
		conn.send(append(append(head, headers...), "")...)
		r := conn.answer()
		if r.StatusCode != want || !r.Close {
			t.Errorf("%s %q: %d, want %d; close %t", path, headers, r.StatusCode, want, r.Close)
		}
	}
	const key, text, csv = "Idempotency-Key: held", "Content-Type: text/plain", "Content-Type: text/csv"
	f(401, "wbk_nobody", "/v1/nowhere", key, text)
	f(429, used, "/v1/admin/keys", key, text)
	f(403, weak, importPath, key, text)
	f(404, c.token, "/v1/nowhere", key, text)
	f(405, c.token, "/v1/import/jobs", key, text)
	f(415, c.token, importPath, key, text)
	f(415, c.token, importPath, key, csv, "Content-Encoding: br")
	f(409, c.token, importPath, key, csv)
	f(413, c.token, importPath, csv)
}

// Rule 2.19: a 405 says in Allow what is allowed; HEAD is a GET without a body.
func TestMethods(t *testing.T) {
	c := newHouse(t)
	made := c.post("/v1/companies", `{"name":"A"}`)
	one := made.Header.Get("Location")
	f := func(method, path string, status int, allow string) {
		t.Helper()
		r := c.do(method, path, c.token, "")
		if r.StatusCode != status || r.Header.Get("Allow") != allow {
			t.Errorf("%s %s: %d, Allow %q; want %d, %q", method, path, r.StatusCode, r.Header.Get("Allow"), status, allow)
		}
	}
	f("PUT", "/v1/companies", 405, "POST, GET, HEAD")
	f("OPTIONS", one, 405, "GET, HEAD, PATCH, DELETE")
	f("GET", importPath, 405, "POST")
	f("POST", "/v1/companies/export", 405, "GET, HEAD")
	f("DELETE", "/v1/import/jobs", 405, "GET, HEAD")
	f("GET", one+"/", 404, "")
	f("GET", "/v1/companies/", 404, "")

	job := jobPath(c.csv("results=true", rows(2)+"x,bad\n").importData(t).JobID)
	for _, path := range []string{"/healthz", "/openapi.json", "/v1/companies", one, one + "x", "/v1/companies/export", "/v1/companies/export?format=ndjson",
		"/v1/companies/export?format=xml", "/v1/import/jobs", job, job + "/errors", job + "/errors?format=csv", job + "/results", job + "/events", job + "/replay",
		"/v1/plugins", "/v1/plugins/active", "/v1/plugins/audit", "/v1/admin/keys"} {
		get, head := c.get(path), c.do("HEAD", path, c.token, "")
		for _, r := range []reply{get, head} {
			for _, own := range []string{"Date", "X-Request-Id", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"} {
				r.Header.Del(own)
			}
		}
		if head.StatusCode != get.StatusCode || head.ContentLength != get.ContentLength ||
			fmt.Sprint(head.TransferEncoding) != fmt.Sprint(get.TransferEncoding) || len(head.body) > 0 {
			t.Errorf("%s: HEAD is %d, %d bytes announced, %q; GET is %d, %d bytes", path,
				head.StatusCode, head.ContentLength, head.body, get.StatusCode, get.ContentLength)
		}
		if diff := cmp.Diff(get.Header, head.Header); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	// No stream is open after a HEAD of one.
	for range 2 * streamsPerTenant {
		c.do("HEAD", job+"/events", c.token, "").want(t, 200, "")
	}
}

// Rule 2.17: a tenant never sees that another tenant's ids exist.
func TestTenantsApart(t *testing.T) {
	ts := startServer(t)
	a, b := ts.house("acme"), ts.house("other")
	company := a.post("/v1/companies", `{"name":"A","domain":"a.example"}`).Header.Get("Location")
	job := jobPath(a.csv("results=true", rows(600)+"x,bad\n").importData(t).JobID)
	a.ended(strings.TrimPrefix(job, "/v1/import/jobs/"))
	for _, path := range []string{company, job, job + "/errors", job + "/errors?format=csv", job + "/results", job + "/events"} {
		if got := a.get(path).StatusCode; got != 200 {
			t.Errorf("%s: %d of its own", path, got)
		}
		own, absent := b.get(path), b.get(strings.Replace(strings.Replace(path, job, jobPath("imp_co_none"), 1), company, "/v1/companies/none", 1))
		if own.StatusCode != 404 || string(own.body) != string(absent.body) {
			t.Errorf("%s: %d %s, and of none %s", path, own.StatusCode, own.body, absent.body)
		}
	}
	b.do("PATCH", company, b.token, `{"name":"B"}`).want(t, 404, "not_found")
	b.do("DELETE", company, b.token, "").want(t, 404, "not_found")
	b.do("DELETE", job, b.token, "").want(t, 404, "not_found")
	if b.stored() != "" || !strings.Contains(string(b.get("/v1/import/jobs").body), `"data":[]`) {
		t.Error("another tenant's companies or jobs are listed")
	}
	// The same domain and the same idempotency key are another tenant's own.
	b.post("/v1/companies", `{"name":"B","domain":"a.example"}`).want(t, 201, "")
	a.json(`{"rows":[]}`, "Idempotency-Key: k").want(t, 200, "")
	if r := b.json(`{"rows":[{"name":"C"}]}`, "Idempotency-Key: k"); r.StatusCode != 200 || r.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
}

// Rule 2.47: who is refused for want of a key is told how to authenticate.
func TestAuthenticate(t *testing.T) {
	ts := startServer(t)
	r := ts.do("GET", "/v1/companies", "", "")
	r.want(t, 401, "invalid_key")
	if got := r.Header.Get("WWW-Authenticate"); got != "Bearer" {
		t.Errorf("WWW-Authenticate %q", got)
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Ratelimit") {
			t.Errorf("%s of nobody", name)
		}
	}
}

// Rule 2.54: bodies may be gzip or zstd, chunked or not; a damaged one imports
// nothing.
func TestCodings(t *testing.T) {
	ts := startServer(t)
	c := ts.house("acme")
	for _, coding := range []string{"gzip", "zstd"} {
		whole := compressed(t, coding, rows(600))
		header := "Content-Encoding: " + coding
		for _, cut := range []int{1, 4, 8, len(whole) / 2} {
			c.csv("", whole[:len(whole)-cut], header).wantSaid(t, fmt.Sprintf("%s cut by %d", coding, cut), "400 validation_error")
		}
		for _, i := range []int{0, len(whole) / 2, len(whole) - 6} {
			bad := whole[:i] + string(whole[i]^0x55) + whole[i+1:]
			c.csv("", bad, header).wantSaid(t, fmt.Sprintf("%s changed at %d", coding, i), "400 validation_error")
		}
		c.csv("", whole+"more", header).wantSaid(t, coding+" and more", "400 validation_error")
		c.csv("", "", header).wantSaid(t, coding+" of nothing", "400 validation_error")
		c.wantStored()
		to := ts.house("to-" + coding)
		d := to.ended(to.csv("", whole, header).importData(t).JobID)
		if d.CreatedCount != 600 {
			t.Errorf("%s: %s", coding, told(d))
		}
		to.json(compressed(t, coding, `{"rows":[{"name":"J"}]}`), header).wantSaid(t, coding, "200 completed 1+0+0+0=1")
		body, contentType := formOf(t, "file@a.csv=name\nF\n")
		to.post(importPath, compressed(t, coding, body), contentType, header).wantSaid(t, coding, "200 completed 1+0+0+0=1")
	}
	c.csv("", "name\nA\n", "Content-Encoding: identity").wantSaid(t, "identity", "200 completed 1+0+0+0=1")
	c.csv("", "x", "Content-Encoding: deflate").wantSaid(t, "deflate", "415 unsupported_media_type")
	c.csv("", "x", "Content-Encoding: gzip, gzip").wantSaid(t, "twice", "415 unsupported_media_type")

	conn := ts.dial()
	conn.send("POST "+importPath+" HTTP/1.1", "Host: x", "Authorization: Bearer "+c.token, "Content-Type: text/csv",
		"Transfer-Encoding: chunked", "Connection: close", "", "5", "name\n", "3", "Ch\r", "1", "\n", "0", "")
	conn.answer().wantSaid(t, "chunked", "200 completed 1+0+0+0=1")
}

// Rule 2.55: a JSON body ends at 20 MiB, decoded; raw streams go on.
func TestJSONBodyLimit(t *testing.T) {
	c := newHouse(t)
	const limit = 20 << 20
	pad := func(n int) string {
		const body = `{"rows":[{"name":"A"}]`
		return body + strings.Repeat(" ", n-len(body)-1) + "}"
	}
	c.json(pad(limit)).wantSaid(t, "20 MiB", "200 completed 1+0+0+0=1")
	c.json(pad(limit+1)).wantSaid(t, "a byte more", "413 payload_too_large")
	c.json(compressed(t, "gzip", pad(limit)), "Content-Encoding: gzip").wantSaid(t, "20 MiB, gzip", "200 completed 1+0+0+0=1")
	c.json(compressed(t, "gzip", pad(limit+1)), "Content-Encoding: gzip").wantSaid(t, "a byte more, gzip", "413 payload_too_large")
	c.post("/v1/companies", pad(limit+1)).want(t, 413, "payload_too_large")
	c.csv("", "name\nB\n"+strings.Repeat("\n", limit)).wantSaid(t, "a stream", "200 completed 1+0+0+0=1")
}

// Rule 2.57: Prefer: wait=n delays the 202 until the job ends, at most 60 s.
func TestPrefer(t *testing.T) {
	c := newHouse(t)
	f := func(prefer string, status int, applied string) {
		t.Helper()
		r := c.csv("dry_run=true", rows(600), "Prefer: "+prefer)
		if r.StatusCode != status || r.Header.Get("Preference-Applied") != applied || (status == 202) != (r.Header.Get("Location") != "") {
			t.Errorf("%s: %d %v", prefer, r.StatusCode, r.Header)
		}
		if d := r.importData(t); (status == 200) != (d.Status == engine.Completed && d.CreatedCount == 600) {
			t.Errorf("%s: %s", prefer, told(d))
		}
	}
	f("wait=60", http.StatusOK, "wait=60")
	f("wait=1000", http.StatusOK, "wait=60")
	f("respond-async, wait=30", http.StatusOK, "wait=30")
	f("wait=0", http.StatusAccepted, "wait=0")
	f("return=minimal", http.StatusAccepted, "")
	f("wait=soon", http.StatusAccepted, "")
	f("wait=-1", http.StatusAccepted, "")
}
