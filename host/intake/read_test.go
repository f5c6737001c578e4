package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/engine"
	"sluice/engine/fault"
)

// sent is a body as a client sends it. The zero value of wire is body itself.
type sent struct {
	contentType, coding, query, body string
	chunked                          bool
	limits                           Limits
	wrap                             func(io.Reader) io.Reader
}

// read runs one intake and returns what arrived in the sink.
func (s sent) read() (Result, string, error) {
	form, err := ParseForm(s.contentType, s.coding)
	if err != nil {
		return Result{}, "", err
	}
	limits := s.limits
	if limits == (Limits{}) {
		limits = DefaultLimits()
	}
	in := Request{Form: form, Body: strings.NewReader(s.body), Length: int64(len(s.body)), Query: s.query, Limits: limits, Digest: true}
	if s.chunked {
		in.Length = -1
	}
	if s.wrap != nil {
		in.Body = s.wrap(in.Body)
	}
	var out bytes.Buffer
	res, err := Read(context.Background(), in, func(engine.Format) (io.Writer, error) { return &out, nil })
	return res, out.String(), err
}

func compress(coding, body string) string {
	var b bytes.Buffer
	switch coding {
	case "gzip":
		z := gzip.NewWriter(&b)
		z.Name = "companies.csv"
		_, _ = z.Write([]byte(body))
		z.Close()
	case "zstd":
		z, err := zstd.NewWriter(&b)
		if err != nil {
			panic(err)
		}
		_, _ = z.Write([]byte(body))
		z.Close()
	default:
		return body
	}
	return b.String()
}

const formType = "multipart/form-data; boundary=b"

// form writes parts given as name, filename, content.
func form(parts ...[3]string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "--b\r\nContent-Disposition: form-data; name=%q", p[0])
		if p[1] != "" {
			fmt.Fprintf(&b, "; filename=%q", p[1])
		}
		fmt.Fprintf(&b, "\r\n\r\n%s\r\n", p[2])
	}
	return b.String() + "--b--\r\n"
}

// Rule 2.49: every body form, and what of it goes on to the engine.
func TestReadForms(t *testing.T) {
	f := func(s sent, format engine.Format, encoding, want string) {
		t.Helper()
		for _, coding := range []string{"", "identity", "gzip", "zstd", "GZIP"} {
			s := s
			s.coding, s.body = coding, compress(strings.ToLower(coding), s.body)
			for _, chunked := range []bool{false, true} {
				s.chunked = chunked
				res, got, err := s.read()
				if err != nil {
					t.Fatalf("coding %q: %v", coding, err)
				}
				if got != want || res.Format != format || res.Encoding != encoding {
					t.Fatalf("coding %q: %s in %q: %q, want %s in %q: %q", coding, res.Format, res.Encoding, got, format, encoding, want)
				}
			}
		}
	}
	f(sent{contentType: "application/json", body: `{"rows":[{"name":"A"}, {"name" : "B"}]}`},
		engine.Rows, "", `{"name":"A"}`+"\n"+`{"name":"B"}`+"\n")
	f(sent{contentType: "application/json; charset=utf-8", body: `{"rows":[]}`}, engine.Rows, "", "")
	f(sent{contentType: "Application/JSON", body: "\xef\xbb\xbf" + `{"csv":"name\nA\u00e9\n","dry_run":true}`},
		engine.CSV, "utf-8", "name\nAé\n")
	f(sent{contentType: "application/json", body: `{"csv":"\ufeffname\nA"}`}, engine.CSV, "utf-8", "name\nA")
	f(sent{contentType: "application/json", body: `{"csv":""}`}, engine.CSV, "utf-8", "")
	f(sent{contentType: "application/json", body: "{\"csv\":\"\xef\xbb\"}"}, engine.CSV, "utf-8", "\xef\xbb")
	f(sent{contentType: "text/csv", body: "name\nA\n"}, engine.CSV, "utf-8", "name\nA\n")
	f(sent{contentType: "text/csv; charset=utf-8", body: "name\nJos\xe9\n"}, engine.CSV, "windows-1252", "name\nJosé\n")
	f(sent{contentType: "text/csv", query: "dialect=%7B%22encoding%22%3A%22latin1%22%7D", body: "name\nJos\xc3\xa9\n"},
		engine.CSV, "windows-1252", "name\nJosÃ©\n")
	f(sent{contentType: "text/csv", body: "\xff\xfen\x00\n\x00"}, engine.CSV, "utf-16le", "n\n")
	f(sent{contentType: "application/x-ndjson", body: "\xef\xbb\xbf{\"name\":\"A\"}\n{"}, engine.NDJSON, "", "{\"name\":\"A\"}\n{")
	f(sent{contentType: formType, body: form([3]string{"file", "c.csv", "name\nA"})}, engine.CSV, "utf-8", "name\nA")
	f(sent{contentType: formType, body: form([3]string{"file", "", "name\nA"})}, engine.CSV, "utf-8", "name\nA")
	f(sent{contentType: formType, body: form([3]string{"x", "dir/c.NDJSON", "{}\n"})}, engine.NDJSON, "", "{}\n")
	f(sent{contentType: formType, body: form([3]string{"x", "c.jsonl", "{}\n"})}, engine.NDJSON, "", "{}\n")
	f(sent{contentType: formType, body: "preamble\r\n" + form([3]string{"x", "c.txt", "a\r\n--\r\n--c\r\n"}) + "epilogue"},
		engine.CSV, "utf-8", "a\r\n--\r\n--c\r\n")
}

