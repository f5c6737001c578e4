package host

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/storage/table"
)

// companyJSON is a company as a client reads it.
type companyJSON struct {
	ID          string         `json:"id"`
	Name        *string        `json:"name"`
	Domain      *string        `json:"domain"`
	Industry    *string        `json:"industry"`
	Tags        []string       `json:"tags"`
	Custom      map[string]any `json:"custom"`
	CreatedDate string         `json:"created_date"`
	UpdatedDate string         `json:"updated_date"`
}

// tenant is a server and a key of one tenant.
type tenant struct {
	*testServer
	token string
}

func (ts *testServer) tenant(name string) tenant {
	return tenant{ts, ts.key(name, ReadCompanies, WriteCompanies)}
}

func (c tenant) create(body string) companyJSON {
	c.tb.Helper()
	r := c.do("POST", "/v1/companies", c.token, body)
	r.want(c.tb, 201, "")
	var answer struct{ Data companyJSON }
	r.decode(c.tb, &answer)
	if got, want := r.Header.Get("Location"), "/v1/companies/"+answer.Data.ID; got != want {
		c.tb.Fatalf("Location %q, want %q", got, want)
	}
	return answer.Data
}

// Rule 2.20: what is sent comes back, absent fields as null; domain is
// normalised, text is kept as sent.
func TestCreateCompany(t *testing.T) {
	c := startServer(t).tenant("acme")
	r := c.do("POST", "/v1/companies", c.token, `{
		"name": " Acme \"Corp\"\n", "domain": "HTTPS://user:pw@WWW.Acme.com:443/a?b#c", "industry": "Legal",
		"website": "https://acme.com", "linkedin_url": "l", "size": "201-500", "city": "Zürich", "country": " ",
		"phone": null, "tags": [" a ", "b", "a", ""], "custom": {"z": "x", "n": 1.50, "b": true, "none": null, "blank": " "}}`)
	r.want(t, 201, "")
	var answer map[string]map[string]any
	r.decode(t, &answer)
	got := answer["data"]
	id := got["id"].(string)
	delete(got, "id")
	for _, f := range []string{"created_date", "updated_date"} {
		if s := got[f].(string); len(s) != len("2026-01-02T15:04:05.000Z") || !strings.HasSuffix(s, "Z") {
			t.Fatalf("%s is %q", f, s)
		}
		delete(got, f)
	}
	want := map[string]any{
		"name": " Acme \"Corp\"\n", "domain": "acme.com", "industry": "Legal", "website": "https://acme.com",
		"linkedin_url": "l", "size": "201-500", "city": "Zürich", "country": nil, "phone": nil, "description": nil,
		"tags": []any{"a", "b"}, "custom": map[string]any{"z": "x", "n": 1.5, "b": true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if !strings.Contains(string(r.body), `"n":1.50`) {
		t.Fatalf("the number is not as written: %s", r.body)
	}
	again := c.do("GET", "/v1/companies/"+id, c.token, "")
	again.want(t, 200, "")
	if string(again.body) != string(r.body) {
		t.Fatalf("got %s, created %s", again.body, r.body)
	}
}

// Rule 2.21: a domain that is there is a 409 that names its company.
func TestCreateConflict(t *testing.T) {
	c := startServer(t).tenant("acme")
	first := c.create(`{"name":"a","domain":"a.com"}`)
	c.create(`{"name":"none"}`)
	c.create(`{"name":"none"}`)
	r := c.do("POST", "/v1/companies", c.token, `{"name":"b","domain":"www.A.com."}`)
	r.want(t, 409, "conflict")
	var answer struct {
		Error struct{ Details struct{ ID string } }
	}
	r.decode(t, &answer)
	if answer.Error.Details.ID != first.ID {
		t.Fatalf("details.id %q, want %q", answer.Error.Details.ID, first.ID)
	}
}

// Rule 2.22: what is wrong with a body is a 400 that names each field.
func TestCreateRefused(t *testing.T) {
	c := startServer(t).tenant("acme")
	f := func(body, message, fields string) {
		t.Helper()
		r := c.do("POST", "/v1/companies", c.token, body)
		r.want(t, 400, "validation_error")
		if got := r.message(t); got != message {
			t.Errorf("message %q, want %q", got, message)
		}
		var answer struct {
			Error struct {
				Details struct{ Fields []fieldError }
			}
		}
		r.decode(t, &answer)
		var list []string
		for _, e := range answer.Error.Details.Fields {
			list = append(list, e.Field+" "+string(e.Code))
		}
		if got := strings.Join(list, ", "); got != fields {
			t.Errorf("fields %q, want %q", got, fields)
		}
	}
	long := func(n int) string { return strings.Repeat("x", n) }
	f(`[]`, "the body is not a JSON object", "")
	f(`null`, "the body is not a JSON object", "")
	f(` `, "the body is empty; send a JSON object", "")
	f(`{"name":"a"`, "the body is not valid JSON: unexpected end of JSON input", "")
	f(`{"name":"a"} {}`, "the body is not valid JSON: invalid character '{' after top-level value", "")
	f(`{}`, "name: is required", "name required")
	f(`{"name":null}`, "name: must not be blank", "name required")
	f(`{"name":" \t"}`, "name: must not be blank", "name required")
	f(`{"name":1}`, "name: must be a string", "name invalid_type")
	f(`{"name":"a","nmae":"b","id":"c"}`, "id: unknown field; nmae: unknown field", "id validation_error, nmae validation_error")
	f(`{"name":"`+long(256)+`"}`, "name: has 256 bytes; at most 255 are allowed", "name too_long")
	f(`{"name":"a","domain":"localhost"}`, `domain: "localhost" is no domain; a host name of two labels or more is needed`, "domain invalid_domain")
	f(`{"name":"a","website":"`+long(2049)+`","linkedin_url":"`+long(2049)+`","description":"`+long(65536)+`","city":"`+long(256)+`"}`,
		"website: has 2049 bytes; at most 2048 are allowed; linkedin_url: has 2049 bytes; at most 2048 are allowed; "+
			"city: has 256 bytes; at most 255 are allowed; description: has 65536 bytes; at most 65535 are allowed",
		"website too_long, linkedin_url too_long, city too_long, description too_long")
	f("{\"name\":\"a\xff\"}", "name: is not valid UTF-8", "name invalid_encoding")
	f(`{"name":"a\ud800"}`, "name: is not valid UTF-8", "name invalid_encoding")
	f(`{"name":"a","tags":"x"}`, "tags: must be an array of strings", "tags invalid_type")
	f(`{"name":"a","tags":["x",1]}`, "tags[1]: must be a string", "tags[1] invalid_type")
	f(`{"name":"a","tags":["`+long(256)+`"]}`, "tags[0]: has 256 bytes; at most 255 are allowed", "tags[0] too_long")
	f(`{"name":"a","tags":[`+list(101, `"t%d"`)+`]}`, "tags: has 101 tags; at most 100 are allowed", "tags too_long")
	f(`{"name":"a","custom":{`+list(101, `"k%d":1`)+`}}`, "custom: has 101 fields; at most 100 are allowed", "custom too_long")
	f(`{"name":"a","custom":[]}`, "custom: must be an object of strings, numbers, booleans and null", "custom invalid_type")
	f(`{"name":"a","custom":{"x":{}}}`, "custom.x: must be a string, a number, a boolean or null", "custom.x invalid_type")
	f(`{"name":"a","custom":{"x":"`+long(256)+`"}}`, "custom.x: has 256 bytes; at most 255 are allowed", "custom.x too_long")
	f(`{"name":"a","custom":{" ":"b"}}`, "custom: has a blank name", "custom invalid_type")

	// What is within the limits is taken.
	c.create(`{"name":"` + long(255) + `","description":"` + long(65535) + `","tags":[` + list(100, `"t%d"`) + `],"custom":{` + list(100, `"k%d":1`) + `}}`)
	c.create(`{"name":"a\ufffd�"}`)
}

func list(n int, format string) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf(format, i))
	}
	return strings.Join(parts, ",")
}

