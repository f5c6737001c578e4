package load

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"
)

// Body is an upload as it goes over the wire, from a file or from memory.
type Body struct {
	File     string // else Bytes
	Bytes    []byte
	Media    string
	Encoding string // of the content; empty: none
	Query    url.Values
}

// Counts are what an import says of its rows.
type Counts struct {
	Created uint64 `json:"created_count"`
	Updated uint64 `json:"updated_count"`
	Skipped uint64 `json:"skipped_count"`
	Failed  uint64 `json:"failed_count"`
	Rows    uint64 `json:"row_count"`
}

// Add adds what another import says.
func (c *Counts) Add(o Counts) {
	c.Created += o.Created
	c.Updated += o.Updated
	c.Skipped += o.Skipped
	c.Failed += o.Failed
	c.Rows += o.Rows
}

// Job is an import as the server answers it.
type Job struct {
	ID     string `json:"job_id"`
	Status string `json:"status"`
	Counts
	Errors []struct {
		Row     uint64 `json:"row_number"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
	Failure *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// ended reports whether the job is over.
func (j *Job) ended() bool { return j.Status != "queued" && j.Status != "processing" }

// check makes an error of a job that did not complete.
func (j *Job) check() error {
	switch {
	case j.Status == "completed":
		return nil
	case j.Failure != nil:
		return fmt.Errorf("job %s %s: %s: %s", j.ID, j.Status, j.Failure.Code, j.Failure.Message)
	default:
		return fmt.Errorf("job %s %s", j.ID, j.Status)
	}
}

// Post uploads a body and returns the server's first answer: a finished import,
// or a job that the server has taken over durably. wait is how long the server
// may hold the answer for the job's end.
func (c *Client) Post(ctx context.Context, b Body, wait time.Duration) (Job, error) {
	r := call{method: http.MethodPost, path: "/v1/import/companies", header: map[string]string{"Content-Type": b.Media}}
	if len(b.Query) > 0 {
		r.path += "?" + b.Query.Encode()
	}
	if b.Encoding != "" {
		r.header["Content-Encoding"] = b.Encoding
	}
	if wait > 0 {
		r.header["Prefer"] = fmt.Sprintf("wait=%d", int(wait.Seconds()))
	}
	var job Job
	if b.File != "" {
		f, err := os.Open(b.File)
		if err != nil {
			return job, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return job, err
		}
		// The file itself, so that the client's share of the CPU is sendfile's.
		r.body, r.size = f, info.Size()
		return job, c.data(ctx, r, &job)
	}
	r.body, r.size = bytes.NewReader(b.Bytes), int64(len(b.Bytes))
	return job, c.data(ctx, r, &job)
}

// serverWait is the longest wait that the server grants an answer.
const serverWait = 60 * time.Second

// Import uploads a body and waits until its job has completed.
func (c *Client) Import(ctx context.Context, b Body) (Counts, error) {
	job, err := c.Post(ctx, b, serverWait)
	if err != nil {
		return Counts{}, err
	}
	return c.Wait(ctx, job)
}

// Wait returns the counts of a job when it has completed.
func (c *Client) Wait(ctx context.Context, job Job) (Counts, error) {
	for !job.ended() {
		select {
		case <-ctx.Done():
			return Counts{}, fmt.Errorf("wait for job %s: %w", job.ID, ctx.Err())
		case <-time.After(pollEvery):
		}
		if err := c.data(ctx, call{method: http.MethodGet, path: "/v1/import/jobs/" + job.ID}, &job); err != nil {
			return Counts{}, err
		}
	}
	if err := job.check(); err != nil {
		return Counts{}, err
	}
	if job.Failed > 0 && len(job.Errors) > 0 {
		e := job.Errors[0]
		return Counts{}, fmt.Errorf("job %s: %d rows failed, the first in row %d: %s: %s", job.ID, job.Failed, e.Row, e.Code, e.Message)
	}
	return job.Counts, nil
}