// Rule 2.54: several gzip members and zstd frames are one body.
func TestReadMembers(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		body := compress(coding, "name\n") + compress(coding, "") + compress(coding, "A\n")
		_, got, err := sent{contentType: "text/csv", coding: coding, body: body}.read()
		if err != nil || got != "name\nA\n" {
			t.Fatalf("%s: %q, %v", coding, got, err)
		}
		// One that is cut off anywhere is no end, its header included.
		first, second := compress(coding, "name\n"), compress(coding, "A\n")
		for cut := 1; cut < len(second); cut++ {
			_, got, err := sent{contentType: "text/csv", coding: coding, body: first + second[:cut]}.read()
			if codeOf(err) != fault.Validation {
				t.Fatalf("%s: %d bytes of the second member: %q, %v", coding, cut, got, err)
			}
		}
	}
}

func TestReadOptions(t *testing.T) {
	want := engine.Options{
		HasHeader: false, Mapping: map[string]string{"1": "name", "2": "custom.x"}, UpdateExisting: true,
		Tags: []string{"a", "b c"}, Plugin: engine.PluginRef{Name: "clean", Version: 3},
		PluginConfig: []byte(`{"k":[1]}`), DryRun: true, MaxErrors: 7, Results: true,
		Dialect: engine.DialectOptions{Delimiter: ";", Quote: "'", Encoding: "utf-8"},
	}
	f := func(s sent) {
		t.Helper()
		res, _, err := s.read()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, res.Options); diff != "" {
			t.Fatal(diff)
		}
	}
	f(sent{contentType: "application/json", body: `{"has_header":false,"mapping":{"1":"name","2":"custom.x"},"update_existing":true,
		"tags":["a"," b c ","","a"],"plugin":"clean@3","csv":"x","plugin_config":{"k":[1]},"dry_run":true,"on_error":"skip",
		"max_errors":7,"results":true,"dialect":{"delimiter":";","quote":"'","encoding":"UTF8"}}`})
	query := "has_header=false&mapping=%7B%221%22:%22name%22,%222%22:%22custom.x%22%7D&update_existing=true&tags=a&tags=b+c" +
		"&plugin=clean@3&plugin_config=%7B%22k%22:[1]%7D&dry_run=true&on_error=skip&max_errors=7&results=true" +
		"&dialect=%7B%22delimiter%22:%22%3B%22,%22quote%22:%22'%22,%22encoding%22:%22utf-8%22%7D"
	f(sent{contentType: "text/csv", query: query, body: "x"})
	f(sent{contentType: formType, query: query, body: form([3]string{"f", "x.csv", "x"})})
	f(sent{contentType: formType, query: "tags=a&has_header=false", body: form(
		[3]string{"mapping", "", `{"1":"name","2":"custom.x"}`}, [3]string{"update_existing", "", "true"}, [3]string{"tags", "", "b c"},
		[3]string{"plugin", "", "clean@3"}, [3]string{"plugin_config", "", `{"k":[1]}`}, [3]string{"dry_run", "", "true"},
		[3]string{"on_error", "", "skip"}, [3]string{"max_errors", "", "7"}, [3]string{"results", "", "true"},
		[3]string{"dialect", "", `{"delimiter":";","quote":"'","encoding":"utf-8"}`}, [3]string{"f", "x.csv", "x"})})
}

