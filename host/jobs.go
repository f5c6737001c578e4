package host

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"sluice/engine"
	"sluice/engine/fault"
)

// Jobs are read with read:imports or with the key that made them, so their
// routes take any key and look closer themselves.
func (s *Server) jobRoutes() []route {
	return []route{
		{method: "GET", pattern: "/v1/import/jobs", scope: ReadImports, handle: s.listJobs},
		{method: "GET", pattern: "/v1/import/jobs/{id}", scope: anyKey, handle: s.getJob},
		{method: "DELETE", pattern: "/v1/import/jobs/{id}", scope: WriteCompanies, handle: s.cancelJob},
		{method: "GET", pattern: "/v1/import/jobs/{id}/errors", scope: anyKey, handle: s.jobErrors},
		{method: "GET", pattern: "/v1/import/jobs/{id}/results", scope: anyKey, handle: s.jobResults},
		{method: "GET", pattern: "/v1/import/jobs/{id}/events", scope: anyKey, handle: s.jobEvents},
		{method: "GET", pattern: "/v1/import/jobs/{id}/replay", scope: anyKey, handle: s.jobReplay},
	}
}

// job returns the job that the path names, if the key may read it. A key without
// read:imports learns nothing of jobs that it did not make, not even whether
// they exist.
func (s *Server) job(r *Request) (*engine.Job, error) {
	job, err := s.backend.engine.Job(r.Context(), r.Tenant(), r.Param(0))
	if !r.key.Has(ReadImports) && (err != nil || job.KeyID != r.key.ID) {
		return nil, fault.New(fault.Forbidden, "the key lacks the scope %s, and did not make this job", ReadImports).With("scope", ReadImports)
	}
	if fault.CodeOf(err) == fault.NotFound {
		return nil, errNoJob
	}
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return job, nil
}

var errNoJob = fault.New(fault.NotFound, "there is no such import job")

func (s *Server) getJob(r *Request) error {
	job, err := s.job(r)
	if err != nil {
		return err
	}
	return r.Data(fasthttp.StatusOK, &job.Data)
}

// cancelJob ends a job and says what of it was applied.
func (s *Server) cancelJob(r *Request) error {
	job, err := s.job(r)
	if err != nil {
		return err
	}
	if job, err = s.backend.engine.Cancel(r.Context(), r.Tenant(), job.JobID); err != nil {
		return err
	}
	return r.Data(fasthttp.StatusOK, &job.Data)
}

// jobsMeta is the meta of a list of jobs. Nobody counts them: total is null.
type jobsMeta struct {
	Page       *int    `json:"page"` // null behind a cursor
	PerPage    int     `json:"per_page"`
	Total      *int    `json:"total"`
	NextCursor *string `json:"next_cursor"`
}

func (s *Server) listJobs(r *Request) error {
	params, err := r.parseQuery("page", "per_page", "cursor")
	if err != nil {
		return err
	}
	var errs fieldErrors
	page, perPage := pageOf(params, &errs)
	cursor, behind := params["cursor"]
	if _, paged := params["page"]; paged && behind {
		errs.add("page", unknownField, "can't be given together with cursor")
	}
	if behind && cursor == "" {
		errs.add("cursor", unknownField, "is not one that an answer gave")
	}
	if err := errs.err(); err != nil {
		return err
	}
	jobs, next, err := s.jobsPage(r, cursor, page, perPage)
	if err != nil {
		return err
	}
	meta := jobsMeta{PerPage: perPage}
	if !behind {
		meta.Page = &page
	}
	if next != "" {
		meta.NextCursor = &next
	}
	data := make([]*engine.Data, len(jobs))
	for i, j := range jobs {
		data[i] = &j.Data
	}
	return r.Page(data, meta)
}

// jobsPage walks to a page and returns it.
func (s *Server) jobsPage(r *Request, after string, page, perPage int) (jobs []*engine.Job, next string, err error) {
	for n := 1; ; n++ {
		jobs, next, err = s.backend.engine.Jobs(r.Context(), r.Tenant(), after, perPage)
		if err != nil || n == page {
			return jobs, next, err
		}
		if next == "" {
			return nil, "", nil
		}
		after = next
	}
}
