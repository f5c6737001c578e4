package host

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/engine"
)

var modelSeed = flag.Uint64("model.seed", 0, "seed of TestModel; 0: a new one")

// modelTest is a run of random requests beside the reference.
type modelTest struct {
	*house
	r     *rand.Rand
	model model
	step  int
}

// Random imports in every form, edits and deletes: each answer and the whole
// export afterwards are what a plain reference says.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-model.seed %d", seed)
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data = "127.0.0.1:0", "", t.TempDir()
	ts := serve(t, cfg)
	ts.http = &http.Client{Transport: &http.Transport{}}
	m := &modelTest{house: ts.house("acme"), r: rand.New(rand.NewPCG(seed, 0))}
	for began := time.Now(); m.step < 120 && time.Since(began) < 20*time.Second; m.step++ {
		switch n := m.r.IntN(20); {
		case n < 11:
			m.importSome(1+m.r.IntN(30), 25)
		case n == 11:
			m.importSome(501+m.r.IntN(300), 700)
		case n < 14:
			m.create()
		case n < 18:
			m.patch()
		default:
			m.remove()
		}
		stored := readModel(t, m.get("/v1/companies/export?format=ndjson").body)
		if err := m.model.compare(stored); err != nil {
			t.Fatalf("step %d: %v", m.step, err)
		}
		m.model = stored
	}
}

// send sends an import, compressed or chunked as it falls out.
func (m *modelTest) send(in *modelImport, more ...string) reply {
	m.t.Helper()
	body, headers := in.body, append(slices.Clone(in.headers), more...)
	if coding := pick(m.r, []string{"", "gzip", "zstd"}); coding != "" {
		body, headers = compressed(m.t, coding, body), append(headers, "Content-Encoding: "+coding)
	}
	var from io.Reader = strings.NewReader(body)
	if m.r.IntN(2) == 0 {
		from = struct{ io.Reader }{from} // of unknown length, and so chunked
	}
	req, err := http.NewRequest("POST", "http://"+m.Addr()+importPath+in.query, from)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+m.token)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := m.http.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return reply{resp, b}
}

func (m *modelTest) importSome(n, wide int) {
	m.t.Helper()
	in := randomImport(m.t, m.r, n, wide)
	next, want := m.model.run(in.rows, in.options)
	key := fmt.Sprintf("Idempotency-Key: step-%d", m.step)
	r := m.send(in, key)
	d, errs := m.outcomeOf(r, n)
	if got := (modelReport{created: int(d.CreatedCount), updated: int(d.UpdatedCount), skipped: int(d.SkippedCount), failed: int(d.FailedCount)}); got.created != want.created ||
		got.updated != want.updated || got.skipped != want.skipped || got.failed != want.failed || int(d.RowCount) != n || (d.Status == engine.Failed) != want.refused {
		m.fail(in, "answer %s, want %d+%d+%d+%d=%d, refused %t", told(d), want.created, want.updated, want.skipped, want.failed, n, want.refused)
	}
	if got := errorsOf(d.Errors); !slices.Equal(got, want.errors[:min(len(want.errors), engine.MaxInlineErrors)]) {
		m.fail(in, "errors\n%q, want\n%q", got, want.errors)
	}
	if !slices.Equal(errs, want.errors) {
		m.fail(in, "the report's errors\n%q, want\n%q", errs, want.errors)
	}
	if in.results {
		m.checkResults(in, d, want)
	}
	m.model = next
	// Sent again it changes nothing, and what was done is answered again.
	if again := m.send(in, key); r.StatusCode < 300 && !in.options.dryRun && (again.StatusCode != r.StatusCode || string(again.body) != string(r.body) ||
		again.Header.Get("Idempotent-Replayed") != "true") {
		m.fail(in, "again %d %s", again.StatusCode, again.body)
	}
}

// outcomeOf follows an import to its end: its data, and every error of its report.
func (m *modelTest) outcomeOf(r reply, n int) (d engine.Data, errs []string) {
	m.t.Helper()
	switch {
	case r.StatusCode == 422:
		raw, err := json.Marshal(r.fault(m.t).Details)
		if err != nil {
			m.t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			m.t.Fatal(err)
		}
	case r.StatusCode == 200 && n <= 500 || r.StatusCode == 202 && n > 500:
		d = r.importData(m.t)
	default:
		m.t.Fatalf("step %d: %d %.500s", m.step, r.StatusCode, r.body)
	}
	if n > 500 {
		d = m.ended(d.JobID)
	}
	var all []engine.RowError
	for line := range strings.Lines(string(m.get(d.ErrorsURL).body)) {
		var e engine.RowError
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			m.t.Fatal(err)
		}
		all = append(all, e)
	}
	return d, errorsOf(all)
}

func errorsOf(errs []engine.RowError) (all []string) {
	for _, e := range errs {
		all = append(all, fmt.Sprintf("%d %s %s", e.RowNumber, e.Column, e.Code))
	}
	return all
}