func TestReadOptionsAlone(t *testing.T) {
	f := func(query, body string, want engine.Options) {
		t.Helper()
		for _, s := range []sent{{contentType: "text/csv", query: query}, {contentType: "application/json", body: body}} {
			res, _, err := s.read()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, res.Options); diff != "" {
				t.Fatal(diff)
			}
		}
	}
	with := func(change func(*engine.Options)) engine.Options {
		o := engine.DefaultOptions()
		change(&o)
		return o
	}
	f("", `{"csv":""}`, engine.DefaultOptions())
	f("plugin=", `{"csv":"","plugin":null}`, with(func(o *engine.Options) { o.Plugin.None = true }))
	f("plugin=a.b", `{"csv":"","plugin":"a.b"}`, with(func(o *engine.Options) { o.Plugin.Name = "a.b" }))
	f("on_error=abort&max_errors=5", `{"csv":"","on_error":"abort","max_errors":5}`, with(func(o *engine.Options) { o.MaxErrors = 0 }))
	f("max_errors=5&on_error=abort", `{"max_errors":5,"on_error":"abort","csv":""}`, with(func(o *engine.Options) { o.MaxErrors = 0 }))
	f("max_errors=0", `{"max_errors":0,"csv":""}`, with(func(o *engine.Options) { o.MaxErrors = 0 }))
	f("mapping=%7B%7D", `{"mapping":{},"csv":""}`, engine.DefaultOptions())
	f("plugin_config=null&", `{"plugin_config":null,"csv":""}`, engine.DefaultOptions())
}

