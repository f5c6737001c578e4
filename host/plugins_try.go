package host

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"sluice/host/intake"
)

// A trial shows what a plugin does with the first rows of an upload.
const (
	tryRows  = 1000
	tryBytes = 512 << 10
	tryBody  = 20 << 20
)

func (s *Server) testRoute(pattern string) route {
	return route{method: "POST", pattern: pattern, scope: ReadPlugins, handle: s.tryPlugin,
		media: intake.MediaTypes(), encoded: true, maxBody: func(*Request) int64 { return tryBody }}
}

// tryPlugin runs rows through a version, in the sandbox of a real import, and
// writes nothing.
func (s *Server) tryPlugin(r *Request) error {
	name, version, err := r.pluginVersion()
	if err != nil {
		return err
	}
	v, err := s.backend.plugins.Version(r.Context(), r.Tenant(), name, version)
	if err != nil {
		return err
	}
	form, err := r.importForm()
	if err != nil {
		return err
	}
	limits := s.intakeLimits()
	limits.MaxStreamBytes, limits.MaxJSONBytes = tryBody, min(tryBody, limits.MaxJSONBytes)
	in := intake.Request{Form: form, Body: r.Body(), Length: r.length, Query: r.rawQuery(), Limits: limits}
	upload, res, err := s.receive(r, in)
	if err != nil {
		return err
	}
	defer upload.Abort()
	sample, err := s.backend.engine.Sample(r.Context(), upload, res.Options, tryRows, tryBytes)
	if err != nil {
		return err
	}
	job, err := trialJob(sample, res.Options)
	if err != nil {
		return err
	}
	t, err := s.backend.plugins.Test(r.Context(), r.Tenant(), name, version, job, sample.Batch)
	if err != nil {
		return fmt.Errorf("test plugin: %w", err)
	}
	trial, err := newTrial(v.Info(), sample, t)
	if err != nil {
		return err
	}
	return r.Data(fasthttp.StatusOK, trial)
}
