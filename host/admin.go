package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminServer serves metrics and profiles on an address of their own, so that
// the public one has neither.
type adminServer struct {
	ln   net.Listener
	http *http.Server
}

func openAdmin(addr string, m *metrics, log *slog.Logger) (*adminServer, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for admins: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &adminServer{ln: ln, http: &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}}, nil
}

func (s *Server) serveAdmin() {
	if err := s.admin.http.Serve(s.admin.ln); !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("metrics ended", "error", err)
	}
}

// close ends it at once where a profile is being taken beyond ctx.
func (a *adminServer) close(ctx context.Context) error {
	err := a.http.Shutdown(ctx)
	if err != nil {
		err = a.http.Close()
	}
	return errors.Join(err, ignoreClosed(a.ln.Close()))
}
