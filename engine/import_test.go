package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/engine/fault"
)

func options(change ...func(*engine.Options)) engine.Options {
	o := engine.DefaultOptions()
	for _, c := range change {
		c(&o)
	}
	return o
}

func update(o *engine.Options)  { o.UpdateExisting = true }
func dryRun(o *engine.Options)  { o.DryRun = true }
func abort(o *engine.Options)   { o.MaxErrors = 0 }
func results(o *engine.Options) { o.Results = true }

// Each case is one import into an empty tenant: counts, errors, what is stored.
func TestImport(t *testing.T) {
	f := func(name string, format engine.Format, body string, opts engine.Options, wantCounts, wantErrors, wantStored string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, nil)
			d := h.must(format, body, opts)
			if got := counts(d); got != wantCounts {
				t.Errorf("counts %s, want %s", got, wantCounts)
			}
			if got := errorLines(d.Errors); got != wantErrors {
				t.Errorf("errors\n%swant\n%s", got, wantErrors)
			}
			if got := h.companies(); got != wantStored {
				t.Errorf("stored\n%swant\n%s", got, wantStored)
			}
		})
	}
	f("csv", engine.CSV, "Company,Website,Domain,Industry\nAcme,https://acme.com,https://www.Acme.com/x,Legal\nB,,b.io,\n", options(),
		"2/2: 2 0 0 0", "", "domain=acme.com name=Acme industry=Legal website=https://acme.com\ndomain=b.io name=B\n")
	f("later row with the same domain is skipped", engine.CSV, "name,domain\nA,a.com\nB,www.a.com\n", options(),
		"2/2: 1 0 1 0", "", "domain=a.com name=A\n")
	f("later row with the same domain updates", engine.CSV, "name,domain,city\nA,a.com,X\nB,www.a.com,\n", options(update),
		"2/2: 1 1 0 0", "", "domain=a.com name=B city=X\n")
	f("bad domain fails even a row that would be skipped", engine.CSV, "name,domain\nA,a.com\nB,nodot\n,a.com\n", options(),
		"3/3: 1 0 1 1", "2 3 domain invalid_domain: \"nodot\" is no domain; a host name of two labels or more is needed\n", "domain=a.com name=A\n")
	f("missing name fails a row that would create", engine.CSV, "Company Name,domain\n,a.com\n , b.com\nC,a.com\n", options(),
		"3/3: 1 0 0 2", "1 2 Company Name required: name is required to create a company\n2 3 Company Name required: name is required to create a company\n", "domain=a.com name=C\n")
	f("ragged and stray rows", engine.CSV, "name,domain\nA\nB,b.com,x\nC \"x\",c.com\nD,d.com\n", options(),
		"4/4: 1 0 0 3", "1 2  column_count: the row has 1 cell, expected 2\n2 3  column_count: the row has 3 cells, expected 2\n"+
			"3 4 name malformed: a quote stands inside a cell that does not start with one; put the cell in quotes and double each quote inside it\n", "domain=d.com name=D\n")
	f("tags and custom", engine.CSV, "name,tags,custom.tier\nA,\"x; y,x\",gold\n", options(func(o *engine.Options) { o.Tags = []string{"z", "x"} }),
		"1/1: 1 0 0 0", "", "name=A #x #y #z tier:0=gold\n")
	f("json kinds", engine.Rows, `{"name":"A","domain":"a.com","size":500,"tags":["x",1,true],"custom":{"n":1.5,"b":false,"t":"v","z":null},"phone":null}`+"\n"+
		`{"name":["x"],"domain":"b.com"}`+"\n"+`7`+"\n", options(),
		"3/3: 1 0 0 2", "2 0 name invalid_type: name takes text, not a JSON array or object\n3 0  invalid_type: expected an object, found a number\n",
		"domain=a.com name=A size=500 #x #1 #true n:3=1.5 b:4=false t:0=v\n")
	f("json null clears, blank keeps", engine.Rows, `{"name":"A","domain":"a.com","city":"X","phone":"1"}`+"\n"+`{"domain":"a.com","city":null,"phone":" "}`+"\n", options(update),
		"2/2: 1 1 0 0", "", "domain=a.com name=A phone=1\n")
	f("no null clears a name", engine.Rows, `{"Company":"A","domain":"a.com"}`+"\n"+`{"Company":null,"domain":"a.com","city":"X"}`+"\n", options(update),
		"2/2: 1 0 0 1", "2 0 Company required: name is null, and a company can't be without one; give it one, or leave it out of an update\n", "domain=a.com name=A\n")
	f("exact key beats alias in each row", engine.Rows, `{"company":"A"}`+"\n"+`{"company":"no","name":"B"}`+"\n", options(),
		"2/2: 2 0 0 0", "", "name=A\nname=B\n")
	f("header alone", engine.CSV, "name,domain\n", options(), "0/0: 0 0 0 0", "", "")
	f("no rows", engine.Rows, "", options(), "0/0: 0 0 0 0", "", "")
	f("too long and bad encoding", engine.CSV, "name,city\n"+strings.Repeat("n", 256)+",x\nB,\xff\n", options(),
		"2/2: 0 0 0 2", "1 2 name too_long: name has 256 bytes; at most 255 are allowed\n2 3 city invalid_encoding: not valid UTF-8\n", "")
	f("mapping is complete", engine.CSV, "Firm,Site,City\nA,https://a.com/x,Rome\n", options(func(o *engine.Options) {
		o.Mapping = map[string]string{"Firm": "name", "Site": "domain"}
	}), "1/1: 1 0 0 0", "", "domain=a.com name=A\n")
	f("no header", engine.CSV, "A,a.com\nB,b.com\n", options(func(o *engine.Options) {
		o.HasHeader, o.Mapping = false, map[string]string{"1": "name", "2": "domain"}
	}), "2/2: 2 0 0 0", "", "domain=a.com name=A\ndomain=b.com name=B\n")
}

