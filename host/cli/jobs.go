package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"sluice/engine"
)

type jobsCmd struct {
	List   jobsListCmd   `cmd:"" help:"List jobs, the newest first."`
	Show   jobsShowCmd   `cmd:"" help:"Show one job."`
	Watch  jobsWatchCmd  `cmd:"" help:"Follow a job to its end."`
	Cancel jobsCancelCmd `cmd:"" help:"Cancel a job; what was applied stays."`
	Errors jobsErrorsCmd `cmd:"" help:"Print the errors of a job's failed rows."`
}

type oneJob struct {
	remote
	output
	ID string `arg:"" help:"The job's id, imp_co_…"`
}

type jobsListCmd struct {
	remote
	output
	Limit int `help:"How many." default:"20"`
}

func (c *jobsListCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	jobs, cursor := []engine.Data{}, ""
	for len(jobs) < c.Limit {
		q := url.Values{"per_page": {fmt.Sprint(min(100, c.Limit-len(jobs)))}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page []engine.Data
		var meta struct {
			NextCursor *string `json:"next_cursor"`
		}
		if err := cl.call(p.ctx, http.MethodGet, "/v1/import/jobs?"+q.Encode(), nil, &page, &meta); err != nil {
			return err
		}
		jobs = append(jobs, page...)
		if meta.NextCursor == nil {
			break
		}
		cursor = *meta.NextCursor
	}
	return c.print(p, jobs, func(w io.Writer) error {
		return table(w, func(add func(...string)) {
			add("JOB", "STATUS", "ROWS", "CREATED", "UPDATED", "SKIPPED", "FAILED", "ACCEPTED")
			for _, d := range jobs {
				add(d.JobID, string(d.Status), fmt.Sprint(d.RowCount), fmt.Sprint(d.CreatedCount), fmt.Sprint(d.UpdatedCount),
					fmt.Sprint(d.SkippedCount), fmt.Sprint(d.FailedCount), d.Timings.CreatedAt.Format(time.RFC3339))
			}
		})
	})
}

type jobsShowCmd struct{ oneJob }

func (c *jobsShowCmd) Run(p *process) error { return c.show(p, http.MethodGet) }

type jobsCancelCmd struct{ oneJob }

func (c *jobsCancelCmd) Run(p *process) error { return c.show(p, http.MethodDelete) }

func (c *oneJob) show(p *process, method string) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	d := new(engine.Data)
	if err := cl.call(p.ctx, method, "/v1/import/jobs/"+url.PathEscape(c.ID), nil, d, nil); err != nil {
		return err
	}
	return c.print(p, d, func(w io.Writer) error { return summary(w, d) })
}

type jobsWatchCmd struct{ oneJob }

func (c *jobsWatchCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	d, err := follow(p, cl, url.PathEscape(c.ID), c.JSON)
	if err != nil {
		return err
	}
	if d.Status != engine.Completed {
		p.code = exitNotDone
	} else if d.FailedCount > 0 {
		p.code = exitRowsFailed
	}
	return c.print(p, d, func(w io.Writer) error { return summary(w, d) })
}

type jobsErrorsCmd struct {
	oneJob
	CSV         bool `name:"csv" help:"Print the failed rows as CSV, to correct and import again."`
	Spreadsheet bool `help:"Print them for a spreadsheet: formulas among the cells begin with an apostrophe."`
}

// Run copies the report: with --json, NDJSON as the API gives it.
func (c *jobsErrorsCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	path := "/v1/import/jobs/" + url.PathEscape(c.ID) + "/errors"
	switch {
	case c.Spreadsheet:
		path += "?format=csv&spreadsheet=true"
	case c.CSV:
		path += "?format=csv"
	}
	resp, err := cl.open(p.ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if c.CSV || c.Spreadsheet || c.JSON {
		_, err = io.Copy(p.stdout, resp.Body)
		return err
	}
	return eachLine(resp.Body, func(e engine.RowError) error {
		_, err := fmt.Fprintln(p.stdout, rowErrorLine(e))
		return err
	})
}
