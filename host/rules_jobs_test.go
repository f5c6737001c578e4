package host

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sluice/engine"
)

// Rule 2.56: 500 rows are imported before the answer, one more makes a job; a
// stream's 501st row decides, in every form.
func TestSyncOrJob(t *testing.T) {
	f := func(n int, send func(c *house) reply) {
		t.Helper()
		c := newHouse(t)
		r := send(c)
		d := r.importData(t)
		if n <= 500 {
			r.wantSaid(t, "sync", fmt.Sprintf("200 completed %d+0+0+0=%[1]d", n))
			if r.Header.Get("Location") != "" || r.Header.Get("Retry-After") != "" {
				t.Errorf("%v", r.Header)
			}
		} else {
			r.wantSaid(t, "job", "202 queued 0+0+0+0=0")
			if r.Header.Get("Location") != jobPath(d.JobID) || r.Header.Get("Retry-After") == "" {
				t.Errorf("%v", r.Header)
			}
		}
		if !strings.HasPrefix(d.JobID, "imp_co_") {
			t.Errorf("job_id %q", d.JobID)
		}
		end := c.ended(d.JobID)
		if end.CreatedCount != uint64(n) || end.Progress == nil || end.Progress.BytesRead != end.Progress.BytesTotal || end.Progress.BytesTotal == 0 {
			t.Errorf("%s %+v", told(end), end.Progress)
		}
	}
	for _, n := range []int{1, 499, 500, 501, 502, 1000} {
		f(n, func(c *house) reply { return c.json(jsonRows(n, "")) })
		f(n, func(c *house) reply { return c.csv("", rows(n)) })
	}
	text, err := json.Marshal(rows(501))
	if err != nil {
		t.Fatal(err)
	}
	f(501, func(c *house) reply { return c.json(`{"csv":` + string(text) + `}`) })
	lines := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(jsonRows(501, ""), `{"rows":[`), `]}`), "},{", "}\n{")
	f(501, func(c *house) reply { return c.ndjson("", lines) })
	// Empty lines are no rows; failed and skipped ones are.
	c := newHouse(t)
	c.csv("", strings.ReplaceAll(rows(500), "\n", "\n\n")).wantSaid(t, "empty lines", "200 completed 500+0+0+0=500")
	c.csv("", rows(500)+"x,y,z\n").wantSaid(t, "a bad 501st", "202 queued 0+0+0+0=0")
}

// Rule 2.76: past max_errors failed rows nothing is applied, and created,
// updated and skipped are 0; abort is a limit of 0.
func TestMaxErrors(t *testing.T) {
	const body = `{"rows":[{"name":"A","domain":"a.example"},{"domain":"b.example"},{"name":"C","domain":"old.example"},{"domain":"d.example"}]`
	f := func(options string, applied bool) {
		t.Helper()
		c := newHouse(t)
		c.json(`{"rows":[{"name":"Old","domain":"old.example"}]}`)
		r := c.json(body + options + "}")
		if applied {
			r.wantSaid(t, options, "200 completed 1+0+1+2=4 [2 name required] [4 name required]")
			return
		}
		r.want(t, 422, "import_failed")
		d := r.fault(t).Details
		for field, want := range map[string]any{"status": "failed", "created_count": 0.0, "updated_count": 0.0, "skipped_count": 0.0,
			"failed_count": 2.0, "row_count": 4.0, "record_count": 4.0} {
			if d[field] != want {
				t.Errorf("%s: %s is %v, want %v", options, field, d[field], want)
			}
		}
		if n := len(d["errors"].([]any)); n != 2 {
			t.Errorf("%s: %d errors", options, n)
		}
		c.wantStored("domain=old.example name=Old")
		end := c.ended(d["job_id"].(string))
		if end.Status != engine.Failed || end.Failure == nil || end.Failure.Code != "import_failed" {
			t.Errorf("%s: %s %v", options, told(end), end.Failure)
		}
	}
	f(``, true)
	f(`,"max_errors":2`, true)
	f(`,"max_errors":3,"on_error":"skip"`, true)
	f(`,"max_errors":1`, false)
	f(`,"max_errors":0`, false)
	f(`,"on_error":"abort"`, false)
	f(`,"on_error":"abort","max_errors":100`, false)
	f(`,"max_errors":1,"dry_run":true`, false)
}

