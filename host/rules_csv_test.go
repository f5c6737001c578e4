package host

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"sluice/engine/csvscan"
)

// Rule 2.79: the dialect is sniffed from the first 64 KB, may be given, and is
// echoed.
func TestDialect(t *testing.T) {
	f := func(query, body, dialect string, stored ...string) {
		t.Helper()
		c := newHouse(t)
		r := c.csv(query, body)
		d := r.importData(t)
		if d.Dialect == nil {
			t.Fatalf("%q: %s", body, r.body)
		}
		if got := d.Dialect.Delimiter + d.Dialect.Quote + " " + d.Dialect.Encoding; got != dialect {
			t.Errorf("%.60q: dialect %q, want %q", body, got, dialect)
		}
		c.wantStored(stored...)
	}
	const both = "city=x domain=a.example name=A"
	f("", "name,domain,city\nA,a.example,x\n", `," utf-8`, both)
	f("", "name;domain;city\nA;a.example;x\n", `;" utf-8`, both)
	f("", "name\tdomain\tcity\nA\ta.example\tx\n", "\t\" utf-8", both)
	f("", "name|domain|city\nA|a.example|x\n", `|" utf-8`, both)
	f("", "name,domain,city\r\nA,a.example,x\r\n", `," utf-8`, both)
	f("", "name,domain,city\rA,a.example,x\r", `," utf-8`, both)
	f("", "name,domain,city\nA,a.example,x", `," utf-8`, both)
	f("", "name;city\n\"A, B; C\";x\n", `;" utf-8`, "city=x name=A, B; C")
	f("", "name,city\n'A, B',x\n", `,' utf-8`, "city=x name=A, B")
	f("", "name\nA\n", `," utf-8`, "name=A")
	f(`dialect={"delimiter":"|"}`, "name|city,x\nA|b,c\n", `|" utf-8`, "name=A")
	f(`dialect={"delimiter":":","quote":"'"}`, "name:city\n'A:B':'it''s'\n", `:' utf-8`, "city=it's name=A:B")
	f(`dialect={"quote":"'"}`, "name,city\n'A,B',\"x\"\n", `,' utf-8`, `city=\"x\ name=A,B`)
	f("", "name,city\n\"A \"\"x\"\"\r\nB\",y\n", `," utf-8`, `city=y name=A \"x\"\r\nB`)
	// JSON has no dialect but for its csv.
	c := newHouse(t)
	if d := c.json(`{"rows":[{"name":"A"}]}`).importData(t).Dialect; d != nil {
		t.Errorf("rows have the dialect %v", d)
	}
	if d := c.json(`{"csv":"name;city\nÄ;x\n"}`).importData(t).Dialect; d == nil || d.Delimiter != ";" || d.Encoding != "utf-8" {
		t.Errorf("csv has the dialect %v", d)
	}
	// What comes after the first 64 KB changes nothing.
	far := "name,description\n" + strings.Repeat("A,"+strings.Repeat("b", 1100)+"\n", 60) + strings.Repeat("A;b;c;d\n", 1000)
	d := c.ended(c.csv("dry_run=true", far).importData(t).JobID)
	if d.Dialect.Delimiter != "," || d.FailedCount != 1000 {
		t.Errorf("%v, %d failed", d.Dialect, d.FailedCount)
	}
}

