package host

import (
	"github.com/valyala/fasthttp"

	"sluice/engine/fault"
)

// healthRoutes are the operations that need no key.
func (s *Server) healthRoutes() []route {
	return []route{
		{method: "GET", pattern: "/healthz", scope: public, handle: s.healthz},
		{method: "GET", pattern: "/readyz", scope: public, handle: s.readyz},
		{method: "GET", pattern: "/openapi.json", scope: public, handle: s.openapi},
	}
}

type health struct {
	Status string `json:"status"`
}

// healthz says that the process answers.
func (s *Server) healthz(r *Request) error { return r.Data(fasthttp.StatusOK, health{"ok"}) }

// readyz says that requests should be sent here.
func (s *Server) readyz(r *Request) error {
	if s.isStopping() {
		return fault.New(fault.Overloaded, "the server is stopping")
	}
	if kv := s.backend.kv; kv != nil {
		if err := kv.Failed(); err != nil {
			return err
		}
	}
	return r.Data(fasthttp.StatusOK, health{"ready"})
}
