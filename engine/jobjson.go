package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Each import writes its job twice, as a record and as its answer, which took
// encoding/json a tenth of a small import's time. Written field by field it takes
// a fifth of that; lists and whatever else is rare is encoding/json's still.

// AppendJSON appends d as JSON, as the API shows it.
func (d *Data) AppendJSON(dst []byte) ([]byte, error) {
	w := jsonWriter{b: append(dst, '{')}
	w.data(d)
	return append(w.b, '}'), w.err
}

// appendJSON appends the record of a job.
func (j *Job) appendJSON(dst []byte) ([]byte, error) {
	w := jsonWriter{b: append(dst, '{')}
	w.data(&j.Data)
	w.text("tenant", j.Tenant)
	w.text("key_id", j.KeyID)
	w.text("format", string(j.Format))
	w.options(&j.Options)
	if len(j.Columns) > 0 {
		w.texts("columns", j.Columns)
	}
	w.checkpoint("first", j.First)
	w.checkpoint("next", j.Next)
	if j.Judged {
		w.bool("judged", true)
	}
	w.int("bytes", j.Bytes)
	w.int("read", j.Read)
	w.uint("seed", j.Seed)
	w.int("clock", j.Clock)
	w.int("report_bytes", j.ReportBytes)
	return append(w.b, '}'), w.err
}

func (w *jsonWriter) data(d *Data) {
	w.text("job_id", d.JobID)
	w.text("status", string(d.Status))
	w.uint("created_count", d.CreatedCount)
	w.uint("updated_count", d.UpdatedCount)
	w.uint("skipped_count", d.SkippedCount)
	w.uint("failed_count", d.FailedCount)
	w.uint("row_count", d.RowCount)
	w.uint("record_count", d.RecordCount)
	w.bool("dry_run", d.DryRun)
	w.valueOr("errors", "[]", len(d.Errors) == 0, d.Errors)
	w.text("errors_url", d.ErrorsURL)
	if d.ReportCutFrom != 0 {
		w.uint("report_cut_from", d.ReportCutFrom)
	}
	w.texts("ignored_columns", d.IgnoredColumns)
	w.valueOr("dialect", null, d.Dialect == nil, d.Dialect)
	w.valueOr("plugin", null, d.Plugin == nil, d.Plugin)
	if d.Results != nil {
		w.valueOr("results", "[]", len(d.Results) == 0, d.Results)
	}
	if d.ResultsURL != "" {
		w.text("results_url", d.ResultsURL)
	}
	w.key("timings")
	w.b = append(w.b, '{')
	w.time("created_at", &d.Timings.CreatedAt)
	w.time("started_at", d.Timings.StartedAt)
	w.time("ended_at", d.Timings.EndedAt)
	w.float("duration_ms", d.Timings.DurationMS)
	w.b = append(w.b, '}')
	if d.Progress != nil {
		w.value("progress", d.Progress)
	}
	if d.Failure != nil {
		w.value("error", d.Failure)
	}
}

func (w *jsonWriter) options(o *Options) {
	w.key("options")
	w.b = append(w.b, '{')
	w.bool("has_header", o.HasHeader)
	if len(o.Mapping) > 0 {
		w.value("mapping", o.Mapping)
	}
	if o.UpdateExisting {
		w.bool("update_existing", true)
	}
	if len(o.Tags) > 0 {
		w.texts("tags", o.Tags)
	}
	w.valueOr("plugin", "{}", o.Plugin == PluginRef{}, o.Plugin)
	if len(o.PluginConfig) > 0 {
		w.value("plugin_config", o.PluginConfig)
	}
	if o.DryRun {
		w.bool("dry_run", true)
	}
	w.int("max_errors", int64(o.MaxErrors))
	if o.Results {
		w.bool("results", true)
	}
	w.valueOr("dialect", "{}", o.Dialect == DialectOptions{}, o.Dialect)
	w.b = append(w.b, '}')
}

const null = "null"

// jsonWriter appends the members of objects.
type jsonWriter struct {
	b   []byte
	err error // the first
}

func (w *jsonWriter) key(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

func (w *jsonWriter) uint(name string, v uint64) {
	w.key(name)
	w.b = strconv.AppendUint(w.b, v, 10)
}

func (w *jsonWriter) int(name string, v int64) {
	w.key(name)
	w.b = strconv.AppendInt(w.b, v, 10)
}

func (w *jsonWriter) bool(name string, v bool) {
	w.key(name)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *jsonWriter) float(name string, v float64) {
	if v != 0 && (v < 1e-6 || v >= 1e21) {
		w.value(name, v)
		return
	}
	w.key(name)
	w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64)
}

func (w *jsonWriter) time(name string, t *time.Time) {
	w.key(name)
	if t == nil {
		w.b = append(w.b, null...)
		return
	}
	w.b = append(t.AppendFormat(append(w.b, '"'), time.RFC3339Nano), '"')
}

func (w *jsonWriter) text(name, v string) {
	w.key(name)
	w.quoted(v)
}

func (w *jsonWriter) quoted(v string) {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			w.any(v)
			return
		}
	}
	w.b = append(append(append(w.b, '"'), v...), '"')
}

func (w *jsonWriter) texts(name string, list []string) {
	w.key(name)
	w.b = append(w.b, '[')
	for i, v := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.quoted(v)
	}
	w.b = append(w.b, ']')
}

// valueOr appends a value that is plain where plainly is true: then nothing is
// encoded.
func (w *jsonWriter) valueOr(name, plain string, plainly bool, v any) {
	w.key(name)
	if plainly {
		w.b = append(w.b, plain...)
		return
	}
	w.any(v)
}

func (w *jsonWriter) checkpoint(name string, c Checkpoint) {
	w.key(name)
	w.b = append(w.b, '{')
	w.int("offset", c.Offset)
	w.uint("row", c.Row)
	w.uint("line", c.Line)
	w.b = append(w.b, '}')
}

func (w *jsonWriter) value(name string, v any) {
	w.key(name)
	w.any(v)
}

// any appends what encoding/json makes of v, without HTML's escapes.
func (w *jsonWriter) any(v any) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil && w.err == nil {
		w.err = fmt.Errorf("encode job: %w", err)
	}
	w.b = append(w.b, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}
