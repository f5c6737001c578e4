package host

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// Rule 2.1: refusals that need no body don't wait for it and send no
// 100-continue.
func TestRefusalWaitsForNoBody(t *testing.T) {
	ts := startServer(t)
	other := ts.key("acme", ReadCompanies)
	f := func(status int, code, line string, headers ...string) {
		t.Helper()
		for _, framing := range []string{"Content-Length: 1000000", "Transfer-Encoding: chunked", "Content-Length: 5000000000"} {
			for _, expect := range []string{"X-None: 1", "Expect: 100-continue"} {
				if strings.HasSuffix(line, "1.0") && strings.HasPrefix(framing, "Transfer") {
					continue // which HTTP/1.0 does not know
				}
				c := ts.dial()
				c.send(append([]string{line, "Host: x", framing, expect}, append(headers, "")...)...)
				r := c.answer()
				r.want(t, status, code)
				if !r.Close {
					t.Fatalf("%s, %s: no Connection: close", line, framing)
				}
				c.wantEnd()
				c.Close()
			}
		}
	}
	bearer := "Authorization: Bearer "
	f(401, "invalid_key", "POST /v1/admin/keys HTTP/1.1")
	f(401, "invalid_key", "POST /v1/admin/keys HTTP/1.1", bearer+"wbk_x")
	f(401, "invalid_key", "POST /nowhere HTTP/1.1")
	f(401, "invalid_key", "POST /v1/admin/keys HTTP/1.0")
	f(403, "insufficient_permissions", "POST /v1/admin/keys HTTP/1.1", bearer+other)
	f(403, "insufficient_permissions", "POST /v1/admin/nowhere HTTP/1.1", bearer+other)
	f(404, "not_found", "POST /v1/nowhere HTTP/1.1", bearer+other)
	f(405, "method_not_allowed", "PUT /v1/admin/keys HTTP/1.1", bearer+ts.admin)
	f(415, "unsupported_media_type", "POST /v1/admin/keys HTTP/1.1", bearer+ts.admin, "Content-Type: text/plain")
	f(415, "unsupported_media_type", "POST /v1/admin/keys HTTP/1.1", bearer+ts.admin)
	f(415, "unsupported_media_type", "POST /v1/admin/keys HTTP/1.1", bearer+ts.admin, "Content-Type: application/json", "Content-Encoding: gzip")
	f(405, "method_not_allowed", "POST /healthz HTTP/1.1")
}

// Rule 2.2: an announced body over the limit is refused before it is read.
func TestAnnouncedBodyTooLarge(t *testing.T) {
	ts := startServer(t)
	c := ts.dial()
	c.send("POST /v1/admin/keys HTTP/1.1", "Host: x", "Authorization: Bearer "+ts.admin,
		"Content-Type: application/json", "Content-Length: 20971521", "Expect: 100-continue", "")
	r := c.answer()
	r.want(t, 413, "payload_too_large")
	if got, want := r.message(t), "the body is larger than the limit of 20971520 bytes"; got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	c.wantEnd()
}

// Rule 2.3: a client that is still sending sees the answer, not a reset, and
// nothing of its body is taken for a request.
func TestRefusalIsSeenWhileSending(t *testing.T) {
	ts := startServer(t)
	f := func(framing, body string) {
		t.Helper()
		c := ts.dial()
		c.send("POST /v1/admin/keys HTTP/1.1", "Host: x", framing, "", body)
		// Nothing was read up to here, though all is sent.
		c.answer().want(t, 401, "invalid_key")
		c.wantEnd()
	}
	smuggled := "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	f("Content-Length: 1000000", strings.Repeat("x", 1_000_000))
	f(fmt.Sprintf("Content-Length: %d", len(smuggled)), smuggled)
	f("Content-Length: 5", smuggled)
	f("Content-Length: 33554432", strings.Repeat("x", 32<<20))
	f("Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n%s", 900_000, strings.Repeat("y", 900_000), smuggled))
	f("Transfer-Encoding: chunked", "nonsense\r\n"+smuggled)
}

// Rule 2.4: the end of a refused body is not waited for beyond the drain's
// limits, and the server is free again.
func TestRefusedBodyHasLimits(t *testing.T) {
	ts := startServer(t)
	c := ts.dial()
	c.send("POST /v1/admin/keys HTTP/1.1", "Host: x", "Content-Length: 1000000000", "")
	c.answer().want(t, 401, "invalid_key")
	block, sent := make([]byte, 1<<20), 0
	for {
		n, err := c.Write(block)
		sent += n
		if err != nil {
			break
		}
		if sent > 2*maxDrainBytes {
			t.Fatalf("%d bytes were taken", sent)
		}
	}
	if sent < maxDrainBytes {
		t.Fatalf("cut off after %d bytes", sent)
	}
}

