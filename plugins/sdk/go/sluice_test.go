//go:build !wasip1

package sluice

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTry(t *testing.T) {
	Register(Plugin{Name: "t", Open: func(job *Job) (func(*Row), error) {
		if job.Config.Bool("refuse", false) {
			return nil, errors.New("no \"thanks\"")
		}
		company, tags := job.Input("company"), job.Input("Tags", "labels")
		name, domain := job.Output("name"), job.Output("domain")
		missing := job.Input("nope")
		return func(r *Row) {
			switch text := r.Text(company); {
			case text == "skip":
				r.Skip()
			case text == "bad":
				r.Reject(company, "bad", strings.Repeat("ü", 600))
				r.Reject(None, "worse", "")
			case text == "two":
				for _, part := range strings.Split(r.Text(tags), ";") {
					r.Set(name, part)
					r.Emit()
				}
			default:
				r.Copy(name, company)
				r.Copy(domain, missing)
				if !r.Blank(tags) {
					r.Set(domain, strings.ToUpper(r.Text(tags)))
				}
				Log(Info, text)
			}
		}, nil
	}})
	got, err := Try("", []string{"Company", "LABELS"}, []string{"Acme", "x"}, []string{"skip", ""}, []string{"bad", ""},
		[]string{"two", "a;b;c"}, []string{"Bolt", " "})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(got)
	want := `{"Fields":["name","domain"],"Rows":[["Acme","X"],["a",""],["b",""],["c",""],["Bolt",""]],"Source":[0,3,3,3,4],` +
		`"Errors":[{"Row":2,"Column":"Company","Code":"bad","Message":"` + strings.Repeat("ü", 512) + `"},` +
		`{"Row":2,"Column":"","Code":"worse","Message":""}],"Log":["Acme","Bolt"]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if _, err := Try(`{"refuse":true}`, nil); err == nil || err.Error() != `no "thanks"` {
		t.Errorf("refusal: %v", err)
	}
}

func FuzzValue(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"b":"x\n\u00e9\ud83d\ude00","c":[1,"two",{"a":"b"}],"d":true,"a":2.5e3}`, `[[],{}]`, `{"a"`, `"\ud800"`,
		`{"k":"\"}"}`, ` { "a" : [ 1 , 2 ] } `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := Value{text}
		v.Text("a", "")
		v.Texts("c")
		v.Float()
		var object map[string]any
		if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &object) != nil {
			return // the host sends no such text
		}
		for key, want := range object {
			switch want := want.(type) {
			case string:
				if got := v.Text(key, "?"); got != want {
					t.Errorf("%q: %q, want %q", key, got, want)
				}
			case bool:
				if got := v.Bool(key, !want); got != want {
					t.Errorf("%q: %v", key, got)
				}
			case float64:
				if got := v.Number(key, -1); got != want {
					t.Errorf("%q: %v, want %v", key, got, want)
				}
			case []any:
				if got := len(v.Key(key).List()); got != len(want) {
					t.Errorf("%q: %d items, want %d", key, got, len(want))
				}
			}
		}
	})
}
