package torture

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// The model applies rows one by one, as the contract has it.
func TestApply(t *testing.T) {
	s := state{}
	n, failed := s.apply([]row{
		{Name: "A", Domain: "a.example", City: "Ulm", Country: "Germany"},
		{Name: "A again", Domain: "a.example", City: "Bonn"},
		{Name: "Bad", Domain: badDomain},
		{Domain: "b.example"},
		{Name: "None"},
	}, false, []string{"x"}, true)
	if want := (counts{Created: 2, Skipped: 1, Failed: 2, Rows: 5, Records: 5}); n != want || !slices.Equal(failed, []uint64{3, 4}) {
		t.Fatalf("%+v %v, want %+v", n, failed, want)
	}
	n, failed = s.apply([]row{{Domain: "a.example", Industry: "Food"}, {Name: "None"}}, true, []string{"w"}, false)
	if want := (counts{Updated: 1, Created: 1, Rows: 2, Records: 2}); n != want || failed != nil {
		t.Fatalf("%+v %v, want %+v", n, failed, want)
	}
	want := state{
		"a.example": {Name: "A", Domain: "a.example", City: "Ulm", Country: "DE", Industry: "Food", Tags: "w,x,"},
		"name:None": {Name: "None", Tags: "w,"},
	}
	if d := want.diff(s); d != "" {
		t.Fatal(d)
	}
}

func TestDiff(t *testing.T) {
	a := company{ID: "1", Name: "A", Domain: "a.example"}
	f := func(want, got state, says string) {
		t.Helper()
		if d := want.diff(got); !strings.HasPrefix(d, says) || (says == "") != (d == "") {
			t.Errorf("%q, want %q", d, says)
		}
	}
	unknown, moved := a, a
	unknown.ID, moved.ID = "", "2"
	f(state{"a.example": a}, state{"a.example": a}, "")
	f(state{"a.example": unknown}, state{"a.example": a}, "")
	f(state{"a.example": a}, state{"a.example": moved}, "got {ID:2")
	f(state{"a.example": a}, state{}, "missing {ID:1")
	f(state{}, state{"a.example": a}, "not expected {ID:1")
}

// fake is a server that answers each path with what it is given.
func fake(t *testing.T, answers map[string]string, replayed bool) *server {
	t.Helper()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what is sent does not matter
		body, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		if replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		_, _ = io.WriteString(w, body) // to a client that is there
	}))
	t.Cleanup(h.Close)
	s := newServer(h.URL, &stats{})
	t.Cleanup(s.ended)
	return s
}

