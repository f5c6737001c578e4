package host

import (
	"bufio"
	"io"
	"net"

	"github.com/valyala/fasthttp"
)

// Stream answers 200 and then calls write, which may take as long as the client
// goes on reading. It runs after the handler has returned: it must not use the
// Request. If it fails, the connection is cut, so that the client can tell the
// answer from a whole one. HEAD has the head alone. When all is over done is
// called, where it is not nil, whether anything was written or not.
func (r *Request) Stream(contentType string, write func(w *bufio.Writer) error, done func()) {
	s, id, c, resp := r.s, r.ID, r.ctx.Conn(), &r.ctx.Response
	if done == nil {
		done = func() {}
	}
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType(contentType)
	if r.method == fasthttp.MethodHead {
		done()
		if r.hdr.IsHTTP11() {
			resp.Header.SetContentLength(chunked)
		}
		return
	}
	s.streams.Add(1)
	end := func() {
		done()
		s.streams.Done()
	}
	whole := func(w *bufio.Writer) error {
		err := s.guard(id, func() error { return write(w) })
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			s.log.Info("stream cut", "request_id", id, "error", err)
		}
		return err
	}
	if !r.hdr.IsHTTP11() {
		r.ctx.SetConnectionClose()
		resp.SetBodyStream(&untilClose{c, whole, end}, 0)
		resp.Header.Del(fasthttp.HeaderContentLength)
		resp.ImmediateHeaderFlush = true
		return
	}
	resp.SetBodyStreamWriter(func(w *bufio.Writer) {
		defer end()
		if whole(w) != nil {
			c.Close()
		}
	})
}

// untilClose is a body that ends with its connection: HTTP/1.0 knows no chunks.
// fasthttp has no such bodies. It sends the head of an empty one, whose length is
// not told, and comes to read; then all is written past it.
type untilClose struct {
	conn  net.Conn
	write func(*bufio.Writer) error
	end   func()
}

func (b *untilClose) Read([]byte) (int, error) {
	if err := b.write(bufio.NewWriter(b.conn)); err != nil {
		cut(b.conn)
		return 0, err
	}
	return 0, io.EOF
}

func (b *untilClose) Close() error {
	b.end()
	return nil
}