// Rule 2.23: PATCH changes what it names: null or blank clears, tags replaces,
// custom merges; a name can't be cleared.
func TestPatchCompany(t *testing.T) {
	c := startServer(t).tenant("acme")
	made := c.create(`{"name":"a","domain":"a.com","industry":"Law","tags":["x","y"],"custom":{"k":1,"l":"m"}}`)
	other := c.create(`{"name":"b","domain":"b.com"}`)
	patch := func(body string) companyJSON {
		t.Helper()
		r := c.do("PATCH", "/v1/companies/"+made.ID, c.token, body)
		r.want(t, 200, "")
		var answer struct{ Data companyJSON }
		r.decode(t, &answer)
		return answer.Data
	}
	got := patch(`{"industry":null,"tags":["z"],"custom":{"k":null,"n":2}}`)
	if got.Industry != nil || *got.Name != "a" || *got.Domain != "a.com" || got.ID != made.ID || got.CreatedDate != made.CreatedDate {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff([]string{"z"}, got.Tags); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff(map[string]any{"l": "m", "n": 2.0}, got.Custom); diff != "" {
		t.Fatal(diff)
	}
	if got = patch(`{"domain":" ","tags":null}`); got.Domain != nil || len(got.Tags) != 0 || len(got.Custom) != 2 {
		t.Fatalf("%+v", got)
	}
	if got = patch(`{"custom":null}`); len(got.Custom) != 0 {
		t.Fatalf("%+v", got)
	}
	patch(`{}`)
	c.do("PATCH", "/v1/companies/"+made.ID, c.token, `{"name":null}`).want(t, 400, "validation_error")
	c.do("PATCH", "/v1/companies/"+made.ID, c.token, `{"name":" "}`).want(t, 400, "validation_error")
	c.do("PATCH", "/v1/companies/"+made.ID, c.token, `{"created_date":"x"}`).want(t, 400, "validation_error")
	r := c.do("PATCH", "/v1/companies/"+made.ID, c.token, `{"domain":"b.com"}`)
	r.want(t, 409, "conflict")
	if !strings.Contains(string(r.body), other.ID) {
		t.Fatalf("%s does not name %s", r.body, other.ID)
	}
	c.do("PATCH", "/v1/companies/00000000-0000-0000-0000-00000000ffff", c.token, `{}`).want(t, 404, "not_found")
}

// Rule 2.24: DELETE is a 204, once; another tenant's ids do not exist.
func TestDeleteCompany(t *testing.T) {
	ts := startServer(t)
	c, stranger := ts.tenant("acme"), ts.tenant("other")
	path := "/v1/companies/" + c.create(`{"name":"a","domain":"a.com"}`).ID
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		body := ""
		if method == "PATCH" {
			body = "{}"
		}
		stranger.do(method, path, stranger.token, body).want(t, 404, "not_found")
	}
	r := c.do("DELETE", path, c.token, "")
	r.want(t, 204, "")
	if len(r.body) > 0 || r.Header.Get("Content-Type") != "" {
		t.Fatalf("204 with %q, %q", r.Header.Get("Content-Type"), r.body)
	}
	c.do("DELETE", path, c.token, "").want(t, 404, "not_found")
	c.do("GET", path, c.token, "").want(t, 404, "not_found")
	c.create(`{"name":"a","domain":"a.com"}`)
	for _, id := range []string{"x", "{" + strings.Repeat("0", 36) + "}", "urn:uuid:00000000-0000-0000-0000-000000000001",
		"00000000000000000000000000000001", "00000000-0000-0000-0000-00000000000A", "00000000-0000-0000-0000-00000000000g"} {
		c.do("GET", "/v1/companies/"+url.PathEscape(id), c.token, "").want(t, 404, "not_found")
	}
}

