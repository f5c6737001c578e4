package host

import (
	"io"
	"runtime"
	"time"

	"github.com/valyala/fasthttp"
)

// bodyStep is how many bytes of a body have Config.BodyTimeout to arrive: a slow
// upload goes on, one that stands still or trickles ends.
const bodyStep = 64 << 10

// body reads a request's body. fasthttp ends a body that was cut off with plain
// EOF, so the bytes are counted against Content-Length here.
type body struct {
	ctx     *fasthttp.RequestCtx
	in      io.Reader // nil: no body
	timeout time.Duration
	left    int64 // of Content-Length; -1: chunked
	step    int64 // bytes until the deadline is renewed
	ended   bool
	err     error // what every further read gives
}

func (b *body) Read(p []byte) (int, error) {
	switch {
	case b.err != nil:
		return 0, b.err
	case b.in == nil || b.ended:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if b.step <= 0 {
		b.step = bodyStep
		if err := b.ctx.SetReadDeadline(time.Now().Add(b.timeout)); err != nil {
			b.err = errCutOff(err)
			return 0, b.err
		}
	}
	n, err := b.in.Read(p)
	if b.step -= int64(n); b.step <= 0 {
		// A body that has all arrived would keep its processor to its end, and
		// hundreds of them would; who asks for little comes in between.
		runtime.Gosched()
	}
	if b.left >= 0 {
		b.left -= int64(n)
		if b.left == 0 && (err == nil || err == io.EOF) {
			b.ended = true
			return n, io.EOF
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	} else if err == io.EOF {
		b.ended = true
		return n, err
	}
	if err != nil {
		b.err = errCutOff(err)
		return n, b.err
	}
	return n, nil
}

// unread reports whether bytes of the body may still be on their way.
func (b *body) unread() bool { return b.in != nil && !b.ended }
