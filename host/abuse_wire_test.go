package host

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// healthz is a whole request; in a body it is what an attacker would smuggle.
const healthz = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

// statuses sends bytes as they are, ends its side, and returns what was answered
// up to the end of the connection.
func (ts *testServer) statuses(bytes string) (got []int, last reply) {
	ts.tb.Helper()
	c := ts.dial()
	defer c.Close()
	io.WriteString(c, bytes) // the server may have closed already
	c.Conn.(interface{ CloseWrite() error }).CloseWrite()
	for {
		if _, err := c.br.Peek(1); err != nil {
			return got, last
		}
		last = c.answer()
		got = append(got, last.StatusCode)
	}
}

// Abuse 3.10: headers that some proxy may have read otherwise end the connection,
// so that nothing behind them is ever a request.
func TestAbuseHeaders(t *testing.T) {
	ts := startServer(t)
	post := "POST /v1/admin/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ts.admin + "\r\nContent-Type: application/json\r\n"
	f := func(request string) {
		t.Helper()
		if got, last := ts.statuses(request + healthz); len(got) != 1 || got[0] != 400 || !last.Close {
			t.Errorf("%q: %v", request, got)
		}
	}
	get := func(lines string) { t.Helper(); f("GET /healthz HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n") }
	get("X-A: b\r\n c: d\r\n")
	get("X-A: b\r\n\tc\r\n")
	get("X-A: b\nX-B: c\r\n")
	get("X-A: b\rX-B: c\r\n")
	get("X-A\r\n")
	get(": a\r\n")
	get("X A: a\r\n")
	get("X-A : a\r\n")
	get("X-A\t: a\r\n")
	get("X-\x00: a\r\n")
	get("X-A: a\x00b\r\n")
	get("Host: y\r\n")
	f("GET /healthz HTTP/1.1\nHost: x\n\n")
	f("GET /healthz HTTP/1.1\r\n X-A: b\r\nHost: x\r\n\r\n")
	f("GET /healthz HTTP/1.1\r\n\r\n")
	f("GET\t/healthz\tHTTP/1.1\r\nHost: x\r\n\r\n")
	f("GET /healthz x HTTP/1.1\r\nHost: x\r\n\r\n")
	f("GET /heal\x00thz HTTP/1.1\r\nHost: x\r\n\r\n")
	f("GET /heal\rthz HTTP/1.1\r\nHost: x\r\n\r\n")
	f("GET /healthz\r\n\r\n")
	f("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	length := fmt.Sprintf("%d", len(healthz))
	for _, lines := range []string{"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "Content-Length:\r\n " + length + "\r\n\r\n" + healthz,
		"X-A: b\nContent-Length: " + length + "\r\n\r\n" + healthz, "X-A: b\r\n Content-Length: " + length + "\r\n\r\n",
		"Transfer-Encoding: chunked\nX-A: b\r\n\r\n0\r\n\r\n"} {
		f(post + lines)
	}
}

// Abuse 3.8: an end of the body that is announced twice, or not as a number, is
// refused, and what was sent is no request.
func TestAbuseLengths(t *testing.T) {
	ts := startServer(t)
	f := func(want []int, headers, body string) {
		t.Helper()
		got, _ := ts.statuses("POST /v1/admin/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ts.admin +
			"\r\nContent-Type: application/json\r\n" + headers + "\r\n\r\n" + body + healthz)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v, want %v", headers, got, want)
		}
	}
	const object = `{"tenant":"a","scopes":["admin"]}` // 33 bytes
	chunked := "21\r\n" + object + "\r\n0\r\n\r\n"
	refused, taken := []int{400}, []int{201, 200}
	f(taken, "Content-Length: 33", object)
	f(taken, "Transfer-Encoding: chunked", chunked)
	f(taken, "transfer-encoding:\tCHUNKED", chunked)
	for _, length := range []string{"33, 33", "33,", "0x21", "3 3", "33\x00", "", "33;", "+33", "-1", "18446744073709551649", "9223372036854775808", "33\r\nContent-Length: 33"} {
		f(refused, "Content-Length: "+length, object)
	}
	for _, coding := range []string{"xchunked", "chunked, identity", "identity, chunked", "chunked\x00", "chunked;q=1", `"chunked"`,
		"chunked,", ",chunked", "\x0bchunked", "chunked chunked", "gzip, chunked", "identity", "", "chunked\r\nTransfer-Encoding: identity",
		"chunked\r\nContent-Length: 33", "chunked\r\ncontent-length: 0"} {
		f(refused, "Transfer-Encoding: "+coding, chunked)
	}
	f(refused, "Content-Length: 33\r\nTransfer-Encoding: chunked", chunked)
}

