package jsonscan

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"sluice/engine/batch"
	"sluice/engine/fault"
)

type suiteCase struct {
	name string
	text []byte
}

func suite(tb testing.TB) []suiteCase {
	tb.Helper()
	data, err := os.ReadFile("testdata/jsontestsuite.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var cases []suiteCase
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, quoted, _ := strings.Cut(line, "\t")
		text, err := strconv.Unquote(quoted)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		cases = append(cases, suiteCase{name, []byte(text)})
	}
	if len(cases) < 300 {
		tb.Fatalf("only %d cases", len(cases))
	}
	return cases
}

// The suite runs through each of the scanners: in memory, as a line, as an
// element of rows and as an option of a body.
func TestJSONTestSuite(t *testing.T) {
	for _, c := range suite(t) {
		want := c.name[0] == 'y'
		if c.name[0] == 'i' {
			want = json.Valid(c.text)
		}
		deep := c.name == "i_structure_500_nested_arrays"

		if got := Valid(c.text) == nil; got != (want && !deep) {
			t.Errorf("%s: Valid: %v, want %v", c.name, got, want)
		}
		if got := bodyWith(`{"rows":[0,`, c.text, `,0]}`); got != want {
			t.Errorf("%s: in rows: %v, want %v", c.name, got, want)
		}
		if got := bodyWith(`{"a":`, c.text, `,"rows":[]}`); got != want {
			t.Errorf("%s: as an option: %v, want %v", c.name, got, want)
		}
		if !bytes.ContainsAny(c.text, "\n") && len(bytes.Trim(c.text, " \t\r")) > 0 &&
			!bytes.HasPrefix(c.text, []byte(byteOrderMark)) {
			if got := lineValid(c.text); got != (want && !deep) {
				t.Errorf("%s: as a line: %v, want %v", c.name, got, want)
			}
		}
	}
}

// bodyWith reports whether a body with text in it is valid. A text that closes
// its surroundings and opens them again would pass there, but the suite has none.
func bodyWith(before string, text []byte, after string) bool {
	r := io.MultiReader(strings.NewReader(before), bytes.NewReader(text), strings.NewReader(after))
	return ReadBody(r, Handler{}) == nil
}

func lineValid(text []byte) bool {
	var b batch.Batch
	err := New(bytes.NewReader(text), int64(len(text)), Position{}, Options{}).Next(&b, 10, 1<<20)
	if err != nil || len(b.Rows) != 1 {
		return false
	}
	return !b.Rows[0].Failed || b.Faults[0].Code == fault.InvalidType
}

func FuzzValid(f *testing.F) {
	for _, c := range suite(f) {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := json.Valid(text)
		if err := Valid(text); (err == nil) != want {
			if !want || depth(text) <= MaxDepth {
				t.Fatalf("Valid(%q): %v, encoding/json says %v", text, err, want)
			}
		}
		if got := bodyWith(`{"a":`, text, `}`); got != want && depth(text) < MaxBodyDepth {
			// `1,"b":2` is right in a body, but no value.
			if want || !json.Valid([]byte(`{"a":`+string(text)+`}`)) {
				t.Fatalf("a body with %q: %v, encoding/json says %v", text, got, want)
			}
		}
	})
}

// depth bounds how deep text can nest.
func depth(text []byte) int {
	n, most := 0, 0
	for _, c := range text {
		if c == '[' || c == '{' {
			n++
			most = max(most, n)
		}
	}
	return most
}
