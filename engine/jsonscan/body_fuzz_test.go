package jsonscan

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// modelBody reads a valid body with encoding/json. It reports false for one that
// ReadBody must refuse: no object, a member twice, rows or csv of a wrong type.
func modelBody(text []byte) (p parts, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return p, false
	}
	names := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			panic(err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			panic(err)
		}
		name := token.(string)
		if names[name] || len(names) == maxMembers || len(name) > maxMemberBytes {
			return p, false
		}
		names[name] = true
		switch name {
		case "rows":
			var rows []json.RawMessage
			if raw[0] != '[' || json.Unmarshal(raw, &rows) != nil {
				return p, false
			}
			p.Rows = new("")
			for _, row := range rows {
				*p.Rows += compact(row) + "\n"
			}
		case "csv":
			if raw[0] != '"' || json.Unmarshal(raw, &p.CSV) != nil {
				return p, false
			}
		default:
			p.Options = append(p.Options, name+"="+compact(raw))
		}
	}
	return p, true
}

func compact(raw []byte) string {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		panic(err)
	}
	return b.String()
}

func FuzzBody(f *testing.F) {
	for _, c := range bodies {
		f.Add([]byte(c.text), 7)
	}
	for _, c := range suite(f) {
		f.Add(c.text, 1)
		f.Add([]byte(`{"a":`+string(c.text)+`,"rows":[1,`+string(c.text)+`],"csv":"x"}`), 5)
		f.Add([]byte(`{"csv":`+string(c.text)+`}`), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, split int) {
		got, err := readParts(bytes.NewReader(text))
		if split = max(0, min(split, len(text))); split >= 0 {
			r := io.MultiReader(bytes.NewReader(text[:split]), iotest.HalfReader(bytes.NewReader(text[split:])))
			again, err2 := readParts(r)
			if diff := cmp.Diff(got, again); diff != "" || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
				t.Fatalf("%q split at %d: %v, whole: %v (-whole +split):\n%s", text, split, err2, err, diff)
			}
		}
		if depth(text) > MaxBodyDepth || len(text) > MaxOptionBytes {
			return
		}
		plain := bytes.TrimPrefix(text, []byte(byteOrderMark))
		if runes(string(plain)) != string(plain) && err == nil {
			// encoding/json changes such bytes; it must still call them valid.
			if !json.Valid(plain) {
				t.Fatalf("%q is no JSON, but was read", text)
			}
			return
		}
		if !json.Valid(plain) {
			if err == nil {
				t.Fatalf("%q is no JSON, but was read", text)
			}
			return
		}
		want, ok := modelBody(plain)
		if !ok {
			// Halves of surrogate pairs are one name for encoding/json only.
			if err == nil && !bytes.Contains(bytes.ToLower(plain), []byte(`\ud`)) {
				t.Fatalf("%q was read", text)
			}
			return
		}
		if err != nil {
			if strings.Contains(string(plain), "\\") || runes(string(plain)) != string(plain) {
				// Names may be equal, or too long, only as encoding/json reads them.
				if strings.Contains(err.Error(), "longer than") || strings.Contains(err.Error(), "twice") {
					return
				}
			}
			t.Fatalf("%q: %v", text, err)
		}
		for i := range got.Options {
			got.Options[i] = asModel(got.Options[i])
		}
		if got.CSV != nil {
			got.CSV = new(asModel(*got.CSV))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", text, diff)
		}
	})
}