// Rule 2.5: a request that announces the end of its body in two ways is refused.
func TestFraming(t *testing.T) {
	ts := startServer(t)
	f := func(message string, headers ...string) {
		t.Helper()
		c := ts.dial()
		c.send(append([]string{"POST /v1/admin/keys HTTP/1.1", "Host: x", "X-Request-ID: framing"}, headers...)...)
		c.send("", "0", "", "GET /healthz HTTP/1.1", "Host: x", "")
		r := c.answer()
		r.want(t, 400, "validation_error")
		if got := r.message(t); got != message {
			t.Fatalf("%q, want %q", got, message)
		}
		if r.Header.Get("X-Request-ID") == "" {
			t.Fatal("no X-Request-ID")
		}
		c.wantEnd()
	}
	const both = "the request has both Content-Length and Transfer-Encoding; send one of them"
	f(both, "Content-Length: 5", "Transfer-Encoding: chunked")
	f(both, "transfer-encoding: chunked", "content-length: 5")
	f(both, "Transfer-Encoding: identity", "Content-Length: 0")
	f("the only Transfer-Encoding that is supported is chunked", "Transfer-Encoding: identity")
	const bad = "the request is not valid HTTP/1.1"
	f(bad, "Content-Length: 5", "Content-Length: 5")
	f(bad, "Content-Length: 5", "Content-Length: 6")
	f(bad, "Content-Length: -1")
	f(bad, "Content-Length: +5")
	f(bad, "Content-Length: 99999999999999999999")
	f(bad, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")
	f(bad, "Transfer-Encoding: gzip, chunked")
	f(bad, "Content-Length : 5")
	f(bad, "Bad\x00Name: 5")
	f(bad, "Name: a\x00b")
}

// Rule 2.6: headers have a limit, and a client that passes it sees so.
func TestHeaderBomb(t *testing.T) {
	ts := startServer(t)
	f := func(bomb string) {
		t.Helper()
		c := ts.dial()
		io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n"+bomb+"\r\n\r\n")
		r := c.answer()
		r.want(t, 400, "validation_error")
		if got, want := r.message(t), "the request's line and headers are larger than the limit of 16384 bytes"; got != want {
			t.Fatalf("%q, want %q", got, want)
		}
		c.wantEnd()
	}
	f("X-A: " + strings.Repeat("a", 1<<20))
	f(strings.Repeat("X-A: a\r\n", 1<<17))
}

// Rule 2.7: every answer has an X-Request-ID; a sane one that was sent is echoed.
func TestRequestID(t *testing.T) {
	ts := startServer(t)
	f := func(sent, want string) {
		t.Helper()
		c := ts.dial()
		c.send("GET /healthz HTTP/1.1", "Host: x", "X-Request-ID: "+sent, "Connection: close", "")
		r := c.answer()
		got := r.Header.Get("X-Request-ID")
		if want != "" && got != want || want == "" && (len(got) != 36 || got == sent) {
			t.Fatalf("sent %q, got %q", sent, got)
		}
		if len(r.Header.Values("X-Request-ID")) != 1 || r.Header.Get("X-Evil") != "" {
			t.Fatalf("headers %v", r.Header)
		}
	}
	f("abc-DEF_1.2", "abc-DEF_1.2")
	f("Root=1-67891233:a/b+c@d~", "Root=1-67891233:a/b+c@d~")
	f(strings.Repeat("a", 128), strings.Repeat("a", 128))
	f(strings.Repeat("a", 129), "")
	f("", "")
	f("a b", "")
	f("a,b", "")
	f("ä", "")
	f("a%0d%0aX-Evil:%201", "")
	f("a\rX-Evil: 1", "")
}

// A connection may break between a request's headers and its handler, as when
// 100 Continue can't be written, and fasthttp tells nobody. Whoever comes next has
// the same context, and nothing else of that request.
func TestBrokenConnectionAdmitsNobodyElse(t *testing.T) {
	ts := startServer(t)
	ctx := &fasthttp.RequestCtx{}
	receive := func(lines ...string) {
		t.Helper()
		conn, other := net.Pipe()
		t.Cleanup(func() { conn.Close(); other.Close() })
		ctx.Request.Reset()
		ctx.Response.Reset()
		ctx.Init2(conn, nil, true)
		head := strings.Join(append(lines, "Host: x", "", ""), "\r\n")
		if err := ctx.Request.Header.Read(bufio.NewReader(strings.NewReader(head))); err != nil {
			t.Fatal(err)
		}
	}
	export := "GET /v1/companies/export HTTP/1.1"
	receiveAs := func(more ...string) {
		t.Helper()
		receive(append(more, "Authorization: Bearer "+ts.key("acme", ReadCompanies), "Content-Length: 5", "Expect: 100-continue", "X-Request-ID: first")...)
		ts.headerReceived(&ctx.Request.Header)
	}
	receiveAs(export)
	receive(export)
	ts.headerReceived(&ctx.Request.Header)
	ts.handle(ctx)
	if status := ctx.Response.StatusCode(); status != fasthttp.StatusUnauthorized {
		t.Errorf("a request without a key is answered %d", status)
	}

	receiveAs(export)
	receive("GET / HTTP/1.1")
	ts.handleError(ctx, io.ErrUnexpectedEOF)
	for _, name := range []string{"X-Request-ID", "X-RateLimit-Limit"} {
		if v := string(ctx.Response.Header.Peek(name)); v == "first" || name != "X-Request-ID" && v != "" {
			t.Errorf("a request that is not HTTP is answered %s: %s", name, v)
		}
	}
}