// Rule 2.100: a UUID in a path is read whatever its case; answers have it in lower
// case.
func TestIDsIgnoreCase(t *testing.T) {
	c := startServer(t).tenant("acme")
	made := c.create(`{"name":"a"}`)
	path := "/v1/companies/" + strings.ToUpper(made.ID)
	var answer struct{ Data companyJSON }
	r := c.do("GET", path, c.token, "")
	r.want(t, 200, "")
	if r.decode(t, &answer); answer.Data.ID != made.ID {
		t.Fatalf("id %q, want %q", answer.Data.ID, made.ID)
	}
	r = c.do("PATCH", path, c.token, `{"city":"x"}`)
	r.want(t, 200, "")
	if r.decode(t, &answer); answer.Data.ID != made.ID {
		t.Fatalf("id %q, want %q", answer.Data.ID, made.ID)
	}
	c.do("DELETE", path, c.token, "").want(t, 204, "")
	c.do("GET", "/v1/companies/"+made.ID, c.token, "").want(t, 404, "not_found")
}

// page is an answer to a list.
type page struct {
	Data []companyJSON
	Meta struct {
		Page       *int    `json:"page"`
		PerPage    int     `json:"per_page"`
		Total      *int    `json:"total"`
		NextCursor *string `json:"next_cursor"`
	}
}

