package host

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"sluice/engine/batch"
	"sluice/engine/company"
)

func sampleCompany() *company.Company {
	var b company.Builder
	b.Text[company.Name] = []byte("Acme \"Corp\"\n")
	b.Text[company.Domain] = []byte("acme.com")
	b.Text[company.City] = []byte("Zürich")
	b.AddTag([]byte("a"))
	b.SetCustom([]byte("n"), batch.Number, []byte("1.50"))
	b.SetCustom([]byte("t"), batch.Text, []byte("x"))
	return &company.Company{ID: company.ID(uuid.MustParse("0f8fad5b-d9cb-469f-a165-70867728950e")),
		Record: company.Patch(b.Append(nil)).Record(), Created: 1_700_000_000_000, Updated: 1_700_000_000_001}
}

func TestCompanyJSON(t *testing.T) {
	var w companyWriter
	got, err := w.appendJSON(nil, sampleCompany())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"0f8fad5b-d9cb-469f-a165-70867728950e","name":"Acme \"Corp\"\n","domain":"acme.com","industry":null,` +
		`"website":null,"linkedin_url":null,"size":null,"city":"Zürich","country":null,"phone":null,"description":null,` +
		`"tags":["a"],"custom":{"n":1.50,"t":"x"},"created_date":"2023-11-14T22:13:20.000Z","updated_date":"2023-11-14T22:13:20.001Z"}`
	if string(got) != want {
		t.Fatalf("%s, want %s", got, want)
	}
	if _, err := w.appendJSON(nil, &company.Company{Record: company.Record("nonsense")}); err == nil {
		t.Fatal("a damaged record was written")
	}
}

// Writing a company costs no memory once the buffers have grown.
func TestCompanyWriterAllocates(t *testing.T) {
	var w companyWriter
	c, buf := sampleCompany(), make([]byte, 0, 4096)
	for name, write := range map[string]func([]byte, *company.Company) ([]byte, error){"json": w.appendJSON, "csv": w.appendCSV} {
		n := testing.AllocsPerRun(100, func() {
			var err error
			if buf, err = write(buf[:0], c); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\\n\r\t\x00\x1f\x7f", "ü€😀", "\xff\xfe", "\u2028<>&", "\xe2\x82"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(string(s), "\ufffd"); utf8.Valid(s) && got != want {
			t.Fatalf("%q, want %q", got, want)
		}
	})
}

func FuzzAppendCell(f *testing.F) {
	for _, s := range []string{"", "a", " a", `a"b`, "a,b", "a\nb", "a;b", "ü"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		if bytes.Contains(s, []byte{'\r'}) {
			return // which encoding/csv drops before a line feed
		}
		line := append(appendCell([]byte("x,"), s), '\r', '\n')
		rows, err := csv.NewReader(bytes.NewReader(line)).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 || rows[0][1] != string(s) {
			t.Fatalf("%q: %q, %v", s, rows, err)
		}
	})
}

// A body that is taken makes a patch that can be read, within the limits.
func FuzzParseCompany(f *testing.F) {
	for _, s := range []string{`{"name":"a","domain":"a.com","tags":["x"],"custom":{"a":1,"b":true,"c":"d","e":null}}`,
		`{"name":null}`, `{"tags":null,"custom":null}`, `[]`, `{"name":"\ud800"}`, `{"custom":{"a":1,"a":{}}}`, "{\"name\":\"\xff\"}", `{"custom":{"\ud800":1}}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, change bool) {
		patch, err := parseCompany(body, change)
		if err != nil {
			return
		}
		var v company.View
		if err := v.Decode(patch.Record()); err != nil {
			t.Fatal(err)
		}
		for field, text := range v.Text {
			if len(text) > company.Field(field).MaxBytes() || !utf8.Valid(text) {
				t.Fatalf("%s has %d bytes: %q", company.Field(field), len(text), text)
			}
		}
		if !change && len(v.Text[company.Name]) == 0 {
			t.Fatal("created without a name")
		}
		if len(v.Tags) > company.MaxTags || len(v.Custom) > company.MaxCustom {
			t.Fatalf("%d tags, %d custom fields", len(v.Tags), len(v.Custom))
		}
	})
}

// An id of the client is echoed only where it can't break a header or a log.
func FuzzRequestID(f *testing.F) {
	for _, s := range []string{"", "a", "a\r\nb: c", strings.Repeat("a", 129), "ä", "a b", "+", "a:b/c=d@e~"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		id := requestID(sent)
		if id == "" || len(id) > maxRequestID || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/+=@~") != "" {
			t.Fatalf("%q of %q", id, sent)
		}
	})
}

func FuzzRouter(f *testing.F) {
	s := &Server{}
	rt := newRouter(append(s.keyRoutes(), s.companyRoutes()...))
	for _, s := range []string{"/v1/companies", "/v1/companies/export", "/v1/companies/a%2Fb", "//", "http://x/v1/companies", "*"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, uri []byte) {
		m := rt.find("GET", string(target(uri)))
		if m.route != nil && (strings.Contains(m.params[0], "/") || strings.Contains(m.route.pattern, "{") != (m.params[0] != "")) {
			t.Fatalf("%q: %s with %q", uri, m.route.pattern, m.params)
		}
	})
}
