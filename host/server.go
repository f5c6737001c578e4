package host

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"

	"sluice/engine/fault"
)

// Server is one running Sluice.
type Server struct {
	cfg     Config
	log     *slog.Logger
	backend *backend

	router     *router
	publics    []string
	keys       *keyring
	limiter    *limiter
	admissions *admissions

	idempotency *idempotency
	waits       *slots // answers that wait for a job
	events      *slots // streams of a job's events
	heartbeat   time.Duration
	backups     *slots
	ahead       *semaphore.Weighted // uploads that are read ahead of what is written

	ln          *listener
	cert        *certificate // nil: plain HTTP
	fast        *fasthttp.Server
	metrics     *metrics
	openapiJSON func() ([]byte, error)
	admin       *adminServer // nil: off

	ctx      context.Context // of all requests; ends when the grace is over
	cancel   context.CancelFunc
	stopping chan struct{}
	stopOnce sync.Once
	streams  sync.WaitGroup // answers that are being streamed
	upkeep   sync.WaitGroup // what runs beside the requests
}

func newServer(ctx context.Context, cfg Config, b *backend, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, log: log, backend: b,
		keys: newKeyring(b.records, cfg), limiter: newLimiter(), admissions: newAdmissions(cfg),
		idempotency: newIdempotency(b.records, log), waits: newSlots(waitsPerTenant, maxWaits),
		events: newSlots(streamsPerTenant, maxStreams), heartbeat: defaultHeartbeat, backups: newSlots(1, 1),
		// More would find no processor free for their second half.
		ahead:       semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
		openapiJSON: sync.OnceValues(convertOpenAPI), stopping: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	routes := s.routes()
	s.router = newRouter(routes)
	for _, r := range routes {
		if r.scope == public {
			s.publics = append(s.publics, r.pattern)
		}
	}
	if err := s.keys.bootstrap(ctx, cfg.Data); err != nil {
		s.cancel()
		return nil, fmt.Errorf("make first key: %w", err)
	}
	if err := s.idempotency.open(ctx); err != nil {
		s.cancel()
		return nil, fmt.Errorf("read stored answers: %w", err)
	}
	if err := s.listen(); err != nil {
		s.cancel()
		return nil, err
	}
	s.fast = &fasthttp.Server{
		Handler:        s.handle,
		ErrorHandler:   s.handleError,
		HeaderReceived: s.headerReceived,

		ReadBufferSize:     cfg.MaxHeaderBytes,
		ReadTimeout:        cfg.HeaderTimeout,
		IdleTimeout:        cfg.IdleTimeout,
		Concurrency:        2*cfg.MaxConnections + 1, // the listener limits them, with a better answer
		MaxRequestBodySize: int(cfg.MaxStreamBytes),
		StreamRequestBody:  true,

		DisablePreParseMultipartForm: true,
		NoDefaultServerHeader:        true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
		Logger:                       fastLog{log},
	}
	s.upkeep.Go(func() { s.sweepAnswers(s.ctx) })
	if s.admin != nil {
		s.upkeep.Go(s.serveAdmin)
	}
	return s, nil
}

