package host

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"sluice/engine"
	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/plugins"
)

// Trial is what a plugin did with the first rows of an upload.
type Trial struct {
	Plugin        plugins.Info      `json:"plugin"`
	Columns       []string          `json:"columns"` // answered
	RowCount      int               `json:"row_count"`
	Truncated     bool              `json:"truncated"` // the body has more rows
	Outputs       []TrialRow        `json:"outputs"`
	Errors        []engine.RowError `json:"errors"`
	Fuel          int64             `json:"fuel"`
	FuelPerRow    int64             `json:"fuel_per_row"`
	RowsPerSecond float64           `json:"rows_per_second"`
	Log           []plugins.LogLine `json:"log"`
	LogDropped    int               `json:"log_dropped"`
	Error         *engine.Failure   `json:"error,omitempty"` // what an import of these rows would end with
}

// TrialRow is one answered record: the row that it came from, and its cells by
// column; absent ones are left out.
type TrialRow struct {
	RowNumber uint64         `json:"row_number"`
	Values    map[string]any `json:"values"`
}

// trialJob is the job that a plugin is told of in a trial.
func trialJob(sample *engine.Sample, o engine.Options) (plugins.Job, error) {
	options, err := pluginOptions(o)
	return plugins.Job{Columns: sample.Columns, Config: o.PluginConfig, Options: options}, err
}

// newTrial says what became of the sample's rows.
func newTrial(info plugins.Info, sample *engine.Sample, t *plugins.Trial) (*Trial, error) {
	stand, errs, err := sample.Judge(t.Columns, t.Out)
	if err != nil {
		return nil, err
	}
	trial := &Trial{
		Plugin: info, Columns: t.Columns, RowCount: len(sample.Batch.Rows), Truncated: sample.More,
		Outputs: trialRows(sample.Batch, t, stand), Errors: notNil(errs),
		Fuel: t.Fuel, FuelPerRow: t.FuelPerRow, RowsPerSecond: t.RowsPerSecond,
		Log: notNil(t.Log), LogDropped: t.LogDropped,
	}
	if t.Failure != nil {
		trial.Error = &engine.Failure{Code: fault.CodeOf(t.Failure), Message: fault.Message(t.Failure)}
	}
	return trial, nil
}

func trialRows(in *batch.Batch, t *plugins.Trial, stand []int) []TrialRow {
	rows := []TrialRow{}
	for _, i := range stand {
		values := map[string]any{}
		for k, c := range t.Out.Row(i) {
			if c.Kind() != batch.Absent {
				values[t.Columns[k]] = cellValue(c.Kind(), t.Out.Bytes(c))
			}
		}
		rows = append(rows, TrialRow{in.Rows[t.Out.Source[i]].Number, values})
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
