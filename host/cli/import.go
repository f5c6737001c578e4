package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"sluice/engine"
)

type importCmd struct {
	remote
	output
	File           string            `arg:"" help:"The file, or - for standard input. .gz and .zst are sent as they are."`
	Format         string            `help:"csv, ndjson or json; auto goes by the file's name." enum:"auto,csv,ndjson,json" default:"auto"`
	Map            map[string]string `help:"A CSV's column and the field that it fills: --map Company=name." placeholder:"HEADER=FIELD"`
	NoHeader       bool              `help:"The CSV has no header; --map goes by column numbers from 1."`
	Update         bool              `help:"Update companies whose domain matches; else such rows are skipped."`
	Tag            []string          `help:"A tag for every company. May be repeated."`
	Plugin         string            `help:"name or name@version; none for no plugin. Default: the active one."`
	PluginConfig   string            `help:"JSON given to the plugin."`
	DryRun         bool              `help:"Say what would happen, and change nothing."`
	Abort          bool              `help:"Import nothing if any row fails."`
	MaxErrors      *int              `help:"Import nothing if more rows fail."`
	Delimiter      string            `help:"The CSV's delimiter. Default: sniffed."`
	Quote          string            `help:"The CSV's quote. Default: sniffed."`
	Encoding       string            `help:"The CSV's encoding: utf-8, utf-16, windows-1252. Default: sniffed."`
	IdempotencyKey string            `help:"Makes it safe to run the same import again. Default: a new one for each run, so that only this run's own retries are safe."`
	Detach         bool              `help:"Don't wait for a queued job."`
	Errors         string            `help:"Write the failed rows to this file, to correct and import again." type:"path"`
}

// mediaTypes are the bodies that an import takes.
var mediaTypes = map[string]string{"csv": "text/csv", "ndjson": "application/x-ndjson", "json": "application/json"}

// fileKind tells the format and the compression by a file's name.
func fileKind(path, format string) (kind, coding string) {
	name := strings.ToLower(filepath.Base(path))
	switch filepath.Ext(name) {
	case ".gz":
		coding, name = "gzip", strings.TrimSuffix(name, ".gz")
	case ".zst":
		coding, name = "zstd", strings.TrimSuffix(name, ".zst")
	}
	if format != "auto" {
		return format, coding
	}
	switch filepath.Ext(name) {
	case ".ndjson", ".jsonl":
		return "ndjson", coding
	case ".json":
		return "json", coding
	}
	return "csv", coding
}

// query is the options as the API takes them.
func (c *importCmd) query() (url.Values, error) {
	q := url.Values{}
	set := func(name, value string, given bool) {
		if given {
			q.Set(name, value)
		}
	}
	object := func(name string, v map[string]string) error {
		if len(v) == 0 {
			return nil
		}
		raw, err := json.Marshal(v)
		q.Set(name, string(raw))
		return err
	}
	dialect := map[string]string{}
	for k, v := range map[string]string{"delimiter": c.Delimiter, "quote": c.Quote, "encoding": c.Encoding} {
		if v != "" {
			dialect[k] = v
		}
	}
	if dialect["delimiter"] == `\t` {
		dialect["delimiter"] = "\t"
	}
	if err := errors.Join(object("mapping", c.Map), object("dialect", dialect)); err != nil {
		return nil, err
	}
	set("has_header", "false", c.NoHeader)
	set("update_existing", "true", c.Update)
	set("dry_run", "true", c.DryRun)
	set("on_error", "abort", c.Abort)
	set("plugin", c.Plugin, c.Plugin != "" && c.Plugin != "none")
	set("plugin", "", c.Plugin == "none")
	set("plugin_config", c.PluginConfig, c.PluginConfig != "")
	if c.MaxErrors != nil {
		q.Set("max_errors", fmt.Sprint(*c.MaxErrors))
	}
	q["tags"] = c.Tag
	return q, nil
}

// Run sends the file, follows its job to the end and says what became of it.
func (c *importCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	format, coding := fileKind(c.File, c.Format)
	q, err := c.query()
	if err != nil {
		return err
	}
	if format == "json" && len(q) > 0 && len(q.Encode()) > 0 {
		return misuse("a JSON body has its options inside; give none on the command line")
	}
	if c.IdempotencyKey == "" {
		c.IdempotencyKey = uuid.NewString()
	}
	r := request{method: http.MethodPost, path: "/v1/import/companies", header: http.Header{
		"Content-Type": {mediaTypes[format]}, "Idempotency-Key": {c.IdempotencyKey}}}
	if coding != "" {
		r.header.Set("Content-Encoding", coding)
	}
	if e := q.Encode(); e != "" {
		r.path += "?" + e
	}
	data, err := c.send(p, cl, r)
	if err != nil {
		return err
	}
	if !data.Status.Ended() && !c.Detach {
		if data, err = follow(p, cl, data.JobID, c.JSON); err != nil {
			return err
		}
	}
	if err := c.print(p, data, func(w io.Writer) error { return summary(w, data) }); err != nil {
		return err
	}
	if c.Errors != "" && data.FailedCount > 0 {
		if err := saveErrors(p.ctx, cl, data.JobID, c.Errors); err != nil {
			return err
		}
		fmt.Fprintf(p.stderr, "failed rows written to %s\n", c.Errors)
	}
	switch {
	case data.Status == engine.Failed || data.Status == engine.Canceled:
		p.code = exitNotDone
	case data.FailedCount > 0:
		p.code = exitRowsFailed
	}
	return nil
}

