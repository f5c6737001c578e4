package host

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"

	"sluice/engine/fault"
)

// Admission decides from the headers alone whether a request is served, and it
// does so before fasthttp waits for the first bytes of the body or answers
// "100 Continue": in HeaderReceived. A refused request loses its body there: to
// fasthttp it has none, the handler runs at once and answers the refusal. The
// body that comes all the same is dropped with the connection, after the answer
// (see conn.drain), so that it is never taken for a request.

// admissions hands the requests that were admitted early to their handler.
// HeaderReceived knows only the header, whose address is the same in the handler.
// Where the connection breaks between the two, fasthttp tells nobody, and the
// address is soon another connection's.
type admissions struct {
	mu    sync.Mutex
	m     map[*fasthttp.RequestHeader]*Request
	limit int // size at which requests that never reached their handler are dropped
	after time.Duration
}

func newAdmissions(cfg Config) *admissions {
	return &admissions{m: make(map[*fasthttp.RequestHeader]*Request),
		limit: cfg.MaxConnections, after: 2*cfg.BodyTimeout + cfg.WriteTimeout}
}

func (a *admissions) put(h *fasthttp.RequestHeader, r *Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.m) > a.limit {
		for k, old := range a.m {
			if r.start.Sub(old.start) > a.after {
				delete(a.m, k)
			}
		}
	}
	a.m[h] = r
}

// take returns the request that was admitted on this connection; nil: none was.
func (a *admissions) take(ctx *fasthttp.RequestCtx) *Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.m[&ctx.Request.Header]
	delete(a.m, &ctx.Request.Header)
	if r == nil || r.conn != ctx.Conn() {
		return nil
	}
	return r
}

// headerReceived admits requests that have a body. Others are admitted by the
// handler, which then comes at once.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) (cfg fasthttp.RequestConfig) {
	if h.ContentLength() == noLength || h.ContentLength() == 0 {
		return cfg
	}
	r := s.admit(h)
	r.conn = contextOf(h).Conn()
	s.admissions.put(h, r)
	if r.err != nil {
		h.Del("Expect")
		h.SetContentLength(0)
	}
	cfg.ReadTimeout = s.cfg.BodyTimeout // of what fasthttp reads before the handler runs
	return cfg
}

// contextOf returns the context that a header is part of: HeaderReceived is given
// nothing else.
func contextOf(h *fasthttp.RequestHeader) *fasthttp.RequestCtx {
	return (*fasthttp.RequestCtx)(unsafe.Add(unsafe.Pointer(requestOf(h)), -int(unsafe.Offsetof(fasthttp.RequestCtx{}.Request))))
}

// noLength is fasthttp's ContentLength of a request without a body.
const noLength = -2

// admit reads the head of a request and judges it.
func (s *Server) admit(h *fasthttp.RequestHeader) *Request {
	r := &Request{s: s, hdr: h, start: time.Now(), ID: requestID(h.Peek("X-Request-ID")), method: string(h.Method())}
	if n := h.ContentLength(); n != noLength {
		r.length = int64(n)
	}
	uri := target(h.RequestURI())
	path, query, _ := bytes.Cut(uri, []byte{'?'})
	r.path = string(path)
	r.query.ParseBytes(query)
	media, _, _ := strings.Cut(string(h.ContentType()), ";")
	r.media = strings.ToLower(strings.TrimSpace(media))
	if r.coding = strings.ToLower(strings.TrimSpace(r.Header("Content-Encoding"))); r.coding == "identity" {
		r.coding = ""
	}
	if r.err = s.guard(r.ID, func() error { return s.judge(r) }); r.err != nil {
		r.attempt.end()
	}
	return r
}

// target returns path and query of a request target, without the scheme and
// host of its absolute form, or a fragment that has no business here.
func target(uri []byte) []byte {
	if i := bytes.IndexByte(uri, '#'); i >= 0 {
		uri = uri[:i]
	}
	if len(uri) > 0 && uri[0] != '/' {
		if i := bytes.Index(uri, []byte("://")); i >= 0 {
			uri = uri[i+3:]
			if i = bytes.IndexByte(uri, '/'); i >= 0 {
				return uri[i:]
			}
			return []byte("/")
		}
	}
	return uri
}