func (c tenant) list(query string) page {
	c.tb.Helper()
	r := c.do("GET", "/v1/companies"+query, c.token, "")
	r.want(c.tb, 200, "")
	var p page
	r.decode(c.tb, &p)
	return p
}

func (p page) names() string {
	var names []string
	for _, c := range p.Data {
		names = append(names, *c.Name)
	}
	return strings.Join(names, " ")
}

// Rule 2.25: lists have page and per_page, a total, and a cursor whose null ends.
func TestListCompanies(t *testing.T) {
	c := startServer(t).tenant("acme")
	if p := c.list(""); p.names() != "" || *p.Meta.Total != 0 || p.Meta.NextCursor != nil || p.Data == nil {
		t.Fatalf("%+v", p)
	}
	for i := range 5 {
		c.create(fmt.Sprintf(`{"name":"c%d","domain":"c%d.com","industry":"i%d","tags":["t","t%d"]}`, i, i, i%2, i%2))
	}
	f := func(query, names string, total int, more bool) {
		t.Helper()
		p := c.list(query)
		if p.names() != names || p.Meta.Total == nil || *p.Meta.Total != total || (p.Meta.NextCursor != nil) != more {
			t.Errorf("%s: %q, %+v", query, p.names(), p.Meta)
		}
	}
	f("", "c0 c1 c2 c3 c4", 5, false)
	f("?per_page=2", "c0 c1", 5, true)
	f("?per_page=2&page=2", "c2 c3", 5, true)
	f("?per_page=2&page=3", "c4", 5, false)
	f("?per_page=5", "c0 c1 c2 c3 c4", 5, false)
	f("?page=7", "", 5, false)
	f("?domain=https://www.C3.com/x", "c3", 1, false)
	f("?domain=nowhere.com", "", 0, false)
	f("?domain=nodomain", "", 0, false)
	f("?domain=c3.com&industry=i0", "", 0, false)
	f("?domain=c3.com&industry=i1", "c3", 1, false)
	f("?search=C", "c0 c1 c2 c3 c4", 5, false)
	f("?search=3", "c3", 1, false)
	f("?industry=i0", "c0 c2 c4", 3, false)
	f("?industry=i0&per_page=2", "c0 c2", 3, true)
	f("?industry=i0&per_page=2&page=2", "c4", 3, false)
	f("?industry=I0", "", 0, false)
	f("?tag=t1", "c1 c3", 2, false)
	f("?tag=t&industry=i1&search=c1", "c1", 1, false)

	for _, query := range []string{"?per_page=2", "?tag=t&per_page=2"} {
		var names []string
		next := query
		for {
			p := c.list(next)
			names = append(names, p.names())
			if p.Meta.NextCursor == nil {
				break
			}
			if *p.Meta.Total != 5 {
				t.Fatalf("%s: total %d", next, *p.Meta.Total)
			}
			next = query + "&cursor=" + *p.Meta.NextCursor
		}
		if got := strings.Join(names, "|"); got != "c0 c1|c2 c3|c4" {
			t.Fatalf("%s: %q", query, got)
		}
	}
	p := c.list("?per_page=2&page=2")
	if *p.Meta.Page != 2 || p.Meta.PerPage != 2 {
		t.Fatalf("%+v", p.Meta)
	}
	if p = c.list("?cursor=" + *p.Meta.NextCursor); p.Meta.Page != nil || p.Meta.PerPage != 50 {
		t.Fatalf("%+v", p.Meta)
	}
}

