package host

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are a server's own: two servers in one process don't share any.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// noRoute is the route of requests that no route was found for, so that paths
// that somebody made up make no new series.
const noRoute = "none"

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_http_requests_total", Help: "Requests answered, by route and status."},
			[]string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sluice_http_request_seconds", Help: "Time from the last header to the answer, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}},
			[]string{"method", "route"}),
	}
	m.registry.MustRegister(m.requests, m.seconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(s.backend.costs.collectors()...)
	gauge := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	gauge("sluice_http_connections", "Open connections.", func() float64 { return float64(s.ln.open()) })
	gauge("sluice_jobs_running", "Import jobs that run.", func() float64 { n, _ := s.backend.engine.Running(); return float64(n) })
	gauge("sluice_jobs_waiting", "Import jobs that wait for their turn.", func() float64 { _, n := s.backend.engine.Running(); return float64(n) })
	gauge("sluice_spool_bytes", "Bytes of uploads that are kept for their jobs.", func() float64 { return float64(s.backend.spool.Size()) })
	gauge("sluice_store_bytes", "Bytes of the store on disk.", s.storeBytes)
	return m
}

// storeBytes is -1 where the store can't tell.
func (s *Server) storeBytes() float64 {
	if s.backend.disk == nil {
		return -1
	}
	n, err := s.backend.disk()
	if err != nil {
		return -1
	}
	return float64(n)
}

// observe counts a request that was answered.
func (m *metrics) observe(r *Request, status int) {
	method, name := noRoute, noRoute
	if r.route != nil {
		method, name = r.route.method, r.route.pattern
	}
	m.requests.WithLabelValues(method, name, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method, name).Observe(time.Since(r.start).Seconds())
}
