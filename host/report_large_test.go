package host

import (
	"encoding/base64"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"sluice/engine"
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