// judge is the order of refusals: framing, 401, 429, 403, 404 and 405, 415, 409,
// 413.
func (s *Server) judge(r *Request) error {
	if err := checkFraming(r.hdr); err != nil {
		r.close = true
		return err
	}
	r.match = s.router.find(r.method, r.path)
	if r.route != nil && r.route.scope == public || r.route == nil && s.isPublic(r.path) {
		return r.checkRoute()
	}
	var err error
	if r.key, err = s.keys.authenticate(s.ctx, r.hdr.Peek("Authorization"), r.start); err != nil {
		return err
	}
	var fits bool
	if r.window, fits = s.limiter.take(r.key.ID, r.key.RateLimit, r.start); !fits {
		retry := max(1, int(r.window.reset()-r.start.Unix()))
		return fault.New(fault.RateLimited, "the key's limit of %d requests in %d s is used up; try again in %d s",
			r.window.limit, int(rateWindow/time.Second), retry).With(retryAfterDetail, retry)
	}
	if err := r.checkScope(); err != nil {
		return err
	}
	return r.checkRoute()
}

func (r *Request) checkScope() error {
	need := anyKey
	if strings.HasPrefix(r.path, "/v1/admin/") {
		need = Admin // of unknown paths, too: there is nothing to find out
	} else if r.route != nil {
		need = r.route.scope
	}
	if need != anyKey && !r.key.Has(need) {
		return fault.New(fault.Forbidden, "the key lacks the scope %s", need).With("scope", need)
	}
	return nil
}

func (r *Request) checkRoute() error {
	if r.route == nil {
		if r.allow != "" {
			return fault.New(fault.MethodNotAllowed, "%s is not allowed here; allowed: %s", r.method, r.allow)
		}
		return fault.New(fault.NotFound, "there is nothing at %s", clip(r.path, 200))
	}
	if r.route.find != nil {
		if err := r.route.find(r); err != nil {
			return err
		}
	}
	if err := r.checkMedia(); err != nil {
		return err
	}
	if r.route.conflict != nil {
		if err := r.route.conflict(r); err != nil {
			return err
		}
	}
	if r.route.maxBody != nil {
		if limit := r.route.maxBody(r); r.length > limit {
			return r.tooLarge(limit)
		}
	}
	return nil
}

// checkMedia refuses bodies of a kind that the route does not take. Where there
// is no body and no type, it is for the handler to miss it.
func (r *Request) checkMedia() error {
	if r.route.media == nil || r.length == 0 && r.media == "" {
		return nil
	}
	known := false
	for _, m := range r.route.media {
		known = known || m == r.media
	}
	if !known {
		return fault.New(fault.UnsupportedMedia, "Content-Type %q is not supported here; send %s",
			clip(r.media, 100), strings.Join(r.route.media, ", "))
	}
	if r.coding != "" && !(r.route.encoded && (r.coding == "gzip" || r.coding == "zstd")) {
		takes := "none"
		if r.route.encoded {
			takes = "gzip or zstd"
		}
		return fault.New(fault.UnsupportedMedia, "Content-Encoding %q is not supported here; send %s", clip(r.coding, 100), takes)
	}
	return nil
}

// checkFraming refuses a request that a proxy in front may have read otherwise:
// one that announces the end of its body twice, whose headers are folded or have
// white space in their names, or whose lines end in LF alone. fasthttp refuses two
// lengths or two codings by itself.
func checkFraming(h *fasthttp.RequestHeader) error {
	length, coding := false, false
	for raw := h.RawHeaders(); len(raw) > 0; {
		var line []byte
		line, raw, _ = bytes.Cut(raw, []byte{'\n'})
		name, _, _ := bytes.Cut(line, []byte{':'})
		if !bytes.HasSuffix(line, []byte{'\r'}) || bytes.ContainsAny(name, " \t") {
			return fault.New(fault.Validation, "a line of the request's headers is folded, ends without CR, or has white space in its name")
		}
		length = length || bytes.EqualFold(name, []byte("Content-Length"))
		coding = coding || bytes.EqualFold(name, []byte("Transfer-Encoding"))
	}
	if length && coding {
		return fault.New(fault.Validation, "the request has both Content-Length and Transfer-Encoding; send one of them")
	}
	if coding && h.ContentLength() != chunked {
		return fault.New(fault.Validation, "the only Transfer-Encoding that is supported is chunked")
	}
	return nil
}

// chunked is fasthttp's ContentLength of a chunked body.
const chunked = -1

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// setHead puts into the answer what every answer has.
func (r *Request) setHead(h *fasthttp.ResponseHeader) {
	h.Set("X-Request-ID", r.ID)
	if r.key != nil {
		h.Set("X-RateLimit-Limit", strconv.Itoa(r.window.limit))
		h.Set("X-RateLimit-Remaining", strconv.Itoa(r.window.remaining()))
		h.Set("X-RateLimit-Reset", strconv.FormatInt(r.window.reset(), 10))
	}
	if r.route == nil && r.allow != "" {
		h.Set("Allow", r.allow)
	}
}
