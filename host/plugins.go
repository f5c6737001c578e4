package host

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"sluice/engine/fault"
	"sluice/plugins"
)

const wasmType = "application/wasm"

func (s *Server) pluginRoutes() []route {
	const version = "/v1/plugins/{name}/versions/{v}"
	wasm, object := []string{wasmType}, []string{jsonType}
	return []route{
		{method: "POST", pattern: "/v1/plugins", scope: WritePlugins, handle: s.uploadPlugin, media: wasm,
			maxBody: s.moduleLimit, bodyFlag: "--plugin-max-module-bytes"},
		{method: "GET", pattern: "/v1/plugins", scope: ReadPlugins, handle: s.listPlugins},
		{method: "PUT", pattern: "/v1/plugins/active", scope: WritePlugins, handle: s.activatePlugin, media: object},
		{method: "GET", pattern: "/v1/plugins/active", scope: ReadPlugins, handle: s.activePlugin},
		{method: "GET", pattern: "/v1/plugins/audit", scope: ReadPlugins, handle: s.auditPlugins},
		{method: "GET", pattern: "/v1/plugins/{name}", scope: ReadPlugins, handle: s.getPlugin},
		{method: "GET", pattern: version, scope: ReadPlugins, handle: s.getPluginVersion},
		{method: "DELETE", pattern: version, scope: WritePlugins, handle: s.deletePluginVersion},
		s.testRoute(version + "/test"),
	}
}

func (s *Server) moduleLimit(*Request) int64 { return int64(s.cfg.pluginLimits().ModuleBytes) }

// uploadPlugin tries a module and stores it as the next version of its name.
func (s *Server) uploadPlugin(r *Request) error {
	params, err := r.parseQuery("name")
	if err != nil {
		return err
	}
	if params["name"] == "" {
		return badQuery("name", "is required")
	}
	if err := plugins.CheckName(params["name"]); err != nil {
		return err
	}
	wasm, err := r.ReadAll(s.moduleLimit(r))
	if err != nil {
		return err
	}
	if len(wasm) == 0 {
		return fault.New(fault.Validation, "the body is empty; send the module as %s", wasmType)
	}
	v, err := s.backend.plugins.Upload(r.Context(), r.Tenant(), r.key.ID, params["name"], wasm)
	if err != nil {
		return err
	}
	return r.Data(fasthttp.StatusCreated, v)
}

func (s *Server) listPlugins(r *Request) error {
	list, err := s.backend.plugins.List(r.Context(), r.Tenant(), "")
	if err != nil {
		return err
	}
	return r.Data(fasthttp.StatusOK, notNil(list))
}

// notNil makes no versions an empty list.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

var errNoPlugin = fault.New(fault.NotFound, "there is no such plugin")

// getPlugin lists the versions of one name.
func (s *Server) getPlugin(r *Request) error {
	if plugins.CheckName(r.Param(0)) != nil {
		return errNoPlugin
	}
	list, err := s.backend.plugins.List(r.Context(), r.Tenant(), r.Param(0))
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errNoPlugin
	}
	return r.Data(fasthttp.StatusOK, list)
}

// pluginVersion reads the path of one version. What is no name or number is a
// version that nobody has.
func (r *Request) pluginVersion() (name string, version int, err error) {
	version, ok := plugins.ParseVersion(r.Param(1))
	if !ok || plugins.CheckName(r.Param(0)) != nil {
		return "", 0, errNoPlugin
	}
	return r.Param(0), version, nil
}

func (s *Server) getPluginVersion(r *Request) error {
	name, version, err := r.pluginVersion()
	if err != nil {
		return err
	}
	v, err := s.backend.plugins.Version(r.Context(), r.Tenant(), name, version)
	if err != nil {
		return err
	}
	return r.Data(fasthttp.StatusOK, v)
}

func (s *Server) deletePluginVersion(r *Request) error {
	name, version, err := r.pluginVersion()
	if err != nil {
		return err
	}
	if err := s.backend.plugins.Delete(r.Context(), r.Tenant(), r.key.ID, name, version); err != nil {
		return err
	}
	return r.NoContent()
}

