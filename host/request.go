package host

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/engine/fault"
)

// Request is one request and its answer. It belongs to the goroutine of its
// connection, from admission until the handler has returned.
type Request struct {
	ID  string
	s   *Server
	ctx *fasthttp.RequestCtx // nil until admitted
	hdr *fasthttp.RequestHeader

	conn net.Conn // on which it was admitted early

	method string
	path   string // as sent, without the query
	query  fasthttp.Args
	media  string // media type of the body, in lower case
	coding string // its content coding: empty, gzip or zstd
	length int64  // of the body as announced; -1 chunked, 0 none

	match
	key    *Key
	window window
	start  time.Time
	body   body

	attempt *attempt // nil: without an Idempotency-Key
	close   bool     // the connection can't be trusted any further
	err     error    // the refusal
}

// Tenant returns the tenant that the request acts for.
func (r *Request) Tenant() string { return r.key.Tenant }

// Param returns the i-th parameter of the path, as sent.
func (r *Request) Param(i int) string { return r.params[i] }

// Header returns a header of the request; empty where it is absent.
func (r *Request) Header(name string) string { return string(r.hdr.Peek(name)) }

// Context ends when the server no longer waits for its requests.
func (r *Request) Context() context.Context { return r.s.ctx }

// Stopping is closed when the server begins to stop: who waits for something
// answers now.
func (r *Request) Stopping() <-chan struct{} { return r.s.stopping }

// Body reads the request's body as it was sent, compressed where coding says
// so. Reading past what arrived of a body that was cut off is an error.
func (r *Request) Body() io.Reader { return &r.body }

// ReadAll reads a whole body of at most limit bytes. The result is the caller's.
func (r *Request) ReadAll(limit int64) ([]byte, error) {
	if r.length > limit {
		return nil, r.tooLarge(limit)
	}
	b, err := io.ReadAll(io.LimitReader(&r.body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, r.tooLarge(limit)
	}
	return b, nil
}

func (r *Request) tooLarge(limit int64) error {
	flag := ""
	if r.route.bodyFlag != "" {
		flag = " (" + r.route.bodyFlag + ")"
	}
	return fault.New(fault.PayloadTooLarge, "the body is larger than the limit of %d bytes%s", limit, flag)
}

// SetHeader sets a header of the answer. Values must not come from a client
// unless they were checked.
func (r *Request) SetHeader(name, value string) { r.ctx.Response.Header.Set(name, value) }

// Data answers {"data": data}.
func (r *Request) Data(status int, data any) error {
	return r.envelope(status, struct {
		Data any `json:"data"`
	}{data})
}

// Page answers {"data": data, "meta": meta}.
func (r *Request) Page(data, meta any) error {
	return r.envelope(fasthttp.StatusOK, struct {
		Data any `json:"data"`
		Meta any `json:"meta"`
	}{data, meta})
}

func (r *Request) envelope(status int, v any) error {
	b, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	r.Answer(status, jsonType, b)
	return nil
}

// Answer answers with a body that is ready; b is kept until it is sent.
func (r *Request) Answer(status int, contentType string, b []byte) {
	r.ctx.Response.SetStatusCode(status)
	r.ctx.Response.Header.SetContentType(contentType)
	r.ctx.Response.SetBodyRaw(b)
}

// NoContent answers 204.
func (r *Request) NoContent() error {
	r.ctx.Response.SetStatusCode(fasthttp.StatusNoContent)
	r.ctx.Response.Header.SetNoDefaultContentType(true)
	return nil
}