// Rule 2.77: a job with a limit judges itself first: it applies all or nothing.
func TestJobJudgesItself(t *testing.T) {
	bad := strings.Replace(rows(1500), "c1499.example", "bad", 1)
	f := func(query string, status engine.State, want string, stored int) {
		t.Helper()
		c := newHouse(t)
		d := c.ended(c.csv(query, bad).importData(t).JobID)
		if d.Status != status || told(d) != want {
			t.Errorf("%s: %s, want %s", query, told(d), want)
		}
		if n := strings.Count(c.stored(), "\n"); n != stored {
			t.Errorf("%s: %d companies", query, n)
		}
	}
	f("on_error=abort", engine.Failed, "failed 0+0+0+1=1500 [1500:1501 domain invalid_domain]", 0)
	f("max_errors=1", engine.Completed, "completed 1499+0+0+1=1500 [1500:1501 domain invalid_domain]", 1499)
	f("", engine.Completed, "completed 1499+0+0+1=1500 [1500:1501 domain invalid_domain]", 1499)
	c := newHouse(t)
	r := c.csv("on_error=abort", bad, "Prefer: wait=60")
	r.want(t, 422, "import_failed")
	if d := r.fault(t).Details; d["failed_count"] != 1.0 || d["created_count"] != 0.0 {
		t.Errorf("%s", r.body)
	}
}

// Rule 2.78: a dry run counts what the real run does, at any size, and changes
// nothing.
func TestDryRun(t *testing.T) {
	for _, n := range []int{30, 2000} {
		var b strings.Builder
		b.WriteString("name,domain,city\n")
		for i := range n {
			switch i % 5 {
			case 0:
				fmt.Fprintf(&b, "N%d,d%d.example,x\n", i, i)
			case 1:
				fmt.Fprintf(&b, "M%d,d%d.example,y\n", i, i-1) // meets the row before
			case 2:
				fmt.Fprintf(&b, ",d%d.example,y\n", i) // no name
			case 3:
				fmt.Fprintf(&b, "O%d,old.example,y\n", i)
			default:
				b.WriteString("P,bad,z\n")
			}
		}
		for _, update := range []string{"", "&update_existing=true"} {
			c := newHouse(t)
			c.json(`{"rows":[{"name":"Old","domain":"old.example"}]}`)
			before := c.stored()
			dry := c.ended(c.csv("dry_run=true"+update, b.String()).importData(t).JobID)
			if !dry.DryRun || dry.Status != engine.Completed {
				t.Fatalf("%+v", dry)
			}
			if c.stored() != before {
				t.Fatal("a dry run changed the companies")
			}
			real := c.ended(c.csv("dry_run=false"+update, b.String()).importData(t).JobID)
			if told(dry) != told(real) {
				t.Errorf("%d rows%s:\n dry %s\nreal %s", n, update, told(dry), told(real))
			}
		}
	}
}

// Rule 2.96: a tenant's jobs run one by one as they were accepted, and its other
// writes go between their batches.
func TestJobsOfATenant(t *testing.T) {
	c := newHouse(t)
	var ids []string
	for i := range 4 {
		body := strings.ReplaceAll(rows(20_000), ".example", fmt.Sprintf(".j%d", i))
		ids = append(ids, c.csv("", body).importData(t).JobID)
	}
	for i := 0; ; i++ {
		c.post("/v1/companies", fmt.Sprintf(`{"name":"between","domain":"between%d.example"}`, i)).want(t, 201, "")
		if c.get(jobPath(ids[3])).importData(t).Status.Ended() {
			break
		}
	}
	var before engine.Data
	for i, id := range ids {
		d := c.ended(id)
		if d.CreatedCount != 20_000 {
			t.Errorf("%s", told(d))
		}
		if i > 0 && d.Timings.StartedAt.Before(*before.Timings.EndedAt) {
			t.Errorf("job %d began at %v, the one before ended at %v", i, d.Timings.StartedAt, before.Timings.EndedAt)
		}
		before = d
	}
}