// checkResults compares what became of each row, and of which company.
func (m *modelTest) checkResults(in *modelImport, d engine.Data, want modelReport) {
	m.t.Helper()
	results := m.results(d)
	if d.Results != nil && len(d.Results) != len(results) {
		m.fail(in, "%d results inline, %d kept", len(d.Results), len(results))
	}
	if len(results) != len(want.outcomes) {
		m.fail(in, "%d results, want %d", len(results), len(want.outcomes))
	}
	undone := want.refused || in.options.dryRun
	ids := map[*modelCompany]string{} // of companies that this import made
	for i, r := range results {
		got := r.Outcome
		if r.Code != nil {
			got += " " + string(*r.Code)
		}
		company, id := want.companies[i], ""
		if r.ID != nil {
			id = *r.ID
		}
		if got != want.outcomes[i] || r.RowNumber != uint64(i+1) {
			m.fail(in, "row %d: %s, want %s", r.RowNumber, got, want.outcomes[i])
		}
		switch {
		case company == nil || company.id == "" && undone:
			if id != "" {
				m.fail(in, "row %d has the id %s of nothing", i+1, id)
			}
		case company.id != "":
			if id != company.id {
				m.fail(in, "row %d has the id %s, want %s", i+1, id, company.id)
			}
		case ids[company] == "":
			ids[company] = id
		case ids[company] != id:
			m.fail(in, "row %d has the id %s, want %s", i+1, id, ids[company])
		}
	}
	for c, id := range ids {
		c.id = id
		c.created = m.createdOf(id)
	}
}

func (m *modelTest) createdOf(id string) string {
	m.t.Helper()
	var answer struct {
		Data struct {
			Created string `json:"created_date"`
		}
	}
	m.get("/v1/companies/"+id).decode(m.t, &answer)
	return answer.Data.Created
}

// fail ends the test with the import that went wrong.
func (m *modelTest) fail(in *modelImport, format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("step %d, %s of %d rows %q: %s\n%.3000s", m.step, in.form, len(in.rows), in.said, fmt.Sprintf(format, args...), in.body)
}

// create posts one company.
func (m *modelTest) create() {
	m.t.Helper()
	c := &modelCompany{text: map[string]string{"name": pick(m.r, texts)}, custom: map[string]string{}}
	body := map[string]any{"name": c.text["name"]}
	if m.r.IntN(3) > 0 {
		body["domain"] = randomDomain(m.r, 40)
	}
	sent, _ := body["domain"].(string)
	domain, valid := normalDomain(sent)
	raw, _ := json.Marshal(body)
	r := m.post("/v1/companies", string(raw))
	switch there := m.model.byDomain(domain); {
	case sent != "" && !valid:
		r.want(m.t, 400, "validation_error")
	case there != nil:
		r.want(m.t, 409, "conflict")
		if got := r.fault(m.t).Details["id"]; got != there.id {
			m.t.Fatalf("step %d: conflict with %v, want %s", m.step, got, there.id)
		}
	default:
		r.want(m.t, 201, "")
		if sent != "" {
			c.text["domain"] = domain
		}
		m.model = append(m.model, c)
	}
}

// patch changes one company.
func (m *modelTest) patch() {
	m.t.Helper()
	if len(m.model) == 0 {
		return
	}
	i := m.r.IntN(len(m.model))
	c := m.model[i].clone()
	body := map[string]any{}
	status := 200
	for _, f := range textFields {
		if m.r.IntN(3) > 0 {
			continue
		}
		switch m.r.IntN(4) {
		case 0:
			body[f] = pick(m.r, []any{nil, "", "  "})
			if f == "name" {
				status = 400
			}
			delete(c.text, f)
		default:
			v := pick(m.r, texts)
			if f == "domain" {
				v = randomDomain(m.r, 40)
				d, valid := normalDomain(v)
				if c.text[f] = d; !valid {
					status = 400
				}
			} else {
				c.text[f] = v
			}
			body[f] = v
		}
	}
	if m.r.IntN(3) == 0 {
		body["tags"] = []string{"p1", " p2", "p1"}
		c.tags = []string{"p1", "p2"}
	}
	if m.r.IntN(3) == 0 {
		body["custom"] = map[string]any{"k": nil, "p": 1.5, "L": pick(m.r, []any{"v", true})}
		raw, _ := json.Marshal(body["custom"].(map[string]any)["L"])
		delete(c.custom, "k")
		c.custom["p"], c.custom["L"] = "1.5", string(raw)
	}
	if there := m.model.byDomain(c.text["domain"]); status == 200 && there != nil && there.id != c.id {
		status = 409
	}
	raw, _ := json.Marshal(body)
	r := m.do("PATCH", "/v1/companies/"+c.id, m.token, string(raw))
	if r.StatusCode != status {
		m.t.Fatalf("step %d: PATCH %s: %d %s, want %d", m.step, raw, r.StatusCode, r.body, status)
	}
	if status == 200 {
		m.model[i] = c
	}
}

// remove deletes one company.
func (m *modelTest) remove() {
	m.t.Helper()
	if len(m.model) == 0 {
		return
	}
	i := m.r.IntN(len(m.model))
	m.do("DELETE", "/v1/companies/"+m.model[i].id, m.token, "").want(m.t, 204, "")
	m.model = slices.Delete(m.model, i, i+1)
}