func newLane() *lane {
	return &lane{name: "t0l0", domains: 10, maxRows: 10, rng: rand.New(rand.NewPCG(1, 1)), stats: &stats{}, state: state{}}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

const stored1 = `{"id":"1","name":"A","domain":"c1.t0l0.example","tags":[]}` + "\n"

// A server that loses, doubles or changes something is found out.
func TestViolations(t *testing.T) {
	ctx := context.Background()
	const export = "GET /v1/companies/export"
	tenants := func() *tenant { return &tenant{name: "t0", lanes: []*lane{newLane()}} }
	_, err := tenants().export(ctx, fake(t, map[string]string{export: stored1 + stored1}, false))
	wantError(t, err, "tenant t0 has a company twice")
	_, err = tenants().export(ctx, fake(t, map[string]string{export: stored1 + strings.Replace(stored1, "c1", "c2", 1)}, false))
	wantError(t, err, "tenant t0 has an id twice")
	_, err = tenants().export(ctx, fake(t, map[string]string{export: strings.Replace(stored1, "t0l0", "t1l0", 1)}, false))
	wantError(t, err, "tenant t0 has a company of nobody")
	got, err := tenants().export(ctx, fake(t, map[string]string{export: stored1}, false))
	if err != nil || len(got["t0l0"]) != 1 {
		t.Fatal(got, err)
	}

	nobody := fake(t, nil, false)
	wantError(t, newLane().resolve(ctx, nobody, got["t0l0"]), "what is stored is none of the possible outcomes")
	l := newLane()
	l.open = &unanswered{what: "POST", outcomes: []outcome{{name: "not applied", after: state{}}, {name: "applied", after: got["t0l0"], applied: true}}}
	if err := l.resolve(ctx, nobody, got["t0l0"]); err != nil || l.stats.applied.Load() != 1 || len(l.state) != 1 {
		t.Fatal(err)
	}
	l.open = &unanswered{what: "POST", outcomes: []outcome{{name: "not applied", after: state{}}}}
	wantError(t, l.resolve(ctx, nobody, got["t0l0"]), "not expected {ID:1")

	l = newLane()
	l.ended = []done{{"j", "completed", counts{Created: 2}}}
	wantError(t, l.recall(ctx, nobody), "GET /v1/import/jobs/j: 404")
	told := fake(t, map[string]string{"GET /v1/import/jobs/j": `{"data":{"job_id":"j","status":"completed","created_count":1}}`}, false)
	wantError(t, l.recall(ctx, told), "import j is told as completed")

	l = newLane()
	l.stored = []kept{{request{method: "POST", path: "/v1/import/companies", key: "k"}, 200, []byte("first")}}
	post := map[string]string{"POST /v1/import/companies": "first"}
	wantError(t, l.recall(ctx, fake(t, post, false)), "key k replays (false)")
	wantError(t, l.recall(ctx, fake(t, map[string]string{"POST /v1/import/companies": "other"}, true)), "key k replays (true)")
	if err := l.recall(ctx, fake(t, post, true)); err != nil {
		t.Fatal(err)
	}
}

// A retry is carried out if and only if the first attempt was not.
func TestRetry(t *testing.T) {
	im := &importing{request: request{method: "POST", path: "/v1/import/companies", key: "k"}, plugin: "none",
		rows: []row{{Name: "A", Domain: "c1.t0l0.example"}}}
	answer := map[string]string{"POST /v1/import/companies": `{"data":{"job_id":"j","status":"completed","created_count":1,"row_count":1,"record_count":1}}`}
	f := func(applied, replayed bool, want string) {
		t.Helper()
		l := newLane()
		open := &unanswered{what: "import", im: im, outcomes: l.outcomes(im)}
		fits := open.outcomes[:1]
		if applied {
			fits = open.outcomes[1:2]
			l.state = fits[0].after
		}
		err := l.retry(context.Background(), fake(t, answer, replayed), open, fits)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("applied %v, replayed %v: %v, want %q", applied, replayed, err, want)
		}
		if d := open.outcomes[1].after.diff(l.state); want == "" && d != "" {
			t.Errorf("applied %v, replayed %v: %s", applied, replayed, d)
		}
	}
	f(false, false, "")
	f(true, true, "")
	f(false, true, "import: it was applied: false; its retry is a replay: true")
	f(true, false, "import: it was applied: true; its retry is a replay: false")
}

// Imports of every form say the same to the server as to the model.
func TestCheckAnswer(t *testing.T) {
	want := result{whole: true, counts: counts{Created: 1, Failed: 1, Rows: 2, Records: 2}, failed: []uint64{2}}
	f := func(change func(*answered), says string) {
		t.Helper()
		a := &answered{ID: "j", Status: "completed", counts: want.counts}
		a.Errors = append(a.Errors, struct {
			Row uint64 `json:"row_number"`
		}{2})
		change(a)
		err := a.check(want)
		if got := fmt.Sprint(err); got != says {
			t.Errorf("%s, want %s", got, says)
		}
	}
	f(func(*answered) {}, "<nil>")
	f(func(a *answered) { a.Created = 2 }, "import j is completed with {Created:2 Updated:0 Skipped:0 Failed:1 Rows:2 Records:2}; want {Created:1 Updated:0 Skipped:0 Failed:1 Rows:2 Records:2}")
	f(func(a *answered) { a.Errors[0].Row = 1 }, "import j: rows [1] failed; want [2]")
	f(func(a *answered) { a.Errors = nil }, "import j: rows [] failed; want [2]")
}
