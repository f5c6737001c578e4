package host

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"strings"
	"testing"
)

// Rule 2.51: an option that is unknown, repeated or of the wrong type is a 400
// that names it.
func TestOptionsChecked(t *testing.T) {
	c := newHouse(t)
	bad := func(name string, values ...string) {
		t.Helper()
		for _, v := range values {
			body := fmt.Sprintf(`{"rows":[{"name":"A"}],"%s":%s}`, name, v)
			c.json(body).wantSaid(t, body, "400 validation_error "+name)
			body = fmt.Sprintf(`{"%s":%s,"rows":[{"name":"A"}]}`, name, v)
			c.json(body).wantSaid(t, body, "400 validation_error "+name)
		}
	}
	bad("unknown", `1`)
	bad("has_header", `"true"`, `1`, `null`)
	bad("mapping", `[]`, `null`, `"x"`, `{"a":1}`, `{"a":null}`, `{"a":"name"}`)
	bad("update_existing", `"true"`, `1`, `null`)
	bad("tags", `"x"`, `[1]`, `[null]`, `{}`, `null`)
	bad("plugin", `1`, `""`, `[]`, `"x@"`, `"x@0"`, `"x@v1"`, `"@1"`)
	c.json(`{"rows":[{"name":"A"}],"plugin":"nosuch"}`).wantSaid(t, "plugin", "400 validation_error plugin")
	c.json(`{"rows":[{"name":"A"}],"plugin":"nosuch@1"}`).wantSaid(t, "plugin", "400 validation_error plugin")
	bad("plugin_config", `1`, `"x"`, `[]`)
	bad("dry_run", `"true"`, `0`, `null`)
	bad("on_error", `"ignore"`, `1`, `null`)
	bad("max_errors", `-1`, `1.5`, `"1"`, `1e2`, `null`)
	bad("results", `"true"`, `1`, `null`)
	bad("dialect", `null`, `";"`, `{"x":";"}`, `{"delimiter":";;"}`, `{"delimiter":""}`, `{"delimiter":"é"}`, `{"quote":1}`,
		`{"encoding":"klingon"}`, `{"delimiter":"'","quote":"'"}`, `{"delimiter":"\n"}`)
	for _, name := range []string{"dry_run", "results", "update_existing"} {
		c.json(fmt.Sprintf(`{"rows":[{"name":"A"}],"%s":true,"%[1]s":true}`, name)).wantSaid(t, name, "400 validation_error")
		c.csv(name+"=true&"+name+"=true", "name\nA\n").wantSaid(t, name, "400 validation_error "+name)
		c.csv(name+"=1", "name\nA\n").wantSaid(t, name, "400 validation_error "+name)
		c.csv(name+"=", "name\nA\n").wantSaid(t, name, "400 validation_error "+name)
	}
	c.csv("rows=[]", "name\nA\n").wantSaid(t, "rows", "400 validation_error rows")
	c.csv("csv=x", "name\nA\n").wantSaid(t, "csv", "400 validation_error csv")
	c.csv("Dry_Run=true", "name\nA\n").wantSaid(t, "case", "400 validation_error Dry_Run")
	c.csv("mapping=x", "name\nA\n").wantSaid(t, "mapping", "400 validation_error mapping")
	c.csv("max_errors=x", "name\nA\n").wantSaid(t, "max_errors", "400 validation_error max_errors")
	c.ndjson(`mapping={"a":"name"}`, "{}").wantSaid(t, "mapping of JSON", "400 validation_error mapping")
	c.wantStored()
}