// listen takes the addresses.
func (s *Server) listen() error {
	if s.cfg.TLSCert != "" {
		var err error
		if s.cert, err = loadCertificate(s.cfg.TLSCert, s.cfg.TLSKey, s.log); err != nil {
			return err
		}
	}
	ln, err := net.Listen("tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.ln = newListener(ln, s.cfg, s.refuseConn)
	s.metrics = newMetrics(s)
	if s.cfg.AdminAddr == "" {
		return nil
	}
	if s.admin, err = openAdmin(s.cfg.AdminAddr, s.metrics, s.log); err != nil {
		return errors.Join(err, ln.Close())
	}
	return nil
}

// Addr returns the address that the API listens on.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// AdminAddr returns the address that metrics are on; empty where they are off.
func (s *Server) AdminAddr() string {
	if s.admin == nil {
		return ""
	}
	return s.admin.ln.Addr().String()
}

// Run serves until Close.
func (s *Server) Run() error {
	s.log.Info("serving", "addr", s.Addr(), "tls", s.cert != nil, "admin_addr", s.AdminAddr())
	var ln net.Listener = s.ln
	if s.cert != nil {
		ln = tls.NewListener(ln, s.cert.config())
	}
	if err := s.fast.Serve(ln); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// Close stops the server: no new requests, then most of Config.ShutdownGrace, or
// until ctx ends, for those that run, the end of all that is left, and the rest
// of the grace for jobs to reach their next commit. It returns when nothing of
// the server runs any more.
func (s *Server) Close(ctx context.Context) error {
	s.stopOnce.Do(func() { close(s.stopping) })
	whole, stop := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownGrace)
	defer stop()
	requests, stopRequests := context.WithTimeout(ctx, s.cfg.ShutdownGrace*3/4)
	defer stopRequests()
	// Shutdown does not know a listener that Run was never called for.
	err := errors.Join(s.fast.ShutdownWithContext(requests), ignoreClosed(s.ln.Close()))
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		s.log.Warn("requests were cut off at the end of the grace", "connections", s.ln.open())
		err = nil
	}
	s.cancel()
	s.ln.abort()
	s.streams.Wait()
	if s.admin != nil {
		err = errors.Join(err, s.admin.close(requests))
	}
	s.upkeep.Wait()
	return errors.Join(err, s.backend.close(whole))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// isStopping reports whether Close was called.
func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// handle serves one request.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	r := s.admissions.take(ctx)
	if r == nil {
		r = s.admit(&ctx.Request.Header)
	}
	r.ctx = ctx
	if r.length != 0 && r.err == nil {
		r.body = body{ctx: ctx, in: ctx.RequestBodyStream(), timeout: s.cfg.BodyTimeout, left: r.length}
	}
	err := r.err
	if err == nil {
		err = s.guard(r.ID, func() error { return r.route.handle(r) })
	}
	if err != nil {
		s.logFailure(r, err)
		writeError(&ctx.Response, err)
	}
	r.setHead(&ctx.Response.Header)
	if r.close || r.body.unread() || r.err != nil && r.length != 0 {
		ctx.SetConnectionClose()
		linger(ctx.Conn())
	}
	s.metrics.observe(r, ctx.Response.StatusCode())
}

// guard turns a panic into an internal error: one request's bug ends that
// request alone.
func (s *Server) guard(id string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic", "request_id", id, "panic", p, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "panic")
		}
	}()
	return f()
}

// logFailure writes to the log what the caller is not told.
func (s *Server) logFailure(r *Request, err error) {
	var f *fault.Error
	if errors.As(err, &f) && statusOf(f.Code) != 500 && (f.Err == nil || statusOf(f.Code) < 500) {
		return
	}
	s.log.Error("request failed", "request_id", r.ID, "method", r.method, "path", clip(r.path, 200), "error", err)
}

// handleError answers what fasthttp refuses by itself.
func (s *Server) handleError(ctx *fasthttp.RequestCtx, err error) {
	r := s.admissions.take(ctx)
	if r == nil {
		r = &Request{ID: requestID(ctx.Request.Header.Peek("X-Request-ID"))}
	}
	writeError(&ctx.Response, readFault(err, s.cfg))
	r.setHead(&ctx.Response.Header)
	linger(ctx.Conn())
}

// readFault says what was wrong with a request that could not be read.
func readFault(err error, cfg Config) error {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		return fault.Wrap(fault.Validation, err, "the request's line and headers are larger than the limit of %d bytes", cfg.MaxHeaderBytes)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fault.Wrap(fault.Validation, err, "the request did not arrive in time")
	}
	return fault.Wrap(fault.Validation, err, "the request is not valid HTTP/1.1")
}

// errCutOff is what reading a body gives that stopped arriving.
func errCutOff(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fault.Wrap(fault.Validation, err, "the body did not arrive in time")
	}
	var network net.Error
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.As(err, &network) {
		return fault.Wrap(fault.Validation, err, "the body is not valid chunked coding")
	}
	return fault.Wrap(fault.Validation, err, "the body was cut off")
}

// refuseConn answers a connection beyond Config.MaxConnections.
// With TLS it is closed without an answer: a handshake costs more than most
// requests.
func (s *Server) refuseConn(c net.Conn) {
	if s.cert != nil {
		return
	}
	var resp fasthttp.Response
	writeError(&resp, fault.New(fault.Overloaded, "the server has its limit of %d connections open", s.cfg.MaxConnections))
	resp.Header.Set("X-Request-ID", requestID(nil))
	resp.SetConnectionClose()
	resp.WriteTo(c) // a client that does not take it is closed either way
}

// fastLog is fasthttp's log.
type fastLog struct{ log *slog.Logger }

func (l fastLog) Printf(format string, args ...any) { l.log.Debug(fmt.Sprintf(format, args...)) }