// Rule 2.51: unknown or repeated option, wrong type, mapping without CSV: 400.
func TestReadRefused(t *testing.T) {
	f := func(s sent, code fault.Code, option, message string) {
		t.Helper()
		_, _, err := s.read()
		var got *fault.Error
		if !errors.As(err, &got) {
			t.Fatalf("got %v, want %s", err, message)
		}
		name, _ := got.Details["option"].(string)
		if got.Code != code || got.Message != message || name != option {
			t.Fatalf("got %s %q: %s\nwant %s %q: %s", got.Code, name, got.Message, code, option, message)
		}
	}
	body := func(option, body, message string) {
		t.Helper()
		f(sent{contentType: "application/json", body: body}, fault.Validation, option, message)
	}
	query := func(option, query, message string) {
		t.Helper()
		f(sent{contentType: "text/csv", query: query, body: "name\n"}, fault.Validation, option, message)
	}
	parts := func(option, message string, parts ...[3]string) {
		t.Helper()
		f(sent{contentType: formType, body: form(parts...)}, fault.Validation, option, message)
	}
	neither := "give one of rows, an array of companies, or csv, a string"
	body("", `{}`, neither)
	body("", `{"tags":["a"]}`, neither)
	body("", `{"rows":[],"csv":""}`, "give either rows or csv, not both")
	body("", `{"csv":"","rows":[{}]}`, "give either rows or csv, not both")
	body("", `{"rows":null}`, "rows: expected an array, found null at offset 8")
	body("", `{"csv":7}`, "csv: expected a string, found a number at offset 7")
	body("", `{"rows":[{}]} x`, "invalid JSON at offset 14: expected nothing more after the value, found 'x'")
	body("", ``, "invalid JSON at offset 0: expected an object, found the end of the body")
	body("", `{"csv":"","csv":""}`, `"csv" is given twice`)
	body("", `{"csv":"","tags":[],"tags":[]}`, `"tags" is given twice`)

	all := "the options are has_header, mapping, update_existing, tags, plugin, plugin_config, dry_run, on_error, max_errors, results, dialect"
	body("row", `{"row":[]}`, `unknown option "row"; `+all)
	query("rows", "rows=[]", `unknown option "rows"; `+all)
	query("", "%zz=1", `the query has a name that is not percent-encoded: "%zz"`)
	query("plugin", "plugin=%", `the query's value of "plugin" is not percent-encoded`)
	query("plugin", "plugin=%ff", "plugin must be valid UTF-8")
	query("dry_run", "dry_run=true&dry_run=true", "dry_run is given twice")
	query("dry_run", "dry_run=", "dry_run must be true or false")
	query("dry_run", "dry_run=1", "dry_run must be true or false")
	body("dry_run", `{"rows":[],"dry_run":"true"}`, "dry_run must be true or false")
	body("has_header", `{"rows":[],"has_header":null}`, "has_header must be true or false")
	body("update_existing", `{"rows":[],"update_existing":0}`, "update_existing must be true or false")
	query("results", "results=yes", "results must be true or false")

	body("mapping", `{"mapping":[],"csv":""}`, "mapping must be an object of strings")
	body("mapping", `{"mapping":{"a":1},"csv":""}`, `mapping must be an object of strings; "a" is none`)
	body("mapping", `{"mapping":{"a":"name","a":"domain"},"csv":""}`, `mapping names the header "a" twice`)
	body("mapping", `{"mapping":{"a":"name"},"rows":[]}`, "mapping is for CSV only; the keys of JSON rows name the fields themselves")
	query("mapping", "mapping=Company", "mapping must be an object of strings")
	query("mapping", "mapping={", "mapping must be an object of strings")
	f(sent{contentType: "application/x-ndjson", query: `mapping={"a":"name"}`}, fault.Validation, "mapping",
		"mapping is for CSV only; the keys of JSON rows name the fields themselves")
	query("mapping", "mapping="+strings.Repeat("x", maxOptionBytes+1), "mapping has 262145 bytes, the limit is 262144")

	for _, tags := range []string{`"a"`, `[1]`, `[null]`, `null`, `{}`, `[["a"]]`} {
		body("tags", `{"rows":[],"tags":`+tags+`}`, "tags must be an array of strings")
	}
	query("tags", "tags="+strings.Repeat("x", 256), "a tag has 256 bytes, the limit is 255")
	var many strings.Builder
	for i := range 101 {
		fmt.Fprintf(&many, "tags=%d&", i)
	}
	query("tags", many.String(), "there may be at most 100 tags")

	for _, plugin := range []string{`""`, `1`, `"a@"`, `"a@0"`, `"a@01"`, `"a@-1"`, `"@1"`, `"a@1@2"`, `"a@99999999999"`, `{}`, `false`} {
		body("plugin", `{"rows":[],"plugin":`+plugin+`}`, pluginForms)
	}
	body("plugin_config", `{"rows":[],"plugin_config":[]}`, "plugin_config must be an object")
	query("plugin_config", "plugin_config={", "plugin_config must be an object nested at most 64 deep")
	body("on_error", `{"rows":[],"on_error":"stop"}`, `on_error must be "skip" or "abort"`)
	body("on_error", `{"rows":[],"on_error":true}`, `on_error must be "skip" or "abort"`)
	for _, n := range []string{"-1", "1.5", `"1"`, "1e3", "null", "99999999999999999999"} {
		body("max_errors", `{"rows":[],"max_errors":`+n+`}`, "max_errors must be a whole number from 0")
	}
	query("max_errors", "max_errors=", "max_errors must be a whole number from 0")
	query("max_errors", "max_errors=007", "max_errors must be a whole number from 0")

	form := "dialect.delimiter must be one ASCII character, no line end and not NUL"
	for _, d := range []string{`""`, `";;"`, `"é"`, `"\n"`, `"\u0000"`} {
		body("dialect", `{"csv":"","dialect":{"delimiter":`+d+`}}`, form)
	}
	body("dialect", `{"csv":"","dialect":{"delimiter":";","quote":";"}}`, "dialect.delimiter and dialect.quote must differ")
	body("dialect", `{"csv":"","dialect":{"delimiter":";","delimiter":";"}}`, "dialect.delimiter is given twice")
	body("dialect", `{"csv":"","dialect":{"escape":"x"}}`, "unknown dialect.escape; the members are delimiter, quote, encoding")
	body("dialect", `{"csv":"","dialect":";"}`, "dialect must be an object of strings")
	body("dialect", `{"csv":"","dialect":{"encoding":"ebcdic"}}`,
		`dialect.encoding "ebcdic" is not known; it may be utf-8, utf-16, utf-16le, utf-16be or windows-1252`)
	body("dialect", `{"csv":"","dialect":{"encoding":"utf-16"}}`,
		"dialect.encoding is for uploads of bytes; a JSON string is Unicode text, and only utf-8 fits")

	f(sent{contentType: "application/json", query: "dry_run=true", body: `{"rows":[]}`}, fault.Validation, "dry_run",
		`with a JSON body options stand in the body, not in the query: "dry_run"`)

	file := [3]string{"f", "x.csv", "name\n"}
	parts("", "the form has no file; send the rows as a part with a filename")
	parts("", "the form has no file; send the rows as a part with a filename", [3]string{"dry_run", "", "true"})
	parts("", `the form goes on after its file with "dry_run"; options stand before it, and there is only one`, file, [3]string{"dry_run", "", "true"})
	parts("", `the form goes on after its file with "g"; options stand before it, and there is only one`, file, [3]string{"g", "y.csv", ""})
	parts("", "a part of the form has no name", [3]string{"", "x.csv", "name\n"})
	parts("csv", `unknown option "csv"; `+all, [3]string{"csv", "", "name\n"})
	parts("dry_run", "dry_run is given twice", [3]string{"dry_run", "", "true"}, [3]string{"dry_run", "", "true"}, file)
	parts("mapping", "mapping is for CSV only; the keys of JSON rows name the fields themselves",
		[3]string{"mapping", "", `{"a":"name"}`}, [3]string{"f", "x.ndjson", "{}"})
	parts("plugin_config", "the form's fields have over 1048576 bytes", [3]string{"plugin_config", "", strings.Repeat(" ", 1<<20+1)}, file)
	f(sent{contentType: formType, query: "dry_run=true", body: "--b\r\nContent-Disposition: form-data; name=dry_run\r\n\r\ntrue\r\n--b--"},
		fault.Validation, "dry_run", "dry_run is given twice")
	f(sent{contentType: formType, body: "--b\r\nContent-Disposition: form-data; name=f; filename=x\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n--b--"},
		fault.Validation, "", "a part of the form has a Content-Transfer-Encoding; send it as it is")

	f(sent{contentType: "text/csv", body: compress("gzip", "name\n")}, fault.Validation, "",
		"the upload is gzip data; send it with Content-Encoding: gzip")
	f(sent{contentType: "text/csv", body: compress("zstd", "name\n")}, fault.Validation, "",
		"the upload is zstd data; send it with Content-Encoding: zstd")
	f(sent{contentType: formType, body: form2("PK\x03\x04...")}, fault.Validation, "",
		"the upload is a zip archive or an Excel workbook; export it as CSV")
	f(sent{contentType: "text/csv", coding: "gzip", body: ""}, fault.Validation, "", "the gzip body is damaged or cut short: unexpected EOF")
	f(sent{contentType: "text/csv", coding: "zstd", body: ""}, fault.Validation, "", "the zstd body is damaged or cut short: unexpected EOF")
	f(sent{contentType: "text/csv", coding: "gzip", body: "name\n"}, fault.Validation, "", "the gzip body is damaged or cut short: unexpected EOF")
	f(sent{contentType: "text/csv", coding: "gzip", body: "name,domain\n"}, fault.Validation, "", "the gzip body is damaged or cut short: gzip: invalid header")
}

