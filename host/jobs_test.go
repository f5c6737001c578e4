package host

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/engine/fault"
)

// Rule 2.91: a list, the newest first, paged like companies.
func TestListJobs(t *testing.T) {
	s := startImports(t)
	var want []string
	for range 5 {
		want = append([]string{s.post(`{"rows":[{"name":"A"}]}`).importData(t).JobID}, want...)
	}
	page := func(query string) (ids []string, meta jobsMeta) {
		t.Helper()
		r := s.do("GET", "/v1/import/jobs"+query, s.key, "")
		var v struct {
			Data []engine.Data
			Meta jobsMeta
		}
		if err := json.Unmarshal(r.body, &v); err != nil || r.StatusCode != 200 || v.Data == nil {
			t.Fatalf("%d %s", r.StatusCode, r.body)
		}
		for _, d := range v.Data {
			ids = append(ids, d.JobID)
		}
		return ids, v.Meta
	}
	ids, meta := page("")
	if fmt.Sprint(ids) != fmt.Sprint(want) || *meta.Page != 1 || meta.PerPage != 50 || meta.NextCursor != nil {
		t.Fatalf("%v %+v, want %v", ids, meta, want)
	}
	var walked []string
	for query := "?per_page=2"; query != ""; {
		ids, meta := page(query)
		walked = append(walked, ids...)
		query = ""
		if meta.NextCursor != nil {
			query = "?per_page=2&cursor=" + url.QueryEscape(*meta.NextCursor)
		}
	}
	if fmt.Sprint(walked) != fmt.Sprint(want) {
		t.Fatalf("%v, want %v", walked, want)
	}
	if ids, meta := page("?per_page=2&page=3"); fmt.Sprint(ids) != fmt.Sprint(want[4:]) || *meta.Page != 3 {
		t.Fatalf("%v %+v", ids, meta)
	}
	if ids, _ := page("?per_page=2&page=4"); len(ids) != 0 {
		t.Fatalf("%v", ids)
	}
	globex := s.testServer.key("globex", ReadImports)
	if r := s.do("GET", "/v1/import/jobs", globex, ""); string(r.body) != `{"data":[],"meta":{"page":1,"per_page":50,"total":null,"next_cursor":null}}`+"\n" {
		t.Fatalf("another tenant sees %s", r.body)
	}
	for _, query := range []string{"?page=0", "?page=x", "?per_page=101", "?per_page=0", "?cursor=", "?cursor=x", "?cursor=" + ids[0] + "&page=1", "?limit=1", "?page=1&page=1", "?page=1001"} {
		if r := s.do("GET", "/v1/import/jobs"+query, s.key, ""); r.StatusCode != 400 {
			t.Fatalf("%s: %d %s", query, r.StatusCode, r.body)
		}
	}
}

// Rule 2.18: an import is read with read:imports, or with the key that made
// it; another tenant's id does not exist.
func TestJobAccess(t *testing.T) {
	s := startImports(t)
	maker := s.testServer.key("acme", WriteCompanies)
	id := s.do("POST", importPath, maker, `{"rows":[{"name":"A","domain":"bad"}],"results":true}`).importData(t).JobID
	f := func(who, token string, status int, id string) {
		t.Helper()
		for _, path := range []string{"", "/errors", "/errors?format=csv", "/results", "/events"} {
			r := s.do("GET", jobPath(id)+path, token, "")
			if r.StatusCode != status {
				t.Fatalf("%s %s: %d %s", who, path, r.StatusCode, r.body)
			}
			if status != 200 && strings.Contains(string(r.body), id) {
				t.Fatalf("%s %s tells the id: %s", who, path, r.body)
			}
		}
	}
	f("maker", maker, 200, id)
	f("reader", s.testServer.key("acme", ReadImports), 200, id)
	f("writer", s.testServer.key("acme", WriteCompanies), 403, id)
	f("other tenant", s.testServer.key("globex", ReadImports, WriteCompanies), 404, id)
	f("reader", s.key, 404, "imp_co_01HY1")
	f("reader", s.key, 404, "..%2f")
	f("maker", maker, 403, "imp_co_01JZZZZZZZZZZZZZZZZZZZZZZZ")
	if r := s.do("GET", "/v1/import/jobs", maker, ""); r.StatusCode != 403 {
		t.Fatalf("list: %d", r.StatusCode)
	}
	if r := s.do("DELETE", jobPath(id), s.testServer.key("acme", ReadImports), ""); r.StatusCode != 403 {
		t.Fatalf("cancel: %d", r.StatusCode)
	}
	if r := s.do("DELETE", jobPath(id), s.testServer.key("globex", WriteCompanies, ReadImports), ""); r.StatusCode != 404 {
		t.Fatalf("cancel: %d", r.StatusCode)
	}
	if r := s.do("GET", jobPath(id)+"/replay", s.key, ""); r.StatusCode != 404 {
		t.Fatalf("replay: %d", r.StatusCode)
	}
}