// Abuse 3.9: a chunked body whose sizes can be read in two ways is refused, and
// what comes behind it is no request.
func TestAbuseChunks(t *testing.T) {
	ts := startServer(t)
	head := "POST /v1/admin/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ts.admin +
		"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	const object = `{"tenant":"a","scopes":["admin"]}` // 33 bytes
	f := func(want []int, body string) {
		t.Helper()
		if got, _ := ts.statuses(head + body + healthz); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%.80q: %v, want %v", body, got, want)
		}
	}
	refused, taken := []int{400}, []int{201, 200}
	f(taken, "21\r\n"+object+"\r\n0\r\n\r\n")
	f(taken, "21;a=b\r\n"+object+"\r\n00\r\nX-Trailer: a\r\n\r\n")
	for _, size := range []string{"", "0x21", "+21", "-1", " 21", "2_1", "21h", "fffffffffffffffff", "ffffffffffffffff", "7fffffffffffffff",
		"8000000000000021", "10000000000000021", "21;a\nb", "21\n", "20", "22", "g"} {
		f(refused, size+"\r\n"+object+"\r\n0\r\n\r\n")
	}
	for _, end := range []string{"\n0\r\n\r\n", "0\r\n\r\n", "\r\n0\r\nContent-Length: 33\r\n\r\n", "\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"\r\n0\r\nGET /healthz HTTP/1.1\r\n\r\n", "\r\n0;\nGET /x\r\n\r\n", "\r\n0\r\nX: " + strings.Repeat("a", 1<<17) + "\r\n\r\n"} {
		f(refused, "21\r\n"+object+end)
	}
}

// Abuse 3.11: what follows a refused request on its connection is dropped with it.
func TestAbusePipelined(t *testing.T) {
	ts := startServer(t)
	weak := ts.key("acme", ReadCompanies)
	for _, c := range []struct {
		status      int
		token, head string
	}{
		{401, "wbk_x", "POST /v1/admin/keys"},
		{403, weak, "POST /v1/admin/keys"},
		{404, weak, "POST /v1/nowhere"},
		{405, weak, "PUT /v1/companies"},
		{415, ts.admin, "POST /v1/admin/keys"},
	} {
		for _, body := range []string{"Content-Length: 36\r\n\r\n", "Content-Length: 0036\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n24\r\n", "Content-Length: 5\r\n\r\n"} {
			got, _ := ts.statuses(c.head + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + c.token + "\r\n" + body + strings.Repeat(healthz, 3))
			if len(got) != 1 || got[0] != c.status {
				t.Errorf("%s %q: %v, want %d alone", c.head, body, got, c.status)
			}
		}
	}
}

// Abuse 3.12: no spelling of a path reaches what another one names.
func TestAbusePaths(t *testing.T) {
	ts := startServer(t)
	c := ts.house("acme")
	made := c.post("/v1/companies", `{"name":"A"}`).Header.Get("Location")
	f := func(path string, want ...int) {
		t.Helper()
		got, last := ts.statuses("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + c.token + "\r\n\r\n")
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v %s, want %v", path, got, last.body, want)
		}
	}
	f(made, 200)
	for _, path := range []string{"/v1//companies", "//v1/companies", "/v1/companies/", "/v1/./companies", "/v1/x/../companies", "/V1/companies",
		"/v1/companies;x", "/v1/%63ompanies", "/v1%2fcompanies", "/v1\\companies", "/v1/companies%00", "/v1/companies/..%2fcompanies",
		"/v1/companies/%2e%2e/companies", "/healthz/../v1/admin/keys", "/healthz%2f..%2fv1%2fadmin%2fkeys", "/v1/companies/%", made + "%00",
		made + "/", made + "%2f", made + ".json", "/v1/companies/" + strings.ToUpper(made[len("/v1/companies/"):]) + "x", "/v1/companies/export%20"} {
		f(path, 404)
	}
	for _, path := range []string{"/v1/admin/../admin/keys", "/v1/admin/keys", "/v1/admin//keys", "/v1/admin/%6beys", "/v1/admin/"} {
		f(path, 403)
	}
}

