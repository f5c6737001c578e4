package engine

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"sluice/engine/fault"
)

// fullJob is a job of which every field is set, and its texts are awkward.
func fullJob() *Job {
	const text = "a \"b\" \\ <c> \x00\t\n ü 😀 \u2028 \xff"
	now := time.Date(2026, 7, 1, 12, 0, 0, 123_000_000, time.UTC)
	code, id := fault.Validation, text
	return &Job{
		Data: Data{JobID: text, Status: Failed, CreatedCount: 1, UpdatedCount: 2, SkippedCount: 3, FailedCount: 4, RowCount: 5,
			RecordCount: 1<<64 - 1, DryRun: true, Errors: []RowError{{1, 2, text, code, text}}, ErrorsURL: text, ReportCutFrom: 6,
			IgnoredColumns: []string{"", text}, Dialect: &Dialect{text, text, text}, Plugin: &PluginInfo{text, 7, text},
			Results: []RowResult{{1, text, &code, &id}, {}}, ResultsURL: text,
			Timings:  Timings{CreatedAt: now, StartedAt: &now, EndedAt: &now, DurationMS: 12.345},
			Progress: &Progress{8, 9}, Failure: &Failure{code, text}},
		Tenant: text, KeyID: text, Format: NDJSON,
		Options: Options{HasHeader: true, Mapping: map[string]string{text: text}, UpdateExisting: true, Tags: []string{text},
			Plugin: PluginRef{true, text, 10}, PluginConfig: json.RawMessage(`{"a":1}`), DryRun: true, MaxErrors: -1, Results: true,
			Dialect: DialectOptions{text, text, text}},
		Columns: []string{text, "b"}, First: Checkpoint{11, 12, 13}, Next: Checkpoint{14, 15, 16}, Judged: true,
		Bytes: 17, Read: 18, Seed: 1<<64 - 1, Clock: -20, ReportBytes: 21}
}

// What is written by hand is what encoding/json makes, to the byte; but a list is
// never null.
func TestJobJSON(t *testing.T) {
	full := fullJob()
	for _, v := range []reflect.Value{reflect.ValueOf(*full), reflect.ValueOf(full.Data)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s is not set, so nothing holds its encoding", v.Type().Field(i).Name)
			}
		}
	}
	small := &Job{Data: Data{JobID: "imp", Errors: []RowError{}, IgnoredColumns: []string{}}}
	empty := &Job{Data: Data{Errors: []RowError{}, IgnoredColumns: []string{}, Results: []RowResult{}}}
	jobs := []*Job{full, small, empty}
	for _, ms := range []float64{-1, 1e-7, 1e-6, 0.1, 1e20, 1e21} {
		jobs = append(jobs, &Job{Data: Data{Errors: []RowError{}, IgnoredColumns: []string{}, Timings: Timings{DurationMS: ms}}})
	}
	for _, j := range jobs {
		got, err := j.appendJSON([]byte("before"))
		if want := "before" + plainJSON(t, j); string(got) != want || err != nil {
			t.Errorf("job\n%s %v\nwant\n%s", got, err, want)
		}
		got, err = j.AppendJSON(nil)
		if want := plainJSON(t, &j.Data); string(got) != want || err != nil {
			t.Errorf("data\n%s %v\nwant\n%s", got, err, want)
		}
	}
	full.Options.PluginConfig = json.RawMessage("{")
	if _, err := full.appendJSON(nil); err == nil {
		t.Error("what is no JSON was encoded")
	}
}

func plainJSON(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
}

func BenchmarkJobJSON(b *testing.B) {
	now := time.Now()
	j := &Job{Data: Data{JobID: jobPrefix + "01M8E2452B010GV5VJVRPCN68X", Status: Completed, CreatedCount: 1, RowCount: 1, RecordCount: 1,
		Errors: []RowError{}, ErrorsURL: jobURL("imp_co_01M8E2452B010GV5VJVRPCN68X"), IgnoredColumns: []string{},
		Timings: Timings{CreatedAt: now, StartedAt: &now, EndedAt: &now, DurationMS: 1.5}},
		Tenant: "acme", KeyID: "7d444840-9dc0-11d1-b245-5ffdce74fad2", Format: Rows, Options: DefaultOptions(), Bytes: 300, Read: 300}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.appendJSON(buf); err != nil {
			b.Fatal(err)
		}
	}
}