// Rule 2.53: raw bodies have their options in the query, where tags may be
// repeated and an empty plugin is none; JSON has them in its body alone.
func TestOptionsPlaces(t *testing.T) {
	c := newHouse(t)
	c.csv(`mapping={"Firm":"name","W":"domain"}&tags=x&tags=y,z&plugin=&plugin_config={"a":1}&on_error=skip&max_errors=3&dialect={"delimiter":";"}`,
		"Firm;W\nA;a.example\n").wantSaid(t, "csv", "200 completed 1+0+0+0=1")
	c.wantStored(`domain=a.example name=A tags=["x","y,z"]`)
	c.ndjson("tags=n&update_existing=true", `{"domain":"a.example","city":"C"}`).wantSaid(t, "ndjson", "200 completed 0+1+0+0=1")
	c.wantStored(`city=C domain=a.example name=A tags=["x","y,z","n"]`)
	for _, query := range []string{"?dry_run=true", "?tags=x", "?unknown=1"} {
		r := c.post(importPath+query, `{"rows":[{"name":"B"}]}`)
		r.wantSaid(t, query, "400 validation_error "+strings.Split(query[1:], "=")[0])
	}
	c.json(`{"rows":[{"name":"C"}],"plugin":null,"plugin_config":{},"mapping":{},"dialect":{},"tags":[],"on_error":"skip","max_errors":0,"has_header":true,"results":false,"dry_run":true}`).
		wantSaid(t, "all options", "200 completed 1+0+0+0=1")
}

