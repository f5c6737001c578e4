package cli

import (
	"fmt"
	"strings"
	"testing"

	"sluice/engine"
)

// many makes a file of n companies, a bad one among them.
func many(n int, prefix string) string {
	var s strings.Builder
	s.WriteString("Company,Domain\n")
	for i := range n {
		domain := fmt.Sprintf("%s%d.example", prefix, i)
		if i == 7 {
			domain = "bad"
		}
		fmt.Fprintf(&s, "Company %d,%s\n", i, domain)
	}
	return s.String()
}

func TestJobs(t *testing.T) {
	s := startServer(t)
	s.run("jobs", "list").want(t, exitDone, "JOB", "ACCEPTED")

	queued := decode[engine.Data](t, s.run("import", writeFile(t, "a.csv", many(1000, "a")), "--detach", "--json").want(t, exitDone))
	id := queued.JobID
	if queued.Status.Ended() || !strings.HasPrefix(id, "imp_co_") {
		t.Fatalf("%+v", queued)
	}
	s.run("jobs", "watch", id).want(t, exitRowsFailed, "completed", "created 999", "failed 1")
	s.run("jobs", "show", id).want(t, exitDone, id+" completed")
	if d := decode[engine.Data](t, s.run("jobs", "show", id, "--json")); d.CreatedCount != 999 || d.JobID != id {
		t.Errorf("%+v", d)
	}
	s.run("jobs", "list").want(t, exitDone, id, "completed", "999")
	if list := decode[[]engine.Data](t, s.run("jobs", "list", "--limit", "1", "--json")); len(list) != 1 || list[0].JobID != id {
		t.Errorf("%+v", list)
	}
	const wrong = `"bad" is no domain; a host name of two labels or more is needed`
	if r := s.run("jobs", "errors", id).want(t, exitDone); r.stdout != "row 8 (line 9), Domain: invalid_domain: "+wrong+"\n" {
		t.Errorf("%q", r.stdout)
	}
	if e := decode[engine.RowError](t, s.run("jobs", "errors", id, "--json")); e.RowNumber != 8 || e.Code != "invalid_domain" {
		t.Errorf("%+v", e)
	}
	s.run("jobs", "errors", id, "--csv").want(t, exitDone, "Company,Domain,_error_code,_error_message\nCompany 7,bad,invalid_domain,")
	s.run("jobs", "errors", id, "--spreadsheet").want(t, exitDone, "Company,Domain,_error_code,_error_message\nCompany 7,bad,invalid_domain,")
	s.run("jobs", "cancel", id).want(t, exitNotDone, "sluice: conflict: ")
	s.run("jobs", "show", "imp_co_nope").want(t, exitNotDone, "sluice: not_found: ")
	s.run("jobs", "watch", "imp_co_nope").want(t, exitNotDone, "sluice: not_found: ")
}

// TestJobsCancel cancels a job that waits for its turn behind a larger one.
func TestJobsCancel(t *testing.T) {
	s := startServer(t)
	first := decode[engine.Data](t, s.run("import", writeFile(t, "a.csv", many(200_000, "a")), "--detach", "--json"))
	second := decode[engine.Data](t, s.run("import", writeFile(t, "b.csv", many(1000, "b")), "--detach", "--json"))
	s.run("jobs", "cancel", second.JobID).want(t, exitDone, second.JobID+" canceled", "created 0")
	s.run("jobs", "watch", second.JobID).want(t, exitNotDone, "canceled")
	s.run("jobs", "watch", first.JobID, "--json").want(t, exitRowsFailed)
}
