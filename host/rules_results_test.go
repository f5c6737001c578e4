package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sluice/engine"
)

// outcomes is what results say, and whether each names a company that exists.
func (c *house) outcomes(results []engine.RowResult) string {
	c.t.Helper()
	var all []string
	for _, r := range results {
		s := fmt.Sprintf("%d %s", r.RowNumber, r.Outcome)
		if r.Code != nil {
			s += " " + string(*r.Code)
		}
		if r.ID != nil {
			s += fmt.Sprintf(" %d", c.get("/v1/companies/"+*r.ID).StatusCode)
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// lines reads the results of a job.
func (c *house) results(d engine.Data) []engine.RowResult {
	c.t.Helper()
	r := c.get(d.ResultsURL)
	r.want(c.t, 200, "")
	var all []engine.RowResult
	for line := range bytes.Lines(r.body) {
		var one engine.RowResult
		if err := json.Unmarshal(line, &one); err != nil {
			c.t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// Rules 2.66, 2.76: results tell of every row, inline and as NDJSON; an id is of a
// company that exists. What an import that was undone, or a dry run, would have
// made has none: the table may give the same id to another company later. Of one
// that was undone nothing is created or updated.
func TestResults(t *testing.T) {
	const rows = `{"rows":[{"name":"New","domain":"new.example"},{"name":"Old","domain":"old.example"},
		{"name":"Again","domain":"new.example"},{"domain":"no name.example"}],"results":true`
	f := func(more, want string) {
		t.Helper()
		c := newHouse(t)
		c.json(`{"rows":[{"name":"Old","domain":"old.example"}]}`).wantSaid(t, "before", "200 completed 1+0+0+0=1")
		r := c.json(rows + more + "}")
		var d engine.Data
		if r.StatusCode == 200 {
			d = r.importData(t)
		} else {
			raw, err := json.Marshal(r.fault(t).Details)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &d); err != nil {
				t.Fatal(err)
			}
		}
		if got := c.outcomes(d.Results); got != want {
			t.Errorf("%s inline: %s\nwant %s", more, got, want)
		}
		if got := c.outcomes(c.results(d)); got != want {
			t.Errorf("%s kept: %s\nwant %s", more, got, want)
		}
	}
	const failed = ", 4 failed invalid_domain"
	f("", "1 created 200, 2 skipped duplicate 200, 3 skipped duplicate 200"+failed)
	f(`,"update_existing":true`, "1 created 200, 2 updated 200, 3 updated 200"+failed)
	const none = "1 created, 2 skipped duplicate 200, 3 skipped duplicate" + failed
	f(`,"dry_run":true`, none)
	const undone = "1 skipped import_failed, 2 skipped duplicate 200, 3 skipped duplicate" + failed
	f(`,"on_error":"abort"`, undone)
	f(`,"on_error":"abort","dry_run":true`, undone)
	f(`,"on_error":"abort","update_existing":true`, "1 skipped import_failed, 2 skipped import_failed 200, 3 skipped import_failed"+failed)

	// The same of jobs.
	g := func(more string, status string, created, skipped string) {
		t.Helper()
		c := newHouse(t)
		c.json(`{"rows":[{"name":"Old","domain":"c7.example"}]}`).wantSaid(t, "before", "200 completed 1+0+0+0=1")
		body := strings.Replace(jsonRows(600, `,"results":true`+more), "c599.example", "none", 1)
		d := c.ended(c.json(body).importData(t).JobID)
		if string(d.Status) != status {
			t.Fatalf("%s: %s", more, told(d))
		}
		all := c.results(d)
		if len(all) != 600 {
			t.Fatalf("%s: %d results", more, len(all))
		}
		if got, want := c.outcomes([]engine.RowResult{all[0], all[7], all[599]}), created+", "+skipped+", 600 failed invalid_domain"; got != want {
			t.Errorf("%s: %s\nwant %s", more, got, want)
		}
	}
	g("", "completed", "1 created 200", "8 skipped duplicate 200")
	g(`,"dry_run":true`, "completed", "1 created", "8 skipped duplicate 200")
	for _, more := range []string{"", `,"dry_run":true`} {
		g(`,"max_errors":0`+more, "failed", "1 skipped import_failed", "8 skipped duplicate 200")
	}
	g(`,"max_errors":1`, "completed", "1 created 200", "8 skipped duplicate 200")
}