// Rule 2.80: the encoding is that of the BOM, or else the first bytes that are
// not ASCII settle it, wherever they come: valid UTF-8, or else Windows-1252.
func TestEncoding(t *testing.T) {
	utf16Of := func(s string, little bool) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune(s)) {
			if little {
				b.Write([]byte{byte(u), byte(u >> 8)})
			} else {
				b.Write([]byte{byte(u >> 8), byte(u)})
			}
		}
		return b.String()
	}
	f := func(query, body, encoding string, stored ...string) {
		t.Helper()
		c := newHouse(t)
		r := c.csv(query, body)
		if d := r.importData(t).Dialect; d == nil || d.Encoding != encoding {
			t.Errorf("%.60q: dialect %+v, want %s", body, d, encoding)
		}
		c.wantStored(stored...)
	}
	const text = "name,city\nÄrzte €,Köln\n"
	const stored = "city=Köln name=Ärzte €"
	windows, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	f("", text, "utf-8", stored)
	f("", "\ufeff"+text, "utf-8", stored)
	f("", windows, "windows-1252", stored)
	f("", utf16Of("\ufeff"+text, true), "utf-16le", stored)
	f("", utf16Of("\ufeff"+text, false), "utf-16be", stored)
	f(`dialect={"encoding":"utf-16le"}`, utf16Of(text, true), "utf-16le", stored)
	f(`dialect={"encoding":"windows-1252"}`, "name\nÄ\n", "windows-1252", "name=Ã„")
	f("", "name\nA\n", "utf-8", "name=A")
	// The first bytes settle it; later ones fail their rows, or are read as they are.
	f("", "name\nÄ\nB\xe4\nC\n", "utf-8", "name=Ä", "name=C")
	f("", "name\nB\xe4\nÄ\n", "windows-1252", "name=Bä", "name=Ã„")
	f("", "\ufeffname\nB\xe4\nC\n", "utf-8", "name=C")

	// However late they come.
	c := newHouse(t)
	late := "name\n" + strings.Repeat("ABCDEFGHIJ\n", 200_000)
	for tail, want := range map[string]string{"\xc4\n": "windows-1252", "Ä\n": "utf-8"} {
		d := c.ended(c.csv("dry_run=true", late+tail).importData(t).JobID)
		if d.Dialect.Encoding != want || d.FailedCount != 0 {
			t.Errorf("late %q: %v, %d failed", tail, d.Dialect, d.FailedCount)
		}
	}
}

// Rule 2.90: the errors of a job as NDJSON, and its failed rows as a CSV in the
// uploaded dialect with the original cells, to fix and send again.
func TestErrorsCSV(t *testing.T) {
	f := func(query, body, want string) {
		t.Helper()
		c := newHouse(t)
		d := c.csv(query, body).importData(t)
		r := c.get(d.ErrorsURL + "?format=csv")
		r.want(t, 200, "")
		if got := string(r.body); got != want {
			t.Errorf("%q:\n got %q\nwant %q", body, got, want)
		}
		// It is fit to be sent again: the errors are columns that are ignored.
		if strings.Contains(query, "has_header") {
			return
		}
		again := c.csv("dry_run=true", string(r.body)).importData(t)
		if again.RowCount != d.FailedCount {
			t.Errorf("sent again: %s", told(again))
		}
	}
	const noDomain = `""bad"" is no domain; a host name of two labels or more is needed`
	f("", "name,domain,x\n\"A, \"\"q\"\"\",bad,1\nB,b.example,2\nC,c.example\n",
		"name,domain,x,_error_code,_error_message\n\"A, \"\"q\"\"\",bad,1,invalid_domain,\"domain: "+noDomain+"\"\n"+
			"C,c.example,,column_count,\"the row has 2 cells, expected 3\"\n")
	f("", "Company;Domain\n\xc4;bad\n\xd6;o.example\n",
		"Company;Domain;_error_code;_error_message\n\xc4;bad;invalid_domain;\"Domain: "+noDomain+"\"\n")
	f(`has_header=false&mapping={"1":"name","2":"domain"}`, "A,bad\n", "A,bad,invalid_domain,\"2: "+noDomain+"\"\n")
	f("", "name,domain\nA,a.example\n", "name,domain,_error_code,_error_message\n")
	// All lines are as wide as the widest row, under names that the file does not have.
	ragged := func(cells string, expected int) string {
		return fmt.Sprintf("column_count,\"the row has %s, expected %d\"\n", cells, expected)
	}
	f("", "name,_column_4\nA,a.example,\"b\n,c\",d\nB\n\"x\"y,z\nC,c.example,\n",
		"name,_column_4,_column_3,__column_4,_error_code,_error_message\n"+
			"A,a.example,\"b\n,c\",d,"+ragged("4 cells", 2)+
			"B,,,,"+ragged("1 cell", 2)+
			"\"\"\"x\"\"y,z\",,,,malformed,name: text follows the closing quote of a cell; double each quote inside a quoted cell\n"+
			"C,c.example,,,"+ragged("3 cells", 2))
	f(`has_header=false&mapping={"1":"name","2":"domain"}`, "A,bad\nB,b.example,more\n",
		"A,bad,,invalid_domain,\"2: "+noDomain+"\"\nB,b.example,more,"+ragged("3 cells", 2))
	commas := strings.Repeat(",", csvscan.MaxColumns) // more than any header has
	f("", "name\nA"+commas+"\n", "name,_error_code,_error_message\n\"A"+commas+"\","+ragged("4097 cells", 1))

	c := newHouse(t)
	rows := func(body string) string {
		return string(c.get(c.json(body).importData(t).ErrorsURL + "?format=csv").body)
	}
	noObject := func(kind string) string { return "invalid_type,\"expected an object, found a " + kind + "\"\n" }
	if got, want := rows(`{"rows":[1,{"name":"A","domain":"bad"},"x"]}`), "name,domain,_error_code,_error_message\n1,,"+noObject("number")+
		"A,bad,invalid_domain,\"domain: "+noDomain+"\"\n\"\"\"x\"\"\",,"+noObject("string"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := rows(`{"rows":[1]}`), "_column_1,_error_code,_error_message\n1,"+noObject("number"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	d := c.csv("", "name,domain,city\n"+strings.Repeat("x", 256)+",bad,c\nB,b.example,d\n,,e\n").importData(t)
	lines := strings.Split(strings.TrimSpace(string(c.get(d.ErrorsURL).body)), "\n")
	if len(lines) != 3 {
		t.Fatalf("%q", lines)
	}
	for i, want := range []string{`{"row_number":1,"line":2,"column":"domain","code":"invalid_domain",`,
		`{"row_number":1,"line":2,"column":"name","code":"too_long",`, `{"row_number":3,"line":4,"column":"name","code":"required",`} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("%s, want %s…", lines[i], want)
		}
	}
}

