package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"sluice/engine"
	"sluice/host"
)

// trialRows is what became of each row of a trial.
type trialRows struct {
	outputs map[uint64][]host.TrialRow
	errors  map[uint64][]engine.RowError
	last    uint64

	answered, skipped, failed int // rows
}

func rowsOf(t *host.Trial) *trialRows {
	r := &trialRows{outputs: map[uint64][]host.TrialRow{}, errors: map[uint64][]engine.RowError{}, last: uint64(t.RowCount)}
	for _, o := range t.Outputs {
		r.outputs[o.RowNumber] = append(r.outputs[o.RowNumber], o)
	}
	for _, e := range t.Errors {
		r.errors[e.RowNumber] = append(r.errors[e.RowNumber], e)
	}
	for n := uint64(1); n <= r.last; n++ {
		switch {
		case len(r.errors[n]) > 0:
			r.failed++
		case len(r.outputs[n]) > 0:
			r.answered++
		default:
			r.skipped++
		}
	}
	return r
}

// plainTrial writes what became of each row, the same at each run.
func plainTrial(w io.Writer, t *host.Trial) error {
	rows := rowsOf(t)
	for n := uint64(1); n <= rows.last; n++ {
		errs, outputs := rows.errors[n], rows.outputs[n]
		if len(errs)+len(outputs) == 0 {
			fmt.Fprintf(w, "row %d skipped\n", n)
		}
		for _, e := range errs {
			fmt.Fprintf(w, "row %d failed, %s\n", n, trialError(e))
		}
		for _, o := range outputs {
			fmt.Fprintf(w, "row %d\n", n)
			for _, column := range t.Columns {
				if v, ok := o.Values[column]; ok {
					fmt.Fprintf(w, "  %s = %s\n", column, jsonText(v))
				}
			}
		}
	}
	if t.Error != nil {
		fmt.Fprintf(w, "the import fails, %s: %s\n", t.Error.Code, t.Error.Message)
	}
	return logLines(w, t)
}

// shownRows is how many rows a table has.
const shownRows = 20

// showTrial writes a table for people.
func showTrial(w io.Writer, title string, t *host.Trial) error {
	rows := rowsOf(t)
	fmt.Fprintln(w, title)
	err := table(w, func(add func(...string)) {
		add(append([]string{"ROW", "OUTCOME"}, t.Columns...)...)
		for n := uint64(1); n <= min(rows.last, shownRows); n++ {
			rows.add(n, t.Columns, add)
		}
	})
	if err != nil {
		return err
	}
	if rows.last > shownRows {
		fmt.Fprintf(w, "… %s; --plain or --json prints them\n", count(rows.last-shownRows, "more row", "more rows"))
	}
	for i, e := range t.Errors {
		if i == 0 {
			fmt.Fprintln(w, "\nErrors")
		}
		if i == shownRows {
			fmt.Fprintf(w, "  … %d more\n", len(t.Errors)-i)
			break
		}
		fmt.Fprintf(w, "  %s\n", rowErrorLine(e))
	}
	if len(t.Log) > 0 {
		fmt.Fprintln(w)
		if err := logLines(w, t); err != nil {
			return err
		}
	}
	more := ""
	if t.Truncated {
		more = " (the file has more)"
	}
	_, err = fmt.Fprintf(w, "\n%s%s: %d answered, %d skipped, %d failed\n", count(rows.last, "row", "rows"), more, rows.answered, rows.skipped, rows.failed)
	if t.Error != nil && err == nil {
		_, err = fmt.Fprintf(w, "an import of these rows fails: %s\n", t.Error.Message)
	}
	if t.FuelPerRow > 0 && err == nil {
		_, err = fmt.Fprintf(w, "%d fuel a row; about %s rows/s on one core of this machine\n", t.FuelPerRow, thousands(t.RowsPerSecond))
	}
	return err
}

// add adds the lines of one row to a table.
func (r *trialRows) add(n uint64, columns []string, add func(...string)) {
	if len(r.errors[n]) > 0 {
		add(fmt.Sprint(n), "failed")
	} else if len(r.outputs[n]) == 0 {
		add(fmt.Sprint(n), "skipped")
	}
	for _, o := range r.outputs[n] {
		cells := []string{fmt.Sprint(n), "ok"}
		for _, column := range columns {
			cells = append(cells, cellText(o.Values, column))
		}
		add(cells...)
	}
}

// cellText is a value as a table shows it.
func cellText(values map[string]any, column string) string {
	v, ok := values[column]
	if !ok {
		return "-"
	}
	s, ok := v.(string)
	if !ok || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
		s = jsonText(v)
	}
	const widest = 32
	if utf8.RuneCountInString(s) > widest {
		s = string([]rune(s)[:widest-1]) + "…"
	}
	return s
}

func jsonText(v any) string {
	var s strings.Builder
	enc := json.NewEncoder(&s)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(s.String(), "\n")
}

// trialError is an error without its row.
func trialError(e engine.RowError) string {
	if e.Column != "" {
		return fmt.Sprintf("%s: %s: %s", e.Column, e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

func logLines(w io.Writer, t *host.Trial) error {
	for _, l := range t.Log {
		fmt.Fprintf(w, "log %s: %s\n", l.Level, l.Text)
	}
	if t.LogDropped > 0 {
		fmt.Fprintf(w, "log … %s dropped\n", count(t.LogDropped, "more line was", "more lines were"))
	}
	return nil
}

// thousands writes a number with commas.
func thousands(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