// activeAnswer is which plugin imports of an object go through; null: none.
type activeAnswer struct {
	Object  string  `json:"object"`
	Name    *string `json:"name"`
	Version *int    `json:"version"`
	SHA256  *string `json:"sha256"`
}

func answerActive(r *Request, object string, info *plugins.Info) error {
	a := activeAnswer{Object: object}
	if info != nil {
		a.Name, a.Version, a.SHA256 = &info.Name, &info.Version, &info.SHA256
	}
	return r.Data(fasthttp.StatusOK, a)
}

func (s *Server) activePlugin(r *Request) error {
	info, err := s.backend.plugins.Active(r.Context(), r.Tenant(), plugins.Object)
	if err != nil {
		return err
	}
	return answerActive(r, plugins.Object, info)
}

// maxActiveBody bounds the choice of a plugin.
const maxActiveBody = 64 << 10

// activatePlugin chooses the plugin of an object; name null chooses none, no
// version the newest.
func (s *Server) activatePlugin(r *Request) error {
	body, err := r.ReadAll(maxActiveBody)
	if err != nil {
		return err
	}
	var errs fieldErrors
	in, err := decodeObject(body, []string{"object", "name", "version"}, &errs)
	if err != nil {
		return err
	}
	object, name, version := "", "", 0
	if raw, ok := in["object"]; !ok {
		errs.add("object", fault.Required, "is required")
	} else if s, ok := wholeText(raw, "object", &errs); ok {
		object = s
	}
	if raw, ok := in["name"]; !ok {
		errs.add("name", fault.Required, "is required; null chooses no plugin")
	} else if !isNull(raw) {
		if s, ok := wholeText(raw, "name", &errs); ok {
			if err := plugins.CheckName(s); err != nil {
				errs.add("name", fault.Validation, fault.Message(err))
			}
			name = s
		}
	}
	if raw, ok := in["version"]; ok && !isNull(raw) {
		if err := json.Unmarshal(raw, &version); err != nil || version < 1 {
			errs.add("version", fault.InvalidType, "must be a whole number from 1")
		} else if isNull(in["name"]) {
			errs.add("version", fault.Validation, "is a version of no plugin, as name is null; leave it out, or name the plugin")
		}
	}
	if err := errs.err(); err != nil {
		return err
	}
	info, err := s.backend.plugins.Activate(r.Context(), r.Tenant(), r.key.ID, object, name, version)
	if err != nil {
		return err
	}
	return answerActive(r, object, info)
}

func (s *Server) auditPlugins(r *Request) error {
	params, err := r.parseQuery("page", "per_page")
	if err != nil {
		return err
	}
	var errs fieldErrors
	page, perPage := pageOf(params, &errs)
	if err := errs.err(); err != nil {
		return err
	}
	list, err := s.backend.plugins.Audit(r.Context(), r.Tenant(), (page-1)*perPage, perPage)
	if err != nil {
		return err
	}
	return r.Page(notNil(list), auditMeta{page, perPage})
}

type auditMeta struct {
	Page    int `json:"page"`
	PerPage int `json:"per_page"`
}

// jobReplay answers with the batch on which the job's plugin trapped.
func (s *Server) jobReplay(r *Request) error {
	job, err := s.job(r)
	if err != nil {
		return err
	}
	bundle, err := s.bundle(r.Context(), r.Tenant(), job.JobID)
	if err != nil {
		return err
	}
	r.SetHeader("Content-Disposition", fmt.Sprintf("attachment; filename=%q", job.JobID+".bundle"))
	r.Answer(fasthttp.StatusOK, "application/octet-stream", bundle)
	return nil
}

func (s *Server) bundle(ctx context.Context, tenant, id string) ([]byte, error) {
	bundle, err := s.backend.plugins.Bundle(ctx, tenant, id)
	if fault.CodeOf(err) == fault.NotFound {
		return nil, fault.New(fault.NotFound, "the job has no replay bundle; one is kept when a plugin traps")
	}
	return bundle, err
}