// Rule 2.99: a CSV has cells as they were sent; for a spreadsheet those that it
// would calculate begin with an apostrophe.
func TestFormulas(t *testing.T) {
	f := func(query, body, verbatim, asText string) {
		t.Helper()
		c := newHouse(t)
		d := c.csv(query, body).importData(t)
		for param, want := range map[string]string{"": verbatim, "&spreadsheet=false": verbatim, "&spreadsheet=true": asText} {
			if got := string(c.get(d.ErrorsURL + "?format=csv" + param).body); got != want {
				t.Errorf("%q%s:\n got %q\nwant %q", body, param, got, want)
			}
		}
	}
	const errors = `invalid_domain,"domain: ""@x"" is no domain; a host name of two labels or more is needed"` + "\n"
	f("", "name,domain,=x\n\"=1,\"\"2\"\"\",@x,-3\n=4,d.example,\n",
		"name,domain,=x,_error_code,_error_message\n\"=1,\"\"2\"\"\",@x,-3,"+errors,
		"name,domain,'=x,_error_code,_error_message\n\"'=1,\"\"2\"\"\",'@x,'-3,"+errors)
	// A cell that is a whole line, in a dialect of its own, whose quote is the mark.
	const quoting = "malformed;'name: a quote stands inside a cell that does not start with one; put the cell in quotes and double each quote inside it'\n"
	unquoted := strings.NewReplacer(`""`, `"`, `"domain`, `'domain`, `needed"`, `needed'`, `invalid_domain,`, `invalid_domain;`).Replace(errors)
	f(`dialect={"delimiter":";","quote":"'"}`, "name;domain\n=A'B;x\n=C;@x\n",
		"name;domain;_error_code;_error_message\n'=A''B;x';;"+quoting+"=C;@x;"+unquoted,
		"name;domain;_error_code;_error_message\n'''=A''B;x';;"+quoting+"'''=C';'''@x';"+unquoted)
	semicolons := strings.Replace(errors, ",", ";", 1)
	f("", "name;domain\n\xc4;@x\n=\xd6;@x\n",
		"name;domain;_error_code;_error_message\n\xc4;@x;"+semicolons+"=\xd6;@x;"+semicolons,
		"name;domain;_error_code;_error_message\n\xc4;'@x;"+semicolons+"'=\xd6;'@x;"+semicolons)

	c := newHouse(t)
	d := c.json(`{"rows":[{"=k":"=1","domain":"@x","n":-5}]}`).importData(t)
	const header, code = ",domain,n,_error_code,_error_message\n", ",-5,invalid_domain,"
	plain, safe := string(c.get(d.ErrorsURL+"?format=csv").body), string(c.get(d.ErrorsURL+"?format=csv&spreadsheet=true").body)
	if !strings.HasPrefix(plain, "=k"+header+"=1,@x"+code) || !strings.HasPrefix(safe, "'=k"+header+"'=1,'@x"+strings.Replace(code, "-5", "'-5", 1)) {
		t.Errorf("rows of JSON:\n%s%s", plain, safe)
	}

	c.json(`{"rows":[{"name":"=1+\"1\"","domain":"a.example","phone":"+49 30","tags":["-t","u"],"custom":{"=k":"=v"}}]}`).wantSaid(t, "import", "200 completed 1+0+0+0=1")
	export := func(query string) string { return string(c.get("/v1/companies/export" + query).body) }
	if got := export("?format=csv"); !strings.Contains(got, `,"=1+""1""",a.example,`) || !strings.Contains(got, ",+49 30,") || !strings.Contains(got, `,"-t;u","{""=k"":""=v""}",`) {
		t.Errorf("export: %s", got)
	}
	if got := export("?spreadsheet=true"); !strings.Contains(got, `,"'=1+""1""",a.example,`) || !strings.Contains(got, ",'+49 30,") || !strings.Contains(got, `,"'-t;u","{""=k"":""=v""}",`) {
		t.Errorf("export for a spreadsheet: %s", got)
	}
	for _, path := range []string{"/v1/companies/export", d.ErrorsURL} {
		c.get(path+"?format=csv&spreadsheet=1").want(t, 400, "validation_error")
		c.get(path+"?format=csv&spreadsheet=").want(t, 400, "validation_error")
		c.get(path+"?format=ndjson&spreadsheet=true").want(t, 400, "validation_error")
	}
}

