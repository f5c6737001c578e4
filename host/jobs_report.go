package host

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"

	"sluice/engine"
	"sluice/engine/fault"
)

// jobErrors streams the errors of a job's failed rows: as NDJSON, or as a CSV of
// the rows themselves, to correct and send again, or to look at in a spreadsheet.
func (s *Server) jobErrors(r *Request) error {
	params, err := r.parseQuery("format", "spreadsheet")
	if err != nil {
		return err
	}
	format, given := params["format"]
	if given && format != "csv" && format != "ndjson" {
		return badQuery("format", "must be ndjson or csv")
	}
	if !given && r.accepts(csvMedia) && !r.accepts(ndjsonType) {
		format = "csv"
	}
	asText, err := spreadsheet(params, format)
	if err != nil {
		return err
	}
	job, err := s.job(r)
	if err != nil {
		return err
	}
	tenant, id := r.Tenant(), job.JobID
	if format != "csv" {
		streamLines(r, func(ctx context.Context, fn func(engine.RowError) error) error {
			return s.backend.engine.Errors(ctx, tenant, id, fn)
		})
		return nil
	}
	charset := "utf-8"
	if job.Dialect != nil {
		charset = job.Dialect.Encoding
	}
	r.SetHeader("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-errors.csv"`, id))
	ctx := r.Context()
	r.Stream("text/csv; charset="+charset, func(w *bufio.Writer) error {
		return s.backend.engine.ErrorsCSV(ctx, tenant, id, asText, w)
	}, nil)
	return nil
}

// jobResults streams what became of every row, as NDJSON.
func (s *Server) jobResults(r *Request) error {
	if _, err := r.parseQuery(); err != nil {
		return err
	}
	job, err := s.job(r)
	if err != nil {
		return err
	}
	if !job.Options.Results {
		return fault.New(fault.NotFound, "the job has no results; they are kept where an import asks for them with results: true")
	}
	tenant, id := r.Tenant(), job.JobID
	streamLines(r, func(ctx context.Context, fn func(engine.RowResult) error) error {
		return s.backend.engine.Results(ctx, tenant, id, fn)
	})
	return nil
}

// streamLines answers with what walk gives, a line of JSON each.
func streamLines[T any](r *Request, walk func(context.Context, func(T) error) error) {
	ctx := r.Context()
	r.Stream(ndjsonType, func(w *bufio.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return walk(ctx, func(v T) error { return e.Encode(v) })
	}, nil)
}
