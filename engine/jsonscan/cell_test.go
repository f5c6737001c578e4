package jsonscan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/batch"
	"sluice/engine/fault"
)

func tags(raw string) (got []string, err error) {
	err = Tags([]byte(raw), func(tag []byte) error {
		got = append(got, string(tag))
		return nil
	})
	return got, err
}

func members(raw string) (got []string, err error) {
	err = Object([]byte(raw), func(key []byte, kind batch.Kind, value []byte) error {
		got = append(got, fmt.Sprintf("%s=%s %s", key, kindNames[kind], value))
		return nil
	})
	return got, err
}

func TestTags(t *testing.T) {
	f := func(raw string, want ...string) {
		t.Helper()
		got, err := tags(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
	}
	f(`[]`)
	f(" [ ] \n")
	f(`[null]`)
	f(`["a"]`, "a")
	f(` [ "a" , "b\n\u00e4" , "" , -1.50e2 , true , null , false ] `, "a", "b\nä", "", "-1.50e2", "true", "false")
	f(`["\u0041","\u0042","c","\ud800"]`, "A", "B", "c", "\xed\xa0\x80")
}

func TestObject(t *testing.T) {
	f := func(raw string, want ...string) {
		t.Helper()
		got, err := members(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", raw, diff)
		}
	}
	f(`{}`)
	f(" { } ")
	f(`{"a":"x"}`, "a=text x")
	f(` { "a\n" : "\u0041\t" , "b" : 1 , "\u0062" : null , "" : [ 1 ] , "c" : { "d" : "\n" } , "e" : true } `,
		"a\n=text A\t", "b=number 1", "b=null ", "=json [ 1 ]", `c=json { "d" : "\n" }`, "e=bool true")
}

func TestScalar(t *testing.T) {
	f := func(raw string, kind batch.Kind, want string) {
		t.Helper()
		got, text, err := Scalar([]byte("before "), []byte(raw))
		if err != nil || got != kind || string(text) != "before "+want {
			t.Errorf("%s: %v %q, %v", raw, got, text, err)
		}
	}
	f(`"a"`, batch.Text, "a")
	f(` "a\n\u00e4" `, batch.Text, "a\nä")
	f(`-1.50e2`, batch.Number, "-1.50e2")
	f("true\n", batch.Bool, "true")
	f(`null`, batch.Null, "")
}

func scalar(raw string) (got []string, err error) {
	_, _, err = Scalar(nil, []byte(raw))
	return nil, err
}

func TestCellFaults(t *testing.T) {
	f := func(walk func(string) ([]string, error), raw string, code fault.Code, message string) {
		t.Helper()
		_, err := walk(raw)
		if !errors.Is(err, code) || err.Error() != string(code)+": "+message {
			t.Errorf("%s: %v, want %s: %s", raw, err, code, message)
		}
	}
	f(tags, `{"a":1}`, fault.InvalidType, "expected an array, found an object")
	f(tags, `"a"`, fault.InvalidType, "expected an array, found a string")
	f(scalar, ` [1]`, fault.InvalidType, "expected a plain value, found an array")
	f(scalar, `{`, fault.InvalidType, "expected a plain value, found an object")
	f(scalar, ``, fault.Malformed, "invalid JSON at offset 0: expected a value, found the end")
	f(scalar, `nil`, fault.Malformed, "invalid JSON at offset 1: expected true, false or null, found 'i'")
	f(scalar, `1 2`, fault.Malformed, "invalid JSON at offset 2: expected nothing more after the value, found '2'")
	f(tags, `[1,[2]]`, fault.InvalidType, "expected an array of plain values, found an array in it")
	f(tags, `[{}]`, fault.InvalidType, "expected an array of plain values, found an object in it")
	f(tags, ``, fault.Malformed, "invalid JSON at offset 0: expected a value, found the end")
	f(tags, `a`, fault.Malformed, "invalid JSON at offset 0: expected a value, found 'a'")
	f(tags, `[`, fault.Malformed, `invalid JSON at offset 1: expected a value or "]", found the end`)
	f(tags, `[1,]`, fault.Malformed, `invalid JSON at offset 3: expected a value, found ']'`)
	f(tags, `["a`, fault.Malformed, `invalid JSON at offset 3: expected the closing quote of the string, found the end`)
	f(tags, `["a" 1]`, fault.Malformed, `invalid JSON at offset 5: expected "," or "]" after the element, found '1'`)
	f(tags, `[1]]`, fault.Malformed, `invalid JSON at offset 3: expected nothing more after the value, found ']'`)
	f(tags, `[] x`, fault.Malformed, `invalid JSON at offset 3: expected nothing more after the value, found 'x'`)
	f(tags, strings.Repeat("[", 65), fault.Malformed, `arrays and objects are nested deeper than 64 levels, at offset 64`)
	f(members, `[1]`, fault.InvalidType, "expected an object, found an array")
	f(members, ` `, fault.Malformed, "invalid JSON at offset 1: expected a value, found the end")
	f(members, `{`, fault.Malformed, `invalid JSON at offset 1: expected a key or "}", found the end`)
	f(members, `{"a":1,}`, fault.Malformed, `invalid JSON at offset 7: expected a key, found '}'`)
	f(members, `{"a" 1}`, fault.Malformed, `invalid JSON at offset 5: expected ":" after the key, found '1'`)
	f(members, `{"a`, fault.Malformed, `invalid JSON at offset 3: expected the closing quote of the string, found the end`)
	f(members, `{"a":x}`, fault.Malformed, `invalid JSON at offset 5: expected a value, found 'x'`)
	f(members, `{"a":1]`, fault.Malformed, `invalid JSON at offset 6: expected "," or "}" after the member, found ']'`)
	f(members, `{}{}`, fault.Malformed, `invalid JSON at offset 2: expected nothing more after the value, found '{'`)

	stop := errors.New("stop")
	if err := Tags([]byte(`[1,x`), func([]byte) error { return stop }); err != stop {
		t.Errorf("Tags: %v", err)
	}
	if err := Object([]byte(`{"a":1,x`), func([]byte, batch.Kind, []byte) error { return stop }); err != stop {
		t.Errorf("Object: %v", err)
	}
}

func TestValid(t *testing.T) {
	if err := Valid([]byte(" {\"a\":[1]}\n")); err != nil {
		t.Error(err)
	}
	err := Valid([]byte(`{"a":[1}`))
	if want := `invalid JSON at offset 7: expected "," or "]" after the element, found '}'`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	err = Valid([]byte(`1 1`))
	if want := `invalid JSON at offset 2: expected nothing more after the value, found '1'`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Walks agree with encoding/json on what is valid and on every value.
func FuzzCells(f *testing.F) {
	for _, c := range suite(f) {
		f.Add(string(c.text))
		f.Add(`{"k\n":` + string(c.text) + `,"l":"x"}`)
		f.Add(`["\n",` + string(c.text) + `,"x"]`)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		valid := json.Valid([]byte(raw)) && depth([]byte(raw)) <= MaxDepth
		gotTags, tagErr := tags(raw)
		var list []any
		isArray := valid && strings.HasPrefix(strings.TrimLeft(raw, " \t\r\n"), "[")
		if isArray {
			d := json.NewDecoder(strings.NewReader(oneRune(raw)))
			d.UseNumber()
			if err := d.Decode(&list); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, v := range list {
				switch v.(type) {
				case nil:
				case []any, map[string]any:
					isArray = false
				default:
					want = append(want, fmt.Sprint(v))
				}
			}
			for i := range gotTags {
				gotTags[i] = asModel(gotTags[i])
			}
			if diff := cmp.Diff(want, gotTags); isArray && diff != "" {
				t.Fatalf("Tags(%q) (-want +got):\n%s", raw, diff)
			}
		}
		if (tagErr == nil) != isArray && depth([]byte(raw)) <= MaxDepth {
			t.Fatalf("Tags(%q): %v", raw, tagErr)
		}

		gotMembers, objectErr := members(raw)
		isObject := valid && strings.HasPrefix(strings.TrimLeft(raw, " \t\r\n"), "{")
		if (objectErr == nil) != isObject && depth([]byte(raw)) <= MaxDepth {
			t.Fatalf("Object(%q): %v", raw, objectErr)
		}
		if isObject && raw == runes(raw) {
			var want []string
			d := json.NewDecoder(strings.NewReader(raw))
			if _, err := d.Token(); err != nil {
				t.Fatal(err)
			}
			for d.More() {
				key, err := d.Token()
				if err != nil {
					t.Fatal(err)
				}
				var v json.RawMessage
				if err := d.Decode(&v); err != nil {
					t.Fatal(err)
				}
				text := string(v)
				kind := batch.JSON
				switch v[0] {
				case '"':
					kind = batch.Text
					if err := json.Unmarshal(v, &text); err != nil {
						t.Fatal(err)
					}
				case 'n':
					kind, text = batch.Null, ""
				case 't', 'f':
					kind = batch.Bool
				case '{', '[':
				default:
					kind = batch.Number
				}
				want = append(want, fmt.Sprintf("%s=%s %s", key, kindNames[kind], text))
			}
			for i := range gotMembers {
				gotMembers[i] = asModel(gotMembers[i])
			}
			if diff := cmp.Diff(want, gotMembers); diff != "" {
				t.Fatalf("Object(%q) (-want +got):\n%s", raw, diff)
			}
		}
	})
}

func TestAppendString(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if got := string(AppendString([]byte("x"), s)); got != "x"+want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
	f("", `""`)
	f("plain", `"plain"`)
	f("a\"b\\c/d", `"a\"b\\c/d"`)
	f("\n\r\t\b\x00\x1f\x7f", `"\n\r\t\u0008\u0000\u001f`+"\x7f\"")
	f("ä€😀\ufffd", `"ä€😀`+"\ufffd\"")
	f("a\xff\xc3b\xed\xa0\x80", "\"a\ufffd\ufffdb\ufffd\ufffd\ufffd\"")
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\n\x00\x1f\xff\u2028😀\xed\xa0\x80")
	f.Fuzz(func(t *testing.T, s string) {
		quoted := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != runes(s) || Valid(quoted) != nil {
			t.Fatalf("%q became %s: %q, %v", s, quoted, back, err)
		}
	})
}