func TestImportRefusals(t *testing.T) {
	f := func(format engine.Format, body string, opts engine.Options, want string) {
		t.Helper()
		h := newHarness(t, nil)
		_, err := h.send(format, body, opts)
		wantCode(t, err, fault.Validation, want)
		if h.spool.Files() != 0 {
			t.Error("a refused upload stays in the spool")
		}
	}
	mapping := func(m map[string]string) func(*engine.Options) {
		return func(o *engine.Options) { o.Mapping = m }
	}
	f(engine.CSV, "a,b\n", options(mapping(map[string]string{"a": "nme"})), `mapping: "nme" is no company field; use one of the fields, or custom.NAME`)
	f(engine.CSV, "a,b\n", options(mapping(map[string]string{"c": "name"})), `mapping: the file has no header "c"`)
	f(engine.CSV, "a,a\n", options(mapping(map[string]string{"a": "name"})), `mapping: the file has the header "a" more than once`)
	f(engine.CSV, "a,b\n", options(mapping(map[string]string{"a": "name", "b": "name"})), `mapping: "a" and "b" both fill "name"`)
	f(engine.CSV, "a,b\n", options(func(o *engine.Options) { o.HasHeader = false }), `has_header is false, so a mapping is required; its keys are column numbers from 1`)
	f(engine.CSV, "a,b\n", options(mapping(map[string]string{"3": "name"}), func(o *engine.Options) { o.HasHeader = false }), `mapping: "3" is no column number; the file has columns 1 to 2`)
	f(engine.Rows, "{}\n", options(mapping(map[string]string{"a": "name"})), "mapping is for CSV only; name the keys of JSON rows as the fields")
	f(engine.CSV, "", options(), "the CSV is empty; it must start with a header row, or has_header must be false")
	f(engine.CSV, "a,b\n", options(func(o *engine.Options) { o.Dialect.Delimiter = "::" }), `dialect.delimiter must be one ASCII character; "::" has 2 bytes`)
	f(engine.CSV, "a\n", options(func(o *engine.Options) { o.Plugin.Name = "p" }), `plugin: there is no plugin "p"; this server runs without plugins`)
}

// manyRows is a CSV of n rows of which every tenth fails and every fifth of the
// rest has the domain of the row before it.
func manyRows(n int) (csv string, created, skipped, failed int) {
	var b strings.Builder
	b.WriteString("name,domain,note\n")
	last := 0
	for i := range n {
		switch {
		case i%10 == 3:
			fmt.Fprintf(&b, "N%d,bad domain,\n", i)
			failed++
		case i%10 == 7:
			fmt.Fprintf(&b, "N%d,d%d.com,\n", i, last)
			skipped++
		default:
			fmt.Fprintf(&b, "N%d,d%d.com,x\n", i, i)
			last = i
			created++
		}
	}
	return b.String(), created, skipped, failed
}

