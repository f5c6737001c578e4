package host

import (
	"bufio"

	"github.com/valyala/fasthttp"
)

// Stream answers 200 and then calls write, which may take as long as the client
// goes on reading. It runs after the handler has returned: it must not use the
// Request. If it fails, the connection is cut, so that the client can tell the
// answer from a whole one. HEAD has the head alone. When all is over done is
// called, where it is not nil, whether anything was written or not.
func (r *Request) Stream(contentType string, write func(w *bufio.Writer) error, done func()) {
	s, id, c := r.s, r.ID, r.ctx.Conn()
	if done == nil {
		done = func() {}
	}
	r.ctx.Response.SetStatusCode(fasthttp.StatusOK)
	r.ctx.Response.Header.SetContentType(contentType)
	if r.method == fasthttp.MethodHead {
		done()
		r.ctx.Response.Header.SetContentLength(chunked)
		return
	}
	s.streams.Add(1)
	r.ctx.Response.SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.streams.Done()
		defer done()
		err := s.guard(id, func() error { return write(w) })
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			s.log.Info("stream cut", "request_id", id, "error", err)
			c.Close()
		}
	})
}