// Rules 2.28, 2.90: where the query names no format, Accept may.
func TestAccept(t *testing.T) {
	c := newHouse(t)
	d := c.csv("", "name,domain\nA,a.example\nB,bad\n").importData(t)
	f := func(path, accept, want string) {
		t.Helper()
		r := c.do("GET", path, c.token, "", "Accept: "+accept)
		if got, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); r.StatusCode != 200 || got != want {
			t.Errorf("%s, Accept %s: %d %s, want %s", path, accept, r.StatusCode, got, want)
		}
	}
	const export = "/v1/companies/export"
	f(export, "*/*", "text/csv")
	f(export, "application/x-ndjson", ndjsonType)
	f(export, "text/html, Application/X-NDJSON;q=0.9", ndjsonType)
	f(export, "text/csv, application/x-ndjson", "text/csv")
	f(export+"?format=csv", "application/x-ndjson", "text/csv")
	f(d.ErrorsURL, "*/*", ndjsonType)
	f(d.ErrorsURL, "text/csv", "text/csv")
	f(d.ErrorsURL+"?format=ndjson", "text/csv", ndjsonType)
}

// Rule 2.64: errors[] holds the first 100 errors of failed rows in row order;
// the report has them all.
func TestInlineErrors(t *testing.T) {
	c := newHouse(t)
	var b strings.Builder
	b.WriteString("name,domain\n")
	for i := range 120 {
		fmt.Fprintf(&b, "ok %d,ok%d.example\n%s,bad\n", i, i, strings.Repeat("x", 256))
	}
	d := c.csv("", b.String()).importData(t)
	if d.FailedCount != 120 || len(d.Errors) != 100 {
		t.Fatalf("%d failed, %d errors", d.FailedCount, len(d.Errors))
	}
	for i, e := range d.Errors {
		if want := uint64(i/2*2 + 2); e.RowNumber != want {
			t.Fatalf("error %d is of row %d, want %d", i, e.RowNumber, want)
		}
	}
	if n := strings.Count(string(c.get(d.ErrorsURL).body), "\n"); n != 240 {
		t.Errorf("the report has %d errors", n)
	}
}

// Rule 2.46: an export is imported again as it is, in both formats.
func TestExportComesBack(t *testing.T) {
	ts := startServer(t)
	c := ts.house("acme")
	c.json(`{"rows":[{"name":" A, \"x\"\n","domain":"a.example","tags":["t u","v"],"custom":{"k":1.50,"l":"x,\"y\"","m":true},"city":"Köln; Süd"},
		{"name":"B","description":"line\r\nline"}]}`).wantSaid(t, "first", "200 completed 2+0+0+0=2")
	for _, format := range []string{"csv", "ndjson"} {
		export := c.get("/v1/companies/export?format=" + format)
		export.want(t, 200, "")
		to := ts.house("to-" + format)
		r := to.post(importPath, string(export.body), "Content-Type: "+export.Header.Get("Content-Type"))
		r.wantSaid(t, format, "200 completed 2+0+0+0=2")
		if got, want := to.stored(), c.stored(); got != want {
			t.Errorf("%s:\n%swant\n%s", format, got, want)
		}
	}
}
