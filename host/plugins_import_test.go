package host

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"sluice/engine"
	"sluice/plugins"
	"sluice/plugins/plugintest"
)

// gzipOf compresses a body.
func gzipOf(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// fileForm is one file as a form.
func fileForm(t testing.TB, file, body string, fields ...string) (form, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func TestPluginTrial(t *testing.T) {
	c := newPluginHouse(t)
	v := c.useChaos()
	const path = "/v1/plugins/chaos/versions/1/test"
	csv := "name,domain\nA,a.example\n!skip,s.example\n!reject,r.example\n!trap,t.example\n!twice,w.example\n!log,l.example\n"
	f := func(what, body string, headers ...string) {
		t.Helper()
		r := c.post(path, body, headers...)
		r.want(t, 200, "")
		d := dataOf[Trial](t, r)
		if d.Plugin != v.Info() || !reflect.DeepEqual(d.Columns, []string{"name", "domain"}) || d.RowCount != 6 || d.Truncated ||
			d.Fuel <= 0 || d.FuelPerRow <= 0 || d.RowsPerSecond <= 0 || d.LogDropped != 0 {
			t.Errorf("%s: %s", what, r.body)
		}
		var outputs []string
		for _, o := range d.Outputs {
			outputs = append(outputs, fmt.Sprint(o.RowNumber, o.Values["name"], o.Values["domain"]))
		}
		want := []string{"1Aa.example", "5!twicew.example", "5!twicew.example", "6!logl.example"}
		for i := range outputs {
			outputs[i] = strings.ReplaceAll(outputs[i], " ", "")
		}
		if !reflect.DeepEqual(outputs, want) {
			t.Errorf("%s: outputs %q, want %q", what, outputs, want)
		}
		if len(d.Errors) != 2 || d.Errors[0].Code != "chaos" || d.Errors[0].Column != "domain" || d.Errors[0].Message != "rejected, as told" ||
			d.Errors[1].Code != "plugin_trap" || d.Errors[1].RowNumber != 4 {
			t.Errorf("%s: errors %+v", what, d.Errors)
		}
		logged := false
		for _, l := range d.Log {
			logged = logged || l == plugins.LogLine{Level: "warn", Text: "logged, as told"}
		}
		if !logged {
			t.Errorf("%s: log %v", what, d.Log)
		}
	}
	ndjson := ""
	for i, line := range strings.Split(strings.TrimSpace(csv), "\n") {
		if name, domain, _ := strings.Cut(line, ","); i > 0 {
			ndjson += fmt.Sprintf(`{"name":%q,"domain":%q}`+"\n", name, domain)
		}
	}
	form, media := fileForm(t, "companies.csv", csv)
	f("rows", `{"rows":[`+strings.ReplaceAll(strings.TrimSpace(ndjson), "\n", ",")+`]}`)
	f("csv in JSON", fmt.Sprintf(`{"csv":%q}`, csv))
	f("csv", csv, "Content-Type: text/csv")
	f("ndjson", ndjson, "Content-Type: application/x-ndjson")
	f("form", form, "Content-Type: "+media)
	f("gzip", gzipOf(t, csv), "Content-Type: text/csv", "Content-Encoding: gzip")

	// Nothing is written, no job is there, and no key is kept.
	c.wantStored()
	if list := dataOf[[]any](t, c.get("/v1/import/jobs")); len(list) != 0 {
		t.Errorf("jobs %v", list)
	}
	// What is wrong is said as an import would.
	c.post(path, "name\n", "Content-Type: application/pdf").want(t, 415, "unsupported_media_type")
	c.post(path, `{"rows":[],"csv":""}`).want(t, 400, "validation_error")
	c.post(path, `{"rows":[{"name":"A"}],"plugin_config":{"open":"error"}}`).want(t, 422, "import_failed")
	c.post("/v1/plugins/chaos/versions/2/test", `{"rows":[{"name":"A"}]}`).want(t, 404, "not_found")
	if d := dataOf[Trial](t, c.post(path, rows(1500), "Content-Type: text/csv")); !d.Truncated || d.RowCount != 1000 {
		t.Errorf("a long file: %d rows, truncated %v", d.RowCount, d.Truncated)
	}
}

// The option `plugin`: absent, a name, a name and a version, null.
func TestPluginChoice(t *testing.T) {
	c := newPluginHouse(t)
	one := c.push("p", plugintest.Guest{Answer: `{"columns":["domain"],"input":["domain"]}`}.Bytes())
	two := c.useChaos()
	next := c.push("chaos", plugintest.Guest{Answer: `{"columns":["name"],"input":["name"]}`}.Bytes())
	f := func(option string, want *plugins.Version) {
		t.Helper()
		r := c.json(fmt.Sprintf(`{"rows":[{"name":"A","domain":"a.example"}],"dry_run":true%s}`, option))
		r.want(t, 200, "")
		got := r.importData(t).Plugin
		if want == nil {
			if got != nil || !bytes.Contains(r.body, []byte(`"plugin":null`)) {
				t.Errorf("%s: %s", option, r.body)
			}
			return
		}
		if got == nil || *got != (engine.PluginInfo{Name: want.Name, Version: want.Version, SHA256: want.SHA256}) {
			t.Errorf("%s: %+v, want %+v", option, got, want.Info())
		}
	}
	f("", &two)
	f(`,"plugin":"p"`, &one)
	f(`,"plugin":"chaos"`, &next)
	f(`,"plugin":"chaos@1"`, &two)
	f(`,"plugin":"chaos@2"`, &next)
	f(`,"plugin":null`, nil)
	for _, bad := range []string{`"none"`, `"chaos@3"`, `"chaos@0"`, `"chaos@"`, `"chaos@x"`, `"Chaos"`, `""`, `7`, `{}`, `"active"`} {
		r := c.json(`{"rows":[{"name":"A"}],"plugin":` + bad + `}`)
		r.wantSaid(t, bad, "400 validation_error plugin")
	}
	// In the query, an empty one is null.
	if d := c.csv("plugin=&dry_run=true", "name\nA\n").importData(t); d.Plugin != nil {
		t.Errorf("an empty plugin: %+v", d.Plugin)
	}
	if d := c.csv("plugin=chaos@1&dry_run=true", "name\nA\n").importData(t); d.Plugin == nil || d.Plugin.Version != 1 {
		t.Errorf("of a version: %+v", d.Plugin)
	}
	c.csv("plugin=none", "name\nA\n").wantSaid(t, "unknown, in the query", "400 validation_error plugin")
	form, media := fileForm(t, "a.csv", "name,domain\nA,a.example\n", "plugin=p", "dry_run=true")
	if d := c.post(importPath, form, "Content-Type: "+media).importData(t); d.Plugin == nil || d.Plugin.Name != "p" {
		t.Errorf("in a form: %+v", d.Plugin)
	}
	c.activate(`{"object":"companies","name":null}`).want(t, 200, "")
	f("", nil)
}

// What a guest does with each row, with the counts and results.
func TestPluginRows(t *testing.T) {
	c := newPluginHouse(t)
	c.useChaos()
	r := c.csv("results=true", "name,domain\nA,a.example\n!skip,s.example\n!reject,r.example\n!trap,t.example\n!twice,w.example\nB,nodomain\n")
	r.wantSaid(t, "rows", "200 completed 2+0+2+3=6 [3:4 domain chaos] [4:5 plugin_trap] [6:7 domain invalid_domain]")
	d := r.importData(t)
	if d.RecordCount != 7 {
		t.Errorf("record_count %d", d.RecordCount)
	}
	var got []string
	for _, o := range d.Results {
		s := fmt.Sprint(o.RowNumber, " ", o.Outcome)
		if o.Code != nil {
			s += " " + string(*o.Code)
		}
		got = append(got, s)
	}
	want := []string{"1 created", "2 skipped skipped_by_plugin", "3 failed chaos", "4 failed plugin_trap", "5 created", "5 skipped duplicate", "6 failed invalid_domain"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("results %q, want %q", got, want)
	}
	c.wantStored("domain=a.example name=A", "domain=w.example name=!twice")
	if list := rowErrorsOf(t, r); !strings.HasPrefix(list[1], "4  plugin_trap: the plugin trapped: unreachable in ") {
		t.Errorf("errors %q", list)
	}

	// A job: the same, and the trap's batch to take home.
	big := "name,domain\n" + strings.Repeat("!skip,\n", 600) + "!trap,x.example\nZ,z.example\n"
	r = c.csv("results=true", big)
	r.want(t, 202, "")
	id := r.importData(t).JobID
	d = c.ended(id)
	if told(d) != "completed 1+0+600+1=602 [601:602 plugin_trap]" || d.Plugin == nil || d.Plugin.Name != "chaos" {
		t.Errorf("job: %s %+v", told(d), d.Plugin)
	}
	if lines := bytes.Count(c.get(jobPath(id)+"/results").body, []byte(`"skipped_by_plugin"`)); lines != 600 {
		t.Errorf("%d results are skipped by the plugin", lines)
	}
	for _, job := range []string{id, dataOf[engine.Data](t, c.csv("", "name,domain\n!trap,t2.example\n")).JobID} {
		replay := c.get(jobPath(job) + "/replay")
		replay.want(t, 200, "")
		bundle, err := plugins.UnmarshalBundle(replay.body)
		if err != nil {
			t.Fatal(err)
		}
		if bundle.Plugin.Name != "chaos" || bundle.Trap != "unreachable" {
			t.Errorf("bundle %+v", bundle)
		}
		if rows, err := bundle.Rows(); err != nil || len(rows.Rows) != 1 {
			t.Errorf("the bundle's rows: %+v %v", rows, err)
		}
	}
	fine := c.csv("", "name,domain\nY,y.example\n").importData(t).JobID
	c.get(jobPath(fine)+"/replay").want(t, 404, "not_found")
	c.testServer.house("globex").get(jobPath(id)+"/replay").want(t, 404, "not_found")
}

func TestPluginConfigAndRefusal(t *testing.T) {
	c := newPluginHouse(t)
	c.useChaos()
	r := c.json(`{"rows":[{"name":"A","domain":"a.example"}],"plugin_config":{"process":"error"}}`)
	r.wantSaid(t, "errors by config", "200 completed 0+0+0+1=1 [1 chaos]")
	f := func(config, message string) {
		t.Helper()
		r := c.json(`{"rows":[{"name":"A","domain":"a.example"}],"plugin_config":` + config + `}`)
		r.want(t, 422, "import_failed")
		if !strings.Contains(r.message(t), message) {
			t.Errorf("%s: %q, want %q in it", config, r.message(t), message)
		}
		if r.fault(t).Details["status"] != "failed" {
			t.Errorf("%s: the details are no import: %s", config, r.body)
		}
		// The same as a job.
		job := c.csv("plugin_config="+config, rows(600))
		job.want(t, 202, "")
		d := c.ended(job.importData(t).JobID)
		if d.Status != engine.Failed || d.Failure == nil || d.Failure.Code != "import_failed" || !strings.Contains(d.Failure.Message, message) {
			t.Errorf("%s: job %+v %+v", config, d, d.Failure)
		}
		if d.CreatedCount+d.UpdatedCount+d.SkippedCount != 0 {
			t.Errorf("%s: %s", config, told(d))
		}
	}
	f(`{"open":"error"}`, "refused, as the config says")
	f(`{"open":"garbage"}`, "open's answer is not a JSON object")
	f(`{"open":"field"}`, `"nmae" is neither a field of a company`)
	f(`{"open":"trap"}`, "the plugin trapped while it was opened: unreachable")
	f(`{"open":"spin"}`, "the plugin trapped while it was opened: out of fuel")
	c.wantStored()

	// What goes wrong with all rows fails all rows, up to the limit of traps.
	for _, config := range []string{`{"process":"trap"}`, `{"process":"outside"}`, `{"process":"spin"}`, `{"alloc":"zero"}`,
		`{"alloc":"unaligned"}`, `{"alloc":"outside"}`, `{"alloc":"trap"}`, `{"alloc":"spin"}`} {
		c.json(`{"rows":[{"name":"A"},{"name":"B"}],"plugin_config":`+config+`}`).wantSaid(t, config, "200 completed 0+0+0+2=2 [1 plugin_trap] [2 plugin_trap]")
	}
	r = c.csv(`plugin_config={"process":"trap"}`, rows(101))
	r.want(t, 422, "import_failed")
	if !strings.Contains(r.message(t), "trapped on more than 100 rows") {
		t.Errorf("too many traps: %s", r.message(t))
	}
	c.json(`{"rows":[{"name":"Z","domain":"z.example"}]}`).wantSaid(t, "afterwards", "200 completed 1+0+0+0=1")
	// A config is an object, and what is in it nobody's business but the plugin's.
	for config, said := range map[string]string{`null`: "200 completed 0+0+0+0=0", `{"a":[{"b":null}]}`: "200 completed 0+0+0+0=0",
		`7`: "400 validation_error plugin_config", `"x"`: "400 validation_error plugin_config", `[]`: "400 validation_error plugin_config"} {
		c.json(`{"rows":[],"plugin_config":`+config+`}`).wantSaid(t, config, said)
	}
	c.csv("plugin_config={", "name\n").want(t, 400, "validation_error")
}

// A mapping stands before the plugin: it names what the guest sees.
func TestPluginBehindMapping(t *testing.T) {
	c := newPluginHouse(t)
	c.use("cleaner", cleaner(t))
	r := c.csv("", "Company,Website,Industry,Employees,City,Country\nAcme  GmbH ,https://www.Acme.example/about?x=1,Software,250,Köln,Deutschland\n")
	r.wantSaid(t, "as sent", "200 completed 1+0+0+0=1")
	c.wantStored("city=Köln country=DE domain=acme.example industry=Software name=Acme GmbH size=201-500 website=https://www.Acme.example/about?x=1")
	// The header means nothing to the guest, until it is mapped.
	r = c.csv(`mapping={"Firma":"name","Netz":"website","Land":"country"}`, "Firma,Netz,Land,Rest\n Bolt  Inc.,HTTP://Bolt.example:8080/,usa,x\n")
	r.wantSaid(t, "mapped", "200 completed 1+0+0+0=1")
	if got := c.stored(); !strings.Contains(got, "country=US domain=bolt.example name=Bolt Inc.") {
		t.Errorf("stored %s", got)
	}
	// Output is validated like any row, and its error is the guest's column's.
	c.useChaos()
	c.csv("", "name,domain\nX,localhost\n").wantSaid(t, "validated", "200 completed 0+0+0+1=1 [1:2 domain invalid_domain]")
}

// A job keeps the module that it began with, and a replay its answer.
func TestPluginPinned(t *testing.T) {
	c := newPluginHouse(t)
	v := c.useChaos()
	body := "name,domain\n" + strings.Repeat("!skip,\n", 40_000) + "A,a.example\n"
	first := c.csv("", body, "Idempotency-Key: one")
	first.want(t, 202, "")
	// While it waits or runs: another plugin, and the module's version is gone.
	c.use("other", plugintest.Guest{Answer: `{"error":"no"}`}.Bytes())
	c.do("DELETE", "/v1/plugins/chaos/versions/1", c.token, "").want(t, 204, "")
	d := c.ended(first.importData(t).JobID)
	if told(d) != "completed 1+0+40000+0=40001" || d.Plugin == nil || d.Plugin.SHA256 != v.SHA256 {
		t.Errorf("%s, plugin %+v, error %+v", told(d), d.Plugin, d.Failure)
	}
	again := c.csv("", body, "Idempotency-Key: one")
	if again.StatusCode != 202 || string(again.body) != string(first.body) || again.Header.Get(replayedHeader) != "true" {
		t.Errorf("replayed: %d %v %s", again.StatusCode, again.Header, again.body)
	}
	c.csv("plugin=other", body, "Idempotency-Key: one").want(t, 422, "idempotency_key_reused")
	c.json(`{"rows":[{"name":"A"}]}`).want(t, 422, "import_failed")
}
