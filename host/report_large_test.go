package host

import (
	"encoding/base64"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/plugins/plugintest"
)

// A report that is larger than a commit of the store may be is kept all the same,
// of imports that change no companies too.
func TestLargeReports(t *testing.T) {
	c := newHouse(t)
	rnd := rand.New(rand.NewSource(1))
	var b strings.Builder
	b.WriteString("name,domain,note\n")
	noise := make([]byte, 30<<10)
	for i := range 300 {
		rnd.Read(noise)
		fmt.Fprintf(&b, "n%d,none,%s\n", i, base64.StdEncoding.EncodeToString(noise))
	}
	f := func(what, query string, want int) {
		t.Helper()
		r := c.csv(query, b.String(), "Prefer: wait=60")
		var d engine.Data
		if r.StatusCode != want {
			t.Errorf("%s: %d %.300s", what, r.StatusCode, r.body)
			return
		}
		if want < 400 {
			d = r.importData(t)
		} else {
			d.JobID, d.FailedCount = r.fault(t).Details["job_id"].(string), uint64(r.fault(t).Details["failed_count"].(float64))
		}
		errs := c.get(jobPath(d.JobID) + "/errors").body
		if d.FailedCount != 300 || strings.Count(string(errs), "\n") != 300 {
			t.Errorf("%s: %d rows failed, %d are reported", what, d.FailedCount, strings.Count(string(errs), "\n"))
		}
		if csv := c.get(jobPath(d.JobID) + "/errors?format=csv").body; len(csv) < b.Len() {
			t.Errorf("%s: a CSV of %d bytes for %d", what, len(csv), b.Len())
		}
	}
	f("dry run", "dry_run=true", 200)
	f("limit", "on_error=abort", 422)
	f("dry run with a limit", "dry_run=true&on_error=abort", 422)
	f("real run", "", 200)
}

// A row's cells are reported once, however many of its records fail.
func TestReportOfManyRecords(t *testing.T) {
	c := newPluginHouse(t)
	c.use("many", plugintest.Guest{Answer: `{"columns":["domain"],"input":["domain"]}`, Process: `
		i32.const 0x800 i32.const 100 i32.store 0
		i32.const 0x804 i32.const 0x1000 i32.store 0
		i32.const 0x808 i32.const 0x1400 i32.store 0
		i32.const 0x800`}.Bytes())
	noise := make([]byte, 700<<10)
	rand.New(rand.NewSource(1)).Read(noise)
	row := "x.com," + base64.StdEncoding.EncodeToString(noise) + "\n"
	for _, query := range []string{"", "dry_run=true", "on_error=abort"} {
		r := c.csv(query, "domain,note\n"+row, "Prefer: wait=60")
		var id string
		switch {
		case r.StatusCode == 200 && query != "on_error=abort":
			d := r.importData(t)
			if id = d.JobID; d.FailedCount != 100 || d.RowCount != 1 {
				t.Errorf("%s: %s", query, told(d))
			}
		case r.StatusCode == 422 && query == "on_error=abort":
			id, _ = r.fault(t).Details["job_id"].(string)
		default:
			t.Errorf("%s: %d %.300s", query, r.StatusCode, r.body)
			continue
		}
		if n := strings.Count(string(c.get(jobPath(id)+"/errors").body), "\n"); n != 100 {
			t.Errorf("%s: %d errors are reported", query, n)
		}
		if csv := c.get(jobPath(id) + "/errors?format=csv").body; strings.Count(string(csv), strings.TrimSpace(row)) != 1 {
			t.Errorf("%s: a CSV of %d bytes for %d", query, len(csv), len(row))
		}
	}
}