// Rule 2.26: bad paging is a 400.
func TestBadPaging(t *testing.T) {
	c := startServer(t).tenant("acme")
	f := func(query, message string) {
		t.Helper()
		r := c.do("GET", "/v1/companies"+query, c.token, "")
		r.want(t, 400, "validation_error")
		if got := r.message(t); got != message {
			t.Errorf("%s: %q, want %q", query, got, message)
		}
	}
	for _, bad := range []string{"0", "-1", "101", "x", "", "1.5", "99999999999999999999"} {
		f("?per_page="+bad, "per_page: must be a whole number from 1 to 100")
	}
	f("?page=0", "page: must be a whole number from 1 to 1099511627776")
	f("?cursor=x", "cursor: is not one that an answer gave")
	f("?cursor=", "cursor: is not one that an answer gave")
	f("?page=1&cursor="+table.Cursor{}.String(), "page: can't be given together with cursor")
	f("?page=1&page=2", "page: is given twice")
	f("?perpage=1", "perpage: unknown parameter")
}

// Rule 2.27: a cursor walk gives unchanged companies once, changed ones at
// least once.
func TestCursorWalkWhileChanging(t *testing.T) {
	c := startServer(t).tenant("acme")
	var made []companyJSON
	for i := range 6 {
		made = append(made, c.create(fmt.Sprintf(`{"name":"c%d"}`, i)))
	}
	seen := map[string]int{}
	next := "?per_page=2"
	for {
		p := c.list(next)
		for _, got := range p.Data {
			seen[got.ID]++
		}
		if p.Meta.NextCursor == nil {
			break
		}
		if len(seen) == 2 {
			c.do("PATCH", "/v1/companies/"+made[0].ID, c.token, `{"city":"x"}`).want(t, 200, "")
			c.do("PATCH", "/v1/companies/"+made[3].ID, c.token, `{"city":"x"}`).want(t, 200, "")
			c.do("DELETE", "/v1/companies/"+made[4].ID, c.token, "").want(t, 204, "")
		}
		next = "?per_page=2&cursor=" + *p.Meta.NextCursor
	}
	for i, want := range []int{2, 1, 1, 1, 0, 1} {
		if got := seen[made[i].ID]; got != want {
			t.Errorf("c%d seen %d times, want %d", i, got, want)
		}
	}
}

// Rule 2.28: the export streams every company as CSV or NDJSON.
func TestExportCompanies(t *testing.T) {
	c := startServer(t).tenant("acme")
	for i := range 300 {
		c.create(fmt.Sprintf(`{"name":"=c%d, \"q\"\n","domain":"c%d.com","tags":["a","b"],"custom":{"k":%d}}`, i, i, i))
	}
	r := c.do("GET", "/v1/companies/export", c.token, "")
	r.want(t, 200, "")
	if got := r.Header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
		t.Fatalf("Content-Type %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(string(r.body))).ReadAll()
	if err != nil || len(rows) != 301 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := []string{"id", "name", "domain", "industry", "website", "linkedin_url", "size", "city", "country", "phone",
		"description", "tags", "custom", "created_date", "updated_date"}
	if diff := cmp.Diff(want, rows[0]); diff != "" {
		t.Fatal(diff)
	}
	if row := rows[8]; row[1] != "=c7, \"q\"\n" || row[2] != "c7.com" || row[11] != "a;b" || row[12] != `{"k":7}` {
		t.Fatalf("%q", row)
	}
	r = c.do("GET", "/v1/companies/export?format=ndjson", c.token, "")
	r.want(t, 200, "")
	lines := strings.Split(strings.TrimSuffix(string(r.body), "\n"), "\n")
	var first companyJSON
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 300 || *first.Domain != "c0.com" {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	if r.Header.Get("Content-Type") != "application/x-ndjson" || r.Header.Get("X-RateLimit-Limit") == "" {
		t.Fatalf("%v", r.Header)
	}
	c.do("GET", "/v1/companies/export?format=xml", c.token, "").want(t, 400, "validation_error")
}