// send uploads the file. The idempotency key makes it safe to send again what
// was cut off or refused for now, where the file can be read again.
func (c *importCmd) send(p *process, cl *client, r request) (*engine.Data, error) {
	in, size, err := openInput(p, c.File)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	const tries = 5
	for try := 1; ; try++ {
		bar := newBar(p, "upload", size, c.JSON)
		body := io.TeeReader(in, bar)
		if r.header.Get("Content-Type") == mediaTypes["json"] {
			if body, err = jsonBody(body, r.header.Get("Content-Encoding")); err != nil {
				return nil, err
			}
		}
		r.body = io.NopCloser(body)
		if size == 0 {
			r.body = http.NoBody
		}
		data := new(engine.Data)
		resp, err := cl.open(p.ctx, r)
		bar.done()
		if err == nil {
			err = decodeData(resp, data)
		}
		var failed *apiError
		answered := errors.As(err, &failed)
		if answered && failed.Code == "import_failed" && len(failed.Details) > 0 {
			fmt.Fprintf(p.stderr, "sluice: %v\n", err)
			return data, json.Unmarshal(failed.Details, data)
		}
		again, ok := in.(io.Seeker)
		if err == nil || try == tries || p.ctx.Err() != nil || !ok || answered && !failed.later() {
			return data, err
		}
		wait := time.Second << (try - 1)
		if answered && failed.retryAfter > 0 {
			wait = failed.retryAfter
		}
		fmt.Fprintf(p.stderr, "sluice: %v; sending again in %s\n", err, wait)
		if err := pause(p.ctx, wait); err != nil {
			return nil, err
		}
		if _, err := again.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
	}
}

func decodeData(resp *http.Response, data any) error {
	defer resp.Body.Close()
	envelope := struct{ Data any }{data}
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return nil
}

// openInput opens a file that is read, - being standard input; the size of a pipe
// is -1.
func openInput(p *process, path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(struct{ io.Reader }{p.stdin}), -1, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = misuse("%s is a folder", path)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return struct {
			io.Reader
			io.Closer
		}{f, f}, -1, nil
	}
	return f, info.Size(), nil
}

// summary says what became of an import.
func summary(w io.Writer, d *engine.Data) error {
	what := map[bool]string{false: "", true: " (dry run: nothing was changed)"}[d.DryRun]
	fmt.Fprintf(w, "%s %s%s\n", d.JobID, d.Status, what)
	fmt.Fprintf(w, "  rows %d  created %d  updated %d  skipped %d  failed %d\n",
		d.RowCount, d.CreatedCount, d.UpdatedCount, d.SkippedCount, d.FailedCount)
	if d.Dialect != nil {
		fmt.Fprintf(w, "  dialect: delimiter %q, quote %q, %s\n", d.Dialect.Delimiter, d.Dialect.Quote, d.Dialect.Encoding)
	}
	if d.Plugin != nil {
		fmt.Fprintf(w, "  plugin: %s@%d\n", d.Plugin.Name, d.Plugin.Version)
	}
	if len(d.IgnoredColumns) > 0 {
		fmt.Fprintf(w, "  ignored columns: %s\n", strings.Join(d.IgnoredColumns, ", "))
	}
	if d.Failure != nil {
		fmt.Fprintf(w, "  %s: %s\n", d.Failure.Code, d.Failure.Message)
	}
	const shown = 10
	for i, e := range d.Errors {
		if i == shown {
			fmt.Fprintf(w, "  … sluice jobs errors %s shows them all\n", d.JobID)
			break
		}
		fmt.Fprintf(w, "  %s\n", rowErrorLine(e))
	}
	return nil
}

func rowErrorLine(e engine.RowError) string {
	at := fmt.Sprintf("row %d", e.RowNumber)
	if e.Line > 0 {
		at += fmt.Sprintf(" (line %d)", e.Line)
	}
	if e.Column != "" {
		at += ", " + e.Column
	}
	return fmt.Sprintf("%s: %s: %s", at, e.Code, e.Message)
}

// follow shows a job's progress until it has ended.
func follow(p *process, cl *client, id string, quiet bool) (*engine.Data, error) {
	var bar *bar
	defer func() { bar.done() }()
	for wait := 50 * time.Millisecond; ; wait = min(wait*2, 500*time.Millisecond) {
		d := new(engine.Data)
		if err := cl.call(p.ctx, http.MethodGet, "/v1/import/jobs/"+id, nil, d, nil); err != nil {
			var failed *apiError
			if errors.As(err, &failed) && !failed.later() {
				return nil, err
			}
			if p.ctx.Err() != nil {
				return nil, err
			}
			// A server that restarts goes on with the job.
		} else {
			if bar == nil && d.Progress != nil {
				bar = newBar(p, "import", d.Progress.BytesTotal, quiet)
			}
			if d.Progress != nil {
				bar.at(d.Progress.BytesRead, d.RowCount)
			}
			if d.Status.Ended() {
				return d, nil
			}
		}
		if err := pause(p.ctx, wait); err != nil {
			return nil, fmt.Errorf("job %s goes on without us: %w", id, err)
		}
	}
}

// saveErrors writes a job's failed rows to a file, as CSV.
func saveErrors(ctx context.Context, cl *client, id, path string) error {
	resp, err := cl.open(ctx, request{method: http.MethodGet, path: "/v1/import/jobs/" + id + "/errors?format=csv"})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}