// Rule 2.92: DELETE cancels, 200 with the final data; one that ended is 409.
func TestCancelJob(t *testing.T) {
	s := startIdleImports(t)
	id := s.post(rows(600), "Content-Type: text/csv").importData(t).JobID
	r := s.do("DELETE", jobPath(id), s.key, "")
	d := r.importData(t)
	if r.StatusCode != 200 || d.Status != engine.Canceled || d.JobID != id || d.CreatedCount != 0 || d.Timings.EndedAt == nil {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	r = s.do("DELETE", jobPath(id), s.key, "")
	if e := r.fault(t); r.StatusCode != 409 || e.Code != fault.Conflict {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if s.spool.Files() != 0 {
		t.Fatal("its spool is left")
	}
}

// Rule 2.90: the error report as NDJSON, and as a CSV to fix and send again.
func TestJobErrors(t *testing.T) {
	s := startImports(t)
	body := "name;domain\nA;a.example\nB;bad\nC;c.example;more\n"
	id := s.post(body, "Content-Type: text/csv").importData(t).JobID
	r := s.do("GET", jobPath(id)+"/errors", s.key, "")
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != ndjsonType {
		t.Fatalf("%d %v", r.StatusCode, r.Header)
	}
	var codes []fault.Code
	for line := range strings.Lines(string(r.body)) {
		var e engine.RowError
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Message == "" {
			t.Fatalf("%q: %v", line, err)
		}
		codes = append(codes, e.Code)
	}
	if fmt.Sprint(codes) != "[invalid_domain column_count]" {
		t.Fatalf("%s", r.body)
	}
	r = s.do("GET", jobPath(id)+"/errors?format=csv", s.key, "")
	lines := strings.Split(string(r.body), "\n")
	if r.Header.Get("Content-Type") != "text/csv; charset=utf-8" || len(lines) != 4 || lines[0] != "name;domain;_column_3;_error_code;_error_message" ||
		!strings.HasPrefix(lines[1], "B;bad;;invalid_domain;") || !strings.HasPrefix(lines[2], "C;c.example;more;column_count;") {
		t.Fatalf("%v %s", r.Header, r.body)
	}
	if want := `attachment; filename="` + id + `-errors.csv"`; r.Header.Get("Content-Disposition") != want {
		t.Fatalf("%v", r.Header)
	}
	for _, query := range []string{"?format=xml", "?format=", "?form=csv"} {
		if r := s.do("GET", jobPath(id)+"/errors"+query, s.key, ""); r.StatusCode != 400 {
			t.Fatalf("%s: %d", query, r.StatusCode)
		}
	}
	if r := s.do("GET", jobPath(id)+"/errors?format=ndjson", s.key, ""); r.StatusCode != 200 {
		t.Fatalf("%d", r.StatusCode)
	}
	// In the encoding it was uploaded in.
	id = s.post("name,domain\nJos\xe9,bad\n", "Content-Type: text/csv").importData(t).JobID
	r = s.do("GET", jobPath(id)+"/errors?format=csv", s.key, "")
	if r.Header.Get("Content-Type") != "text/csv; charset=windows-1252" || !strings.Contains(string(r.body), "Jos\xe9,bad") {
		t.Fatalf("%v %q", r.Header, r.body)
	}
}

// Rule 2.66: results of every row, inline and as NDJSON.
func TestJobResults(t *testing.T) {
	s := startImports(t)
	r := s.post(`{"rows":[{"name":"A","domain":"a.example"},{"name":"B","domain":"a.example"},{"domain":"bad"}],"results":true}`)
	d := r.importData(t)
	r = s.do("GET", jobPath(d.JobID)+"/results", s.key, "")
	var outcomes []string
	for line := range strings.Lines(string(r.body)) {
		var v engine.RowResult
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, v.Outcome)
	}
	if len(d.Results) != 3 || r.Header.Get("Content-Type") != ndjsonType || fmt.Sprint(outcomes) != "[created skipped failed]" {
		t.Fatalf("%s", r.body)
	}
	id := s.post(`{"rows":[{"name":"A"}]}`).importData(t).JobID
	if r := s.do("GET", jobPath(id)+"/results", s.key, ""); r.StatusCode != 404 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	if r := s.do("GET", jobPath(id)+"/results?format=csv", s.key, ""); r.StatusCode != 400 {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
}