// form2 is a form with one file.
func form2(content string) string { return form([3]string{"f", "book.csv", content}) }

// Rule 2.1: 415, before the body is read.
func TestParseFormRefused(t *testing.T) {
	f := func(contentType, coding string, code fault.Code, message string) {
		t.Helper()
		_, err := ParseForm(contentType, coding)
		var got *fault.Error
		if !errors.As(err, &got) || got.Code != code || got.Message != message {
			t.Fatalf("%q %q: got %v", contentType, coding, err)
		}
	}
	types := "Content-Type must be application/json, text/csv, application/x-ndjson or multipart/form-data"
	for _, c := range []string{"", "text/plain", "application/x-www-form-urlencoded", "text", ";", "text/csv2", "application/json, text/csv"} {
		f(c, "", fault.UnsupportedMedia, types)
	}
	for _, c := range []string{"br", "deflate", "gzip, zstd", "gzip,gzip", "gzipp"} {
		f("text/csv", c, fault.UnsupportedMedia, "Content-Encoding must be one of gzip, zstd or absent")
	}
	boundary := "Content-Type: multipart/form-data needs a boundary of 1 to 70 characters"
	f("multipart/form-data", "", fault.Validation, boundary)
	f("multipart/form-data; boundary=", "", fault.Validation, boundary)
	f("multipart/form-data; boundary="+strings.Repeat("x", 71), "", fault.Validation, boundary)
}