func TestQueuedImport(t *testing.T) {
	const n = 12345
	body, created, skipped, failed := manyRows(n)
	h := newHarness(t, nil)
	d := h.must(engine.CSV, body, options(results))
	want := fmt.Sprintf("%d/%d: %d 0 %d %d", n, n, created, skipped, failed)
	if d.Status != engine.Completed || counts(d) != want {
		t.Fatalf("%s %s, want %s", d.Status, counts(d), want)
	}
	if len(d.Errors) != engine.MaxInlineErrors || d.Errors[99].RowNumber != 994 {
		t.Errorf("%d inline errors, the last of row %d", len(d.Errors), d.Errors[len(d.Errors)-1].RowNumber)
	}
	if fmt.Sprint(d.IgnoredColumns) != "[note]" {
		t.Errorf("ignored columns %v", d.IgnoredColumns)
	}
	ctx := context.Background()
	var rows []uint64
	if err := h.Errors(ctx, tenant, d.JobID, func(e engine.RowError) error { rows = append(rows, e.RowNumber); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(rows) != failed || rows[failed-1] != 12344 {
		t.Errorf("%d errors, the last of row %d", len(rows), rows[len(rows)-1])
	}
	outcomes := map[string]int{}
	next := uint64(1)
	if err := h.Results(ctx, tenant, d.JobID, func(r engine.RowResult) error {
		if r.RowNumber != next {
			t.Fatalf("result of row %d, want %d", r.RowNumber, next)
		}
		next++
		outcomes[r.Outcome]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if outcomes["created"] != created || outcomes["skipped"] != skipped || outcomes["failed"] != failed {
		t.Errorf("results %v", outcomes)
	}
	if h.spool.Files() != 0 {
		t.Error("the upload stays in the spool")
	}
	var csv strings.Builder
	if err := h.ErrorsCSV(ctx, tenant, d.JobID, false, &csv); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitN(csv.String(), "\n", 3)
	if lines[0] != "name,domain,note,_error_code,_error_message" ||
		lines[1] != `N3,bad domain,,invalid_domain,"domain: ""bad domain"" is no domain; a host name of two labels or more is needed"` {
		t.Errorf("errors as CSV:\n%s\n%s", lines[0], lines[1])
	}
}

// A trial of any size foresees the counts of the real run, and writes nothing.
func TestDryRun(t *testing.T) {
	for _, n := range []int{100, 5000} {
		body, created, skipped, failed := manyRows(n)
		h := newHarness(t, nil)
		d := h.must(engine.CSV, body, options(dryRun))
		want := fmt.Sprintf("%d/%d: %d 0 %d %d", n, n, created, skipped, failed)
		if counts(d) != want || d.Status != engine.Completed || !d.DryRun {
			t.Errorf("%d rows: %s %s, want %s", n, d.Status, counts(d), want)
		}
		if h.companies() != "" {
			t.Error("a dry run stored companies")
		}
	}
}

func TestLimit(t *testing.T) {
	body, _, _, failed := manyRows(200)
	h := newHarness(t, nil)
	_, err := h.send(engine.CSV, body, options(abort))
	wantCode(t, err, fault.ImportFailed, "20 rows failed and at most 0 are allowed, so nothing was imported; correct them, or raise max_errors")
	details := err.(*fault.Error).Details
	if details["status"] != "failed" || details["created_count"] != 0.0 || details["failed_count"] != 20.0 || details["row_count"] != 200.0 {
		t.Errorf("details %v", details)
	}
	if _, err := h.Job(context.Background(), tenant, details["job_id"].(string)); err != nil {
		t.Errorf("the failed import left no job: %v", err)
	}
	if h.companies() != "" {
		t.Error("a refused import stored companies")
	}
	if d := h.must(engine.CSV, body, options(func(o *engine.Options) { o.MaxErrors = failed })); d.CreatedCount == 0 {
		t.Error("an import at its limit was refused")
	}

	body, created, skipped, failed := manyRows(6000)
	h = newHarness(t, nil)
	d := h.must(engine.CSV, body, options(func(o *engine.Options) { o.MaxErrors = failed - 1 }))
	if d.Status != engine.Failed || counts(d) != fmt.Sprintf("6000/6000: 0 0 0 %d", failed) || d.Failure.Code != fault.ImportFailed {
		t.Errorf("job over its limit: %s %s %v", d.Status, counts(d), d.Failure)
	}
	if h.companies() != "" {
		t.Error("a refused job stored companies")
	}
	d = h.must(engine.CSV, body, options(func(o *engine.Options) { o.MaxErrors = failed }))
	if want := fmt.Sprintf("6000/6000: %d 0 %d %d", created, skipped, failed); d.Status != engine.Completed || counts(d) != want {
		t.Errorf("job at its limit: %s %s", d.Status, counts(d))
	}
	n := 0
	if err := h.Errors(context.Background(), tenant, d.JobID, func(engine.RowError) error { n++; return nil }); err != nil || n != failed {
		t.Errorf("%d errors in the report (%v), want %d: the judge's own report must be gone", n, err, failed)
	}
}