// Abuse 3.13: the method is the one of the request's line, the path that of its
// target, whatever else a request says, and nobody is connected to anybody.
func TestAbuseMethods(t *testing.T) {
	ts := startServer(t)
	c := ts.house("acme")
	made := c.post("/v1/companies", `{"name":"A"}`).Header.Get("Location")
	f := func(line string, want int, headers ...string) reply {
		t.Helper()
		got, last := ts.statuses(strings.Join(append([]string{line + " HTTP/1.1", "Connection: close", "Authorization: Bearer " + c.token}, headers...), "\r\n") + "\r\n\r\n")
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s %q: %v, want %d", line, headers, got, want)
		}
		return last
	}
	const host = "Host: x"
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"} {
		f("GET "+made, 200, host, name+": DELETE")
	}
	f("GET "+made+"?_method=DELETE", 200, host)
	f("POST "+made, 405, host, "X-HTTP-Method-Override: DELETE", "Content-Length: 0")
	for _, method := range []string{"TRACE", "CONNECT", "delete", "Delete", "DELETEX", "OPTIONS", "PROPFIND", "DEBUG", "TRACK"} {
		f(method+" "+made, 405, host)
	}
	secret := "X-Secret: whisper"
	if r := f("TRACE /v1/nowhere", 404, host, secret); strings.Contains(string(r.body), "whisper") {
		t.Errorf("TRACE answers %s", r.body)
	}
	// fasthttp waits for no body of a CONNECT, and the server opens no tunnel.
	f("CONNECT 127.0.0.1:22", 404, host)
	f("GET http://127.0.0.1:22"+made, 200, host)
	f("GET http://evil.example/v1/nowhere", 404, host)
	f("GET file:///etc/passwd", 404, host)
	f("GET *", 400, host)
	for _, header := range []string{"X-Original-URL: /v1/nowhere", "X-Rewrite-URL: /v1/nowhere", "X-Forwarded-Prefix: /x", "Forwarded: host=evil.example",
		"X-Forwarded-Host: evil.example", "X-Forwarded-For: 127.0.0.1"} {
		f("GET "+made, 200, host, header)
		f("GET /v1/admin/keys", 403, host, header)
	}
	// What an answer links to is a path, never the host that a request named.
	r := f("POST /v1/companies", 201, "Host: evil.example", "X-Forwarded-Host: evil.example", "Content-Type: application/json", "Content-Length: 12\r\n\r\n"+`{"name":"B"}`)
	if location := r.Header.Get("Location"); !strings.HasPrefix(location, "/v1/companies/") || strings.Contains(string(r.body), "evil") {
		t.Errorf("%s, %s", location, r.body)
	}
	if c.stored() != "name=A\nname=B\n" {
		t.Errorf("stored %q", c.stored())
	}
}

// Abuse 3.16: nothing of the admin address is on the public one.
func TestAbusePublicAddress(t *testing.T) {
	ts := startServer(t)
	for _, token := range []string{"", ts.key("acme", Scopes()...)} {
		for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/v1/metrics", "/v1/admin/metrics", "/v1/../metrics"} {
			want := 404
			if token == "" {
				want = 401
			}
			got, _ := ts.statuses("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + token + "\r\n\r\n")
			if len(got) != 1 || got[0] != want {
				t.Errorf("%s: %d, want %d", path, got, want)
			}
		}
	}
}

// FuzzConnection sends any bytes to a connection. Whatever they are, what comes
// back are whole answers with the headers that each has, no 500 among them, and
// the server goes on.
func FuzzConnection(f *testing.F) {
	ts := startServer(f, func(c *Config) { c.MaxJSONBytes, c.MaxStreamBytes = 1<<16, 1<<16 })
	key := ts.key("acme", ReadCompanies, WriteCompanies, ReadImports)
	auth := "Authorization: Bearer KEY\r\n"
	for _, seed := range []string{healthz, healthz + healthz, "POST /v1/companies HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"name\":\"A\"}" + healthz,
		"POST /v1/import/companies HTTP/1.1\r\nHost: x\r\n" + auth + "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\nIdempotency-Key: k\r\n\r\n7\r\nname\nA\n\r\n0\r\n\r\n",
		"POST /v1/import/companies?tags=a&dry_run=true HTTP/1.1\r\nHost: x\r\n" + auth + "Expect: 100-continue\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 80\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nname\nA\r\n--b--\r\n",
		"GET /v1/companies?per_page=1&cursor=x HTTP/1.0\r\n" + auth + "\r\n", "GET http://x/v1/import/jobs HTTP/1.1\r\nHost: x\r\n" + auth + "\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + healthz, "\r\n\r\n\x00\x16\x03\x01\x02", "GET / HTTP/1.1\n\n",
		"HEAD /v1/companies HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + auth + "\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		sent := strings.ReplaceAll(string(bytes), "KEY", key)
		one := &testServer{Server: ts.Server, tb: t, http: ts.http}
		c := one.dial()
		defer c.Close()
		io.WriteString(c, sent) // the server may have closed already
		c.Conn.(interface{ CloseWrite() error }).CloseWrite()
		wantAnswers(t, c.br, strings.Contains(sent, "HEAD"))
		if got, _ := one.statuses(healthz); len(got) != 1 || got[0] != http.StatusOK {
			t.Fatalf("%q, and then the server answers %v", sent, got)
		}
	})
}

// wantAnswers reads answers to the end of a connection, up to one that may have
// no body.
func wantAnswers(t *testing.T, br *bufio.Reader, head bool) {
	t.Helper()
	for {
		if _, err := br.Peek(1); err != nil {
			return // the end, or a reset under bytes that came too late
		}
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		if head {
			return
		}
		if resp.StatusCode != 100 && (resp.Header.Get("X-Request-ID") == "" || resp.StatusCode == 500) {
			t.Fatalf("%d %v", resp.StatusCode, resp.Header)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
}
