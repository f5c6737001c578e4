package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"sluice/engine"
	"sluice/engine/batch"
	"sluice/host/intake"
	"sluice/plugins"
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

// trialAnswer is what a plugin did with the rows of a trial.
type trialAnswer struct {
	Plugin        plugins.Info      `json:"plugin"`
	Columns       []string          `json:"columns"` // answered
	RowCount      int               `json:"row_count"`
	Truncated     bool              `json:"truncated"` // the body has more rows
	Outputs       []trialRow        `json:"outputs"`
	Errors        []engine.RowError `json:"errors"`
	Fuel          int64             `json:"fuel"`
	FuelPerRow    int64             `json:"fuel_per_row"`
	RowsPerSecond float64           `json:"rows_per_second"`
	Log           []plugins.LogLine `json:"log"`
	LogDropped    int               `json:"log_dropped"`
}

// trialRow is one answered record: the row that it came from, and its cells by
// column; absent ones are left out.
type trialRow struct {
	RowNumber uint64         `json:"row_number"`
	Values    map[string]any `json:"values"`
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
	sample, err := s.backend.engine.Sample(upload, res.Options, tryRows, tryBytes)
	if err != nil {
		return err
	}
	options, err := pluginOptions(res.Options)
	if err != nil {
		return err
	}
	job := plugins.Job{Columns: sample.Columns, Config: res.Options.PluginConfig, Options: options}
	trial, err := s.backend.plugins.Test(r.Context(), r.Tenant(), name, version, job, sample.Batch)
	if err != nil {
		return fmt.Errorf("test plugin: %w", err)
	}
	errs, err := sample.Errors(trial.Columns, trial.Out)
	if err != nil {
		return err
	}
	return r.Data(fasthttp.StatusOK, trialAnswer{
		Plugin: v.Info(), Columns: trial.Columns, RowCount: len(sample.Batch.Rows), Truncated: sample.More,
		Outputs: trialRows(sample.Batch, trial), Errors: notNil(errs),
		Fuel: trial.Fuel, FuelPerRow: trial.FuelPerRow, RowsPerSecond: trial.RowsPerSecond,
		Log: notNil(trial.Log), LogDropped: trial.LogDropped,
	})
}

func trialRows(in *batch.Batch, t *plugins.Trial) []trialRow {
	rows := []trialRow{}
	for i, source := range t.Out.Source {
		values := map[string]any{}
		for k, c := range t.Out.Row(i) {
			if c.Kind() != batch.Absent {
				values[t.Columns[k]] = cellValue(c.Kind(), t.Out.Bytes(c))
			}
		}
		rows = append(rows, trialRow{in.Rows[source].Number, values})
	}
	return rows
}

// cellValue is a cell as JSON shows it.
func cellValue(kind batch.Kind, p []byte) any {
	switch kind {
	case batch.Null:
		return nil
	case batch.Number, batch.Bool, batch.JSON:
		if json.Valid(p) {
			return json.RawMessage(bytes.Clone(p))
		}
	}
	if !utf8.Valid(p) {
		return strings.ToValidUTF8(string(p), string(utf8.RuneError))
	}
	return string(p)
}
