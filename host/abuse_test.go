package host

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"sluice/engine"
)

// operation is one of openapi.yaml, so that a new one can't be forgotten here.
type operation struct {
	method, path string
	params       []string // names in the path
	media        string   // of its body; empty: none
}

func operations(t *testing.T) (all []operation) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]yaml.RawMessage
	}
	if err := yaml.Unmarshal(openapiYAML, &doc); err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var body struct {
				RequestBody struct {
					Content map[string]any `yaml:"content"`
				} `yaml:"requestBody"`
			}
			// Only the body is looked at; anchors of other parts are not known here.
			if err := yaml.Unmarshal(withoutAliases(raw), &body); err != nil {
				t.Fatalf("%s %s: %v", method, path, err)
			}
			op := operation{method: strings.ToUpper(method), path: path}
			for media := range body.RequestBody.Content {
				if op.media == "" || media < op.media {
					op.media = media
				}
			}
			for _, segment := range strings.Split(path, "/") {
				if strings.HasPrefix(segment, "{") {
					op.params = append(op.params, strings.Trim(segment, "{}"))
				}
			}
			all = append(all, op)
		}
	}
	if len(all) < 30 {
		t.Fatalf("%d operations were read", len(all))
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

// withoutAliases makes a part of a document readable by itself.
func withoutAliases(raw []byte) []byte {
	var kept []byte
	for line := range bytes.Lines(raw) {
		if !bytes.Contains(line, []byte(": *")) {
			kept = append(kept, line...)
		}
	}
	return kept
}

// at is the path with its parameters.
func (op operation) at(values map[string]string) string {
	path := op.path
	for _, name := range op.params {
		path = strings.Replace(path, "{"+name+"}", values[name], 1)
	}
	return path
}

// public operations need no key, and openapi.yaml says so of no others.
var publicPaths = []string{"/healthz", "/readyz", "/openapi.json"}

// Abuse 3.1: in every operation of the contract another tenant's ids are answered
// as ids that never were, to the byte, and nothing happens to what they name.
func TestAbuseForeignIDs(t *testing.T) {
	ts := startServer(t, func(c *Config) { c.PluginCompileTime = time.Minute })
	a, b := ts.house("acme"), ts.house("other")
	company := strings.TrimPrefix(a.post("/v1/companies", `{"name":"A","domain":"a.example"}`).Header.Get("Location"), "/v1/companies/")
	job := a.csv("results=true", rows(600)+"x,bad\n").importData(t).JobID
	a.ended(job)
	a.push("mine", cleaner(t))
	keyID := dataOf[struct{ ID string }](t, ts.do("POST", "/v1/admin/keys", ts.admin, `{"tenant":"acme","scopes":["read:companies"]}`)).ID
	before := a.stored()
	tried := 0
	for _, op := range operations(t) {
		if len(op.params) == 0 {
			continue
		}
		var real, none map[string]string
		status := 404
		switch {
		case strings.HasPrefix(op.path, "/v1/companies/"):
			real, none = map[string]string{"id": company}, map[string]string{"id": "00000000-0000-8000-8000-000000000000"}
		case strings.HasPrefix(op.path, "/v1/import/jobs/"):
			real, none = map[string]string{"id": job}, map[string]string{"id": "imp_co_01M8765XSD6TM7Q51NRC7FVPY7"}
		case strings.HasPrefix(op.path, "/v1/plugins/"):
			real, none = map[string]string{"name": "mine", "v": "1"}, map[string]string{"name": "none", "v": "1"}
		case strings.HasPrefix(op.path, "/v1/admin/"):
			real, none, status = map[string]string{"id": keyID}, map[string]string{"id": "none"}, 403
		default:
			t.Errorf("%s %s: no id is known that could be another tenant's", op.method, op.path)
			continue
		}
		body, headers := "", []string{}
		if op.media != "" {
			body, headers = `{"name":"stolen"}`, append(headers, "Content-Type: "+op.media)
		}
		own := b.do(op.method, op.at(real), b.token, body, headers...)
		absent := b.do(op.method, op.at(none), b.token, body, headers...)
		if own.StatusCode != status || absent.StatusCode != status || strings.ReplaceAll(string(own.body), "mine", "none") != string(absent.body) {
			t.Errorf("%s %s: %d %s, and of none %d %s", op.method, op.path, own.StatusCode, own.body, absent.StatusCode, absent.body)
		}
		tried++
	}
	if tried < 15 {
		t.Errorf("only %d operations have ids", tried)
	}
	if a.stored() != before || b.stored() != "" {
		t.Errorf("stored %q and %q", a.stored(), b.stored())
	}
	a.get("/v1/plugins/mine/versions/1").want(t, 200, "")
	ts.do("GET", "/v1/admin/keys/"+keyID, ts.admin, "").want(t, 200, "")
}

// Abuse 3.2: a scope opens the operations that it is named for, and no others; an
// operation of the contract that needs none is listed here.
func TestAbuseScopes(t *testing.T) {
	ts := startServer(t)
	tokens := map[Scope]string{}
	for _, scope := range Scopes() {
		tokens[scope] = ts.key("acme", scope)
	}
	ids := map[string]string{"id": "none", "name": "none", "v": "1"}
	// Jobs are also read by the key that made them: any key is let in, and told 403
	// by what it looks for.
	for _, op := range operations(t) {
		var opens []Scope
		path := op.at(ids)
		headers := []string{}
		if op.media != "" {
			headers = append(headers, "Content-Type: "+op.media)
		}
		if got := ts.do(op.method, path, "", "", headers...).StatusCode; (got == 401) == slices.Contains(publicPaths, op.path) {
			t.Errorf("%s %s: %d without a key", op.method, op.path, got)
		}
		for _, scope := range Scopes() {
			c := ts.do(op.method, path, tokens[scope], "", headers...)
			if c.StatusCode == 401 || c.StatusCode >= 500 {
				t.Errorf("%s %s with %s: %d", op.method, op.path, scope, c.StatusCode)
			}
			if c.StatusCode != 403 {
				opens = append(opens, scope)
			}
		}
		want := scopesOf(op)
		if cancels := op.method == "DELETE" && strings.HasPrefix(op.path, "/v1/import/jobs/"); cancels {
			want = nil // write:companies, and then the job must be this key's or readable
		}
		if !slices.Equal(opens, want) {
			t.Errorf("%s %s is open to %v, want %v", op.method, op.path, opens, want)
		}
	}
}

// scopesOf are the scopes that open an operation.
func scopesOf(op operation) []Scope {
	reads := op.method == "GET"
	switch {
	case slices.Contains(publicPaths, op.path):
		return Scopes()
	case strings.HasPrefix(op.path, "/v1/admin/"):
		return []Scope{Admin}
	case strings.HasPrefix(op.path, "/v1/import/jobs"):
		return []Scope{ReadImports}
	case strings.HasPrefix(op.path, "/v1/plugins") && (reads || strings.HasSuffix(op.path, "/test")):
		return []Scope{ReadPlugins}
	case strings.HasPrefix(op.path, "/v1/plugins"):
		return []Scope{WritePlugins}
	case reads:
		return []Scope{ReadCompanies}
	}
	return []Scope{WriteCompanies}
}

// Abuse 3.3: a cursor that another tenant was given shows nothing of it.
func TestAbuseForeignCursors(t *testing.T) {
	ts := startServer(t)
	a, b := ts.house("acme"), ts.house("other")
	for i := range 3 {
		a.post("/v1/companies", fmt.Sprintf(`{"name":"secret %d"}`, i)).want(t, 201, "")
		a.json(`{"rows":[]}`).want(t, 200, "")
	}
	for _, path := range []string{"/v1/companies", "/v1/import/jobs"} {
		var page struct {
			Meta struct {
				NextCursor string `json:"next_cursor"`
			}
		}
		a.get(path+"?per_page=1").decode(t, &page)
		if page.Meta.NextCursor == "" {
			t.Fatalf("%s gave no cursor", path)
		}
		r := b.get(path + "?per_page=1&cursor=" + page.Meta.NextCursor)
		if r.StatusCode != 400 && (r.StatusCode != 200 || !strings.Contains(string(r.body), `"data":[]`)) {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
}

// Abuse 3.18: answers that wait for a job are bounded; one more is answered at
// once, and other requests go on.
func TestAbuseWaits(t *testing.T) {
	s := startIdleImports(t)
	s.waits = newSlots(2, 3)
	waiting := make(chan reply)
	for range 2 {
		go func() { waiting <- s.post(rows(600), "Content-Type: text/csv", "Prefer: wait=60") }()
	}
	for s.waits.held() < 2 {
		time.Sleep(time.Millisecond)
	}
	r := s.post(rows(600), "Content-Type: text/csv", "Prefer: wait=60")
	if r.StatusCode != 202 || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	s.post(`{"rows":[{"name":"A"}]}`).want(t, 200, "")
	var jobs struct{ Data []engine.Data }
	s.do("GET", "/v1/import/jobs", s.key, "").decode(t, &jobs)
	for _, job := range jobs.Data {
		if !job.Status.Ended() {
			s.do("DELETE", jobPath(job.JobID), s.key, "").want(t, 200, "")
		}
	}
	for range 2 {
		<-waiting
	}
	if n := s.waits.held(); n != 0 {
		t.Errorf("%d waits are held", n)
	}
}