// formOf is a multipart body of parts: "name=value", or "name@file=content".
func formOf(t testing.TB, parts ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		name, file, isFile := strings.Cut(name, "@")
		create := func() (io.Writer, error) { return w.CreateFormField(name) }
		if isFile {
			create = func() (io.Writer, error) { return w.CreateFormFile(name, file) }
		}
		to, err := create()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write([]byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

// Rule 2.52: a form has its options before its one file, which is NDJSON by its
// name or else CSV; or in the query.
func TestForms(t *testing.T) {
	c := newHouse(t)
	f := func(query, want string, parts ...string) {
		t.Helper()
		body, contentType := formOf(t, parts...)
		c.post(importPath+encodeQuery(query), body, contentType).wantSaid(t, query+strings.Join(parts, "|"), want)
	}
	const csv, line = "file@a.csv=name\nA\n", `{"name":"A"}`
	const one = "200 completed 1+0+0+0=1"
	f("", one, csv)
	f("", one, "anything@a.txt=name\nA\n")
	f("", one, "f@A.NDJSON="+line)
	f("", one, "f@a.jsonl="+line)
	f("dry_run=true", one, "tags=x", "tags=y", `mapping={"F":"name"}`, "max_errors=0", "plugin=", "file@a.csv=F\nA\n")
	f("", "400 validation_error", csv, "tags=x")
	f("", "400 validation_error", csv, csv)
	f("", "400 validation_error", "tags=x")
	f("", "400 validation_error unknown", "unknown=x", csv)
	f("", "400 validation_error dry_run", "dry_run=true", "dry_run=true", csv)
	f("dry_run=true", "400 validation_error dry_run", "dry_run=true", csv)
	f("", "400 validation_error dry_run", "dry_run=yes", csv)
	f("", "400 validation_error mapping", `mapping={"a":"name"}`, "f@a.jsonl="+line)
	if got := c.stored(); got != strings.Repeat("name=A\n", 4) {
		t.Errorf("stored\n%s", got)
	}
	body, contentType := formOf(t, csv)
	for _, cut := range []int{1, 4, 10, len(body) / 2, len(body) - 20} {
		c.post(importPath, body[:len(body)-cut], contentType).wantSaid(t, fmt.Sprintf("cut by %d", cut), "400 validation_error")
	}
	c.post(importPath, body, "Content-Type: multipart/form-data").wantSaid(t, "no boundary", "400 validation_error")
}

// Rule 2.72: a mapping, given and not empty, is complete and must be right.
func TestMapping(t *testing.T) {
	f := func(mapping, body, said string, stored ...string) {
		t.Helper()
		c := newHouse(t)
		r := c.csv("mapping="+mapping, body)
		r.wantSaid(t, mapping, said)
		c.wantStored(stored...)
	}
	const one, bad = "200 completed 1+0+0+0=1", "400 validation_error mapping"
	f(`{"Company":"name","Website":"domain"}`, "Company,Website\nA,a.example\n", one, "domain=a.example name=A")
	f(`{"F":"name"}`, "F,domain,city\nA,a.example,X\n", one, "name=A")
	f(`{"F":"name","X":"custom.x y","Y":"custom.Z"}`, "F,X,Y\nA,1,b\n", one, `custom={"x y":"1","Z":"b"} name=A`)
	f(`{"F":"name","T":"tags"}`, "F,T\nA,\"a;b, c\"\n", one, `name=A tags=["a","b","c"]`)
	f(`{}`, "Company\nA\n", one, "name=A")
	f(`{"F":"nme"}`, "F\nA\n", bad)
	f(`{"F":"Name"}`, "F\nA\n", bad)
	f(`{"F":"id"}`, "F\nA\n", bad)
	f(`{"F":"created_date"}`, "F\nA\n", bad)
	f(`{"F":"custom."}`, "F\nA\n", bad)
	f(`{"F":""}`, "F\nA\n", bad)
	f(`{"G":"name"}`, "F\nA\n", bad)
	f(`{"f":"name"}`, "F\nA\n", bad)
	f(`{"F":"name"}`, "F,F\nA,B\n", bad)
	f(`{"F":"name"}`, "F,G,G\nA,B,C\n", one, "name=A")
	f(`{"F":"name","G":"name"}`, "F,G\nA,B\n", bad)
	f(`{"F":"custom.x","G":"custom.x"}`, "F,G\nA,B\n", bad)
	f(`{"F":"name","F":"domain"}`, "F\nA\n", bad)
	c := newHouse(t)
	c.json(`{"csv":"F\nA\n","mapping":{"F":"name"}}`).wantSaid(t, "JSON", one)
	c.json(`{"mapping":{"F":"nme"},"csv":"F\nA\n"}`).wantSaid(t, "JSON", bad)
	c.csv(`mapping={"F":"nme"}`, strings.Repeat("F\n", 600)).wantSaid(t, "of a job", bad)
}

// Rule 2.75: without a header a mapping is required, by 1-based column numbers.
func TestNoHeader(t *testing.T) {
	f := func(mapping, said string, stored ...string) {
		t.Helper()
		c := newHouse(t)
		query := "has_header=false"
		if mapping != "" {
			query += "&mapping=" + mapping
		}
		c.csv(query, "A,a.example\nB,none\n").wantSaid(t, mapping, said)
		c.wantStored(stored...)
	}
	f(`{"1":"name","2":"domain"}`, "200 completed 1+0+0+1=2 [2:2 2 invalid_domain]", "domain=a.example name=A")
	f(`{"1":"name"}`, "200 completed 2+0+0+0=2", "name=A", "name=B")
	const bad = "400 validation_error mapping"
	f(``, bad)
	f(`{}`, bad)
	f(`{"0":"name"}`, bad)
	f(`{"3":"name"}`, bad)
	f(`{"01":"name"}`, bad)
	f(`{"A":"name"}`, bad)
	f(`{"-1":"name"}`, bad)
	c := newHouse(t)
	c.json(`{"csv":"A\n","has_header":false}`).wantSaid(t, "JSON", bad)
	c.json(`{"csv":"A\nB\n","has_header":false,"mapping":{"1":"name"}}`).wantSaid(t, "JSON", "200 completed 2+0+0+0=2")
}

// Rule 2.73: without a mapping a header or key matches a field by name, ignoring
// case, spaces, _ and -, with the common aliases; an exact name beats an alias,
// then the first column wins; of equal JSON keys the last. website is no domain.
func TestMatching(t *testing.T) {
	f := func(header, row string, stored string) {
		t.Helper()
		c := newHouse(t)
		c.csv("", header+"\n"+row+"\n").wantSaid(t, header, "200 completed 1+0+0+0=1")
		c.wantStored(stored)
	}
	f("Company,Website", "A,a.example", "name=A website=a.example")
	f("COMPANY NAME,LinkedIn-URL,Tags", "A,l,x", `linkedin_url=l name=A tags=["x"]`)
	f("name,linked in_url,D-O_M ain", "A,l,a.example", "domain=a.example linkedin_url=l name=A")
	f("Company,name", "A,B", "name=B")
	f("Company,Organization", "A,B", "name=A")
	f("name,Name", "A,B", "name=A")
	f("name,custom.x,custom.X", "A,1,2", `custom={"x":"1","X":"2"} name=A`)
	f("name,custom", `A,"{""k"":1.50}"`, `custom={"k":1.50} name=A`)
	g := func(row, stored string) {
		t.Helper()
		c := newHouse(t)
		c.json(`{"rows":[`+row+`]}`).wantSaid(t, row, "200 completed 1+0+0+0=1")
		c.wantStored(stored)
	}
	g(`{"Company":"A","Website":"w","Company Size":7}`, "name=A size=7 website=w")
	g(`{"Company":"A","NAME":"B"}`, "name=B")
	g(`{"Company":"A","Organization":"B"}`, "name=A")
	g(`{"name":"A","name":"B"}`, "name=B")
	c := newHouse(t)
	c.json(`{"rows":[{"name":"A","name":""}]}`).wantSaid(t, "the last is blank", "200 completed 0+0+0+1=1 [1 name required]")
}

// Rule 2.74: unknown columns, and those that another one beats, are ignored and
// listed, at most 100 of them.
func TestIgnoredColumns(t *testing.T) {
	c := newHouse(t)
	f := func(r reply, want string) {
		t.Helper()
		if got := strings.Join(r.importData(t).IgnoredColumns, "|"); got != want {
			t.Errorf("ignored %s, want %s", got, want)
		}
	}
	f(c.csv("", "id,Name,  What ,created_date,\nx,A,y,z,\n"), "id|  What |created_date|")
	f(c.csv(`mapping={"Name":"name"}`, "id,Name,domain\nx,B,c.example\n"), "id|domain")
	f(c.json(`{"rows":[{"name":"C","x":1},{"y":null,"x":2,"name":"D","id":"i"}]}`), "x|y|id")
	f(c.csv("", "name\nE\n"), "")
	// So are columns and keys that another one beats, where a row has both.
	f(c.csv("", "Company,name,NAME,tags,label\nA,B,C,t,u\n"), "Company|NAME|label")
	f(c.json(`{"rows":[{"NAME":"F"},{"name":"G"}]}`), "")
	f(c.json(`{"rows":[{"Company":"A","name":"B","NAME":"C","tags":"t","label":"u","custom.k":1,"CUSTOM.k":2,"custom":{"l":1},"Custom":{"l":2}},`+
		`{"name":"D","NAME":null}]}`), "NAME|Company|label|CUSTOM.k|Custom")
	last := c.get("/v1/companies?search=B").body
	if !strings.Contains(string(last), `"custom":{"k":1,"l":1}`) || !strings.Contains(string(last), `"tags":["t"]`) {
		t.Errorf("%s", last)
	}
	d := c.ended(c.json(jsonRows(600, "")[:len(jsonRows(600, ""))-2] + `,{"name":"I","Company":"J"}]}`).importData(t).JobID)
	if fmt.Sprint(d.IgnoredColumns) != "[Company]" {
		t.Errorf("a job ignored %v", d.IgnoredColumns)
	}
	many := make([]string, 150)
	for i := range many {
		many[i] = fmt.Sprintf("u%d", i)
	}
	all := strings.Join(many, ",")
	if n := len(c.csv("", "name,"+all+"\nF"+strings.Repeat(",", 150)+"\n").importData(t).IgnoredColumns); n != 100 {
		t.Errorf("CSV: %d are listed", n)
	}
	row := `{"name":"G","` + strings.Join(many, `":1,"`) + `":1}`
	if n := len(c.json(`{"rows":[` + row + `]}`).importData(t).IgnoredColumns); n != 100 {
		t.Errorf("JSON: %d are listed", n)
	}
}