// The digest is of the decoded body, however it came (rule 2.82).
func TestDigest(t *testing.T) {
	digest := func(s sent) Digest {
		t.Helper()
		res, _, err := s.read()
		if err != nil {
			t.Fatal(err)
		}
		return res.Digest
	}
	csv := sent{contentType: "text/csv", body: "name\nA\n"}
	want := digest(csv)
	if want == (Digest{}) {
		t.Fatal("no digest")
	}
	for _, coding := range []string{"gzip", "zstd"} {
		if digest(sent{contentType: "text/csv", coding: coding, body: compress(coding, csv.body), chunked: true, wrap: iotest.OneByteReader}) != want {
			t.Fatalf("%s changes the digest", coding)
		}
	}
	if digest(sent{contentType: "text/csv", body: "name\nB\n"}) == want {
		t.Fatal("another body, the same digest")
	}
	// Parts that could run together; all are different forms.
	seen := map[Digest]string{}
	for _, parts := range [][][3]string{
		{{"f", "x.csv", "a"}}, {{"f", "y.csv", "a"}}, {{"g", "x.csv", "a"}}, {{"f", "x.csv", "b"}},
		{{"tags", "", "a"}, {"f", "x.csv", "a"}}, {{"tags", "", "af"}, {"f", "x.csv", "a"}},
		{{"tags", "", "a"}, {"tags", "", "b"}, {"f", "x.csv", "a"}}, {{"tags", "", "ab"}, {"f", "x.csv", "a"}},
	} {
		d := digest(sent{contentType: formType, body: form(parts...)})
		if other, ok := seen[d]; ok {
			t.Fatalf("%v has the digest of %s", parts, other)
		}
		seen[d] = fmt.Sprint(parts)
		other := strings.ReplaceAll(form(parts...), "--b", "--another")
		if digest(sent{contentType: "multipart/form-data; boundary=another", body: other}) != d {
			t.Fatal("the boundary changes the digest")
		}
	}
}