// Rule 2.97: past its limit the report goes on without cells, and says from
// which row on.
func TestReportLimit(t *testing.T) {
	c := newHouse(t, func(cfg *Config) { cfg.MaxReportBytes = 100_000 })
	body := "name,domain\n" + strings.Repeat("N,"+strings.Repeat("bad", 80)+"\n", 20_000)
	var noisy strings.Builder
	for i, line := range strings.SplitAfter(body, "\n") {
		if i == 0 {
			noisy.WriteString(line)
		} else if line != "" {
			fmt.Fprintf(&noisy, "%x%s", uint64(i)*0x9E3779B97F4A7C15, line)
		}
	}
	d := c.ended(c.csv("", noisy.String()).importData(t).JobID)
	if d.FailedCount != 20_000 || d.ReportCutFrom == 0 || d.ReportCutFrom > 20_000 {
		t.Fatalf("%d failed, cut from row %d", d.FailedCount, d.ReportCutFrom)
	}
	lines := strings.Split(string(c.get(d.ErrorsURL+"?format=csv").body), "\n")
	whole, cut := lines[d.ReportCutFrom-1], lines[d.ReportCutFrom]
	says := fmt.Sprintf("; row %d; from row %[1]d on the report is full, and cells were not kept (--max-report-bytes)", d.ReportCutFrom)
	if !strings.Contains(whole, "bad,invalid_domain,") || strings.Contains(whole, "not kept") {
		t.Errorf("the row before: %s", whole)
	}
	if !strings.HasPrefix(cut, ",,invalid_domain,") || !strings.Contains(cut, says) {
		t.Errorf("the first row without cells: %s", cut)
	}
}

// Rule 2.62: data has its fields in every form, and they are of their types.
func TestData(t *testing.T) {
	c := newHouse(t)
	f := func(r reply, more ...string) {
		t.Helper()
		var answer struct{ Data map[string]json.RawMessage }
		r.decode(t, &answer)
		for _, name := range append([]string{"job_id", "status", "created_count", "updated_count", "skipped_count", "errors", "row_count",
			"record_count", "failed_count", "ignored_columns", "dialect", "plugin", "errors_url", "timings"}, more...) {
			if _, ok := answer.Data[name]; !ok {
				t.Errorf("no %s in %s", name, r.body)
			}
		}
		for _, list := range []string{"errors", "ignored_columns"} {
			if answer.Data[list][0] != '[' {
				t.Errorf("%s is %s", list, answer.Data[list])
			}
		}
	}
	f(c.json(`{"rows":[]}`))
	f(c.json(`{"rows":[{"name":"A"}],"results":true}`), "results")
	queued := c.csv("", rows(600))
	f(queued)
	id := queued.importData(t).JobID
	c.ended(id)
	f(c.get(jobPath(id)), "progress")
	var list struct{ Data []map[string]any }
	c.get("/v1/import/jobs").decode(t, &list)
	if len(list.Data) != 3 || list.Data[0]["job_id"] != id {
		t.Errorf("%v", list.Data)
	}
}

// Rule 2.63: but for a rollback the counts add up to record_count.
func TestCountsAddUp(t *testing.T) {
	c := newHouse(t)
	body := "name,domain\nA,a.example\nB,a.example\nC,bad\n,x.example\nD,\nE,,\n"
	for _, query := range []string{"", "update_existing=true", "dry_run=true", "max_errors=3"} {
		d := c.csv(query, body).importData(t)
		if d.CreatedCount+d.UpdatedCount+d.SkippedCount+d.FailedCount != d.RecordCount || d.RecordCount != d.RowCount || d.RowCount != 6 {
			t.Errorf("%s: %s", query, told(d))
		}
	}
}
