package jsonscan

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/batch"
)

// seen is a decoded upload in a form that doesn't show where batches end.
type seen struct {
	Rows    []string // number, line, raw, cells by column, fault
	Ends    []Position
	Columns []string
	Ignored []string
}

var kindNames = [...]string{"text", "absent", "null", "number", "bool", "json"}

// decode reads data from a position on.
func decode(t testing.TB, d *Decoder, maxRows, maxBytes int) seen {
	t.Helper()
	var (
		b   batch.Batch
		out seen
	)
	for {
		err := d.Next(&b, maxRows, maxBytes)
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(b.Rows) == 0 || len(b.Rows) > max(maxRows, 1) || len(b.Cells) != len(b.Rows)*b.Cols || b.Cols != len(d.Columns()) {
			t.Fatalf("a batch of %d rows, %d columns (%d known), %d cells", len(b.Rows), b.Cols, len(d.Columns()), len(b.Cells))
		}
		faults := b.Faults
		for i, r := range b.Rows {
			var s strings.Builder
			fmt.Fprintf(&s, "%d/%d %s", r.Number, r.Line, b.Raw(i))
			for c, cell := range b.Row(i) {
				if kind := cell.Kind(); kind != batch.Absent {
					fmt.Fprintf(&s, " | %s %s %s", d.Columns()[c], kindNames[kind], b.Bytes(cell))
				} else if cell.Len() != 0 {
					t.Fatalf("row %d: an absent cell of %d bytes", r.Number, cell.Len())
				}
			}
			if r.Failed {
				if faults[0].Row != i || faults[0].Column != batch.NoColumn {
					t.Fatalf("row %d: its fault is %+v", r.Number, faults[0])
				}
				fmt.Fprintf(&s, " ! %s: %s", faults[0].Code, faults[0].Message)
				faults = faults[1:]
			}
			out.Rows = append(out.Rows, s.String())
			out.Ends = append(out.Ends, Position{r.End, r.Number, r.EndLine})
		}
		if len(faults) != 0 {
			t.Fatalf("faults of no row: %+v", faults)
		}
	}
	out.Columns, out.Ignored = slices.Clone(d.Columns()), slices.Clone(d.Ignored())
	return out
}

func open(text string, opts Options) *Decoder {
	return New(strings.NewReader(text), int64(len(text)), Position{}, opts)
}

func TestDecoderRows(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		got := decode(t, open(text, Options{Lines: true}), 100, 1<<20)
		if diff := cmp.Diff(want, got.Rows); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	f("")
	f("\n \t\r\n\r\n")
	f(byteOrderMark)
	f(`{}`, `1/1 {}`)
	f(`{"a":"x"}`, `1/1 {"a":"x"} | a text x`)
	f("{\"a\":\"x\"}\n{\"a\":\"y\"}\n", `1/1 {"a":"x"} | a text x`, `2/2 {"a":"y"} | a text y`)
	f("\r\n{\"a\":1}\r\n\n \n{\"a\":2}\r\n\n", `1/2 {"a":1} | a number 1`, `2/5 {"a":2} | a number 2`)
	f(byteOrderMark+`{"a":1}`, `1/1 {"a":1} | a number 1`)
	f(" \t{ \"a\" : 1 , \"b\" : 2 } \t", "1/1  \t{ \"a\" : 1 , \"b\" : 2 } \t | a number 1 | b number 2")
	f(`{"a":1,"b":"","c":true,"d":false,"e":null,"f":[1, {"x":"]"}],"g":{"y":[]},"h":-0.5E+7}`,
		`1/1 {"a":1,"b":"","c":true,"d":false,"e":null,"f":[1, {"x":"]"}],"g":{"y":[]},"h":-0.5E+7}`+
			` | a number 1 | b text  | c bool true | d bool false | e null  | f json [1, {"x":"]"}] | g json {"y":[]} | h number -0.5E+7`)
	f(`{"a":"\"\\\/\b\f\n\r\t\u0041\u00e4\u20ac\ud83d\ude00!"}`,
		`1/1 {"a":"\"\\\/\b\f\n\r\t\u0041\u00e4\u20ac\ud83d\ude00!"} | a text `+"\"\\/\b\f\n\r\tA\u00e4€😀!")
	f(`{"a":"\ud800","b":"\ude00x","c":"\ud800\ud800\udc00","d":"\ud800\n","e":"\ud800é"}`,
		`1/1 {"a":"\ud800","b":"\ude00x","c":"\ud800\ud800\udc00","d":"\ud800\n","e":"\ud800é"}`+
			" | a text \xed\xa0\x80 | b text \xed\xb8\x80x | c text \xed\xa0\x80\U00010000 | d text \xed\xa0\x80\n | e text \xed\xa0\x80é")
	f("{\"a\":\"\xff\x80\"}", "1/1 {\"a\":\"\xff\x80\"} | a text \xff\x80")
	f("{}\n"+byteOrderMark+"{}", `1/1 {}`, "2/2 "+byteOrderMark+`{} ! malformed: invalid JSON at offset 0: expected a value, found byte 0xef`)
	// The last of equal keys wins, however they are written.
	f(`{"a":1,"b":2,"\u0061":"x\n","a":null}`, `1/1 {"a":1,"b":2,"\u0061":"x\n","a":null} | a null  | b number 2`)
	f(`{"":1}`, `1/1 {"":1} |  number 1`)
	// Columns that turn up late are absent in earlier rows.
	f(`{"a":1}`+"\n"+`{"b":2}`+"\n"+`{"c":3,"a":4}`+"\n"+`{}`,
		`1/1 {"a":1} | a number 1`, `2/2 {"b":2} | b number 2`, `3/3 {"c":3,"a":4} | a number 4 | c number 3`, `4/4 {}`)
	// After a\ as a key, a"b must not be taken for it, nor the other way round.
	f(`{"a\\":1,"x":2}`+"\n"+`{"a\":1,"x":2}`+"\n"+`{"a\\":3}`,
		`1/1 {"a\\":1,"x":2} | a\ number 1 | x number 2`,
		`2/2 {"a\":1,"x":2} ! malformed: invalid JSON at offset 9: expected ":" after the key, found 'x'`,
		`3/3 {"a\\":3} | a\ number 3`)
}

func TestDecoderFaults(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		// The rows around a faulty one, and their columns, are as if it weren't there.
		got := decode(t, open(`{"a":1}`+"\n"+text+"\n"+`{"b":2}`, Options{}), 100, 1<<20)
		rows := []string{`1/0 {"a":1} | a number 1`, "2/0 " + text + " ! " + want, `3/0 {"b":2} | b number 2`}
		if diff := cmp.Diff(rows, got.Rows); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		if diff := cmp.Diff([]string{"a", "b"}, got.Columns); diff != "" {
			t.Errorf("%q: columns (-want +got):\n%s", text, diff)
		}
	}
	f(`[{"x":1}]`, `invalid_type: expected an object, found an array`)
	f(`"x"`, `invalid_type: expected an object, found a string`)
	f(` 12 `, `invalid_type: expected an object, found a number`)
	f(`-1e5`, `invalid_type: expected an object, found a number`)
	f(`true`, `invalid_type: expected an object, found a boolean`)
	f(`null`, `invalid_type: expected an object, found null`)
	f(`x`, `malformed: invalid JSON at offset 0: expected a value, found 'x'`)
	f("\x00", `malformed: invalid JSON at offset 0: expected a value, found byte 0x00`)
	f(`[1`, `malformed: invalid JSON at offset 2: expected "," or "]" after the element, found the end`)
	f(`[`, `malformed: invalid JSON at offset 1: expected a value or "]", found the end`)
	f(`1 2`, `malformed: invalid JSON at offset 2: expected nothing more after the value, found '2'`)
	f(`nul`, `malformed: invalid JSON at offset 3: expected true, false or null, found the end`)
	f(`nulL`, `malformed: invalid JSON at offset 3: expected true, false or null, found 'L'`)
	f(`{`, `malformed: invalid JSON at offset 1: expected a key or "}", found the end`)
	f(`{,`, `malformed: invalid JSON at offset 1: expected a key or "}", found ','`)
	f(`{"x"`, `malformed: invalid JSON at offset 4: expected ":" after the key, found the end`)
	f(`{"x`, `malformed: invalid JSON at offset 3: expected the closing quote of the string, found the end`)
	f(`{"x":`, `malformed: invalid JSON at offset 5: expected a value, found the end`)
	f(`{"x":}`, `malformed: invalid JSON at offset 5: expected a value, found '}'`)
	f(`{"x":1`, `malformed: invalid JSON at offset 6: expected "," or "}" after the member, found the end`)
	f(`{"x":1,`, `malformed: invalid JSON at offset 7: expected a key, found the end`)
	f(`{"x":1,}`, `malformed: invalid JSON at offset 7: expected a key, found '}'`)
	f(`{"x":01}`, `malformed: invalid JSON at offset 6: expected "," or "}" after the member, found '1'`)
	f(`{"x":1.}`, `malformed: invalid JSON at offset 7: expected a digit, found '}'`)
	f(`{"x":-}`, `malformed: invalid JSON at offset 6: expected a digit, found '}'`)
	f(`{"x":1e+}`, `malformed: invalid JSON at offset 8: expected a digit, found '}'`)
	f(`{"x":tru}`, `malformed: invalid JSON at offset 8: expected true, false or null, found '}'`)
	f(`{"x":"y}`, `malformed: invalid JSON at offset 8: expected the closing quote of the string, found the end`)
	f(`{"x":"\y"}`, `malformed: invalid JSON at offset 7: expected one of "\/bfnrtu after the backslash, found 'y'`)
	f(`{"x":"\`, `malformed: invalid JSON at offset 7: expected one of "\/bfnrtu after the backslash, found the end`)
	f(`{"x":"\u12g4"}`, `malformed: invalid JSON at offset 10: expected four hexadecimal digits after \u, found 'g'`)
	f(`{"x":"\u12`, `malformed: invalid JSON at offset 10: expected four hexadecimal digits after \u, found the end`)
	f("{\"x\":\"a\tb\"}", `malformed: invalid JSON at offset 7: expected control characters in a string to be escaped, found byte 0x09`)
	f(`{"x":[1,]}`, `malformed: invalid JSON at offset 8: expected a value, found ']'`)
	f(`{"x":[1 2]}`, `malformed: invalid JSON at offset 8: expected "," or "]" after the element, found '2'`)
	f(`{"x":{"y" 2}}`, `malformed: invalid JSON at offset 10: expected ":" after the key, found '2'`)
	f(`{"x":1}}`, `malformed: invalid JSON at offset 7: expected nothing more after the value, found '}'`)
	f(`{"x":1} {"y":1}`, `malformed: invalid JSON at offset 8: expected nothing more after the value, found '{'`)
	f(`{"x":"y\n"`, `malformed: invalid JSON at offset 10: expected "," or "}" after the member, found the end`)
	f("{\"x\":\xff}", `malformed: invalid JSON at offset 5: expected a value, found byte 0xff`)
	f(strings.Repeat("[", 65), `malformed: arrays and objects are nested deeper than 64 levels, at offset 64`)
	f(`{"x":`+strings.Repeat("[", 64), `malformed: arrays and objects are nested deeper than 64 levels, at offset 68`)
	f(`{"`+strings.Repeat("k", 1025)+`":1}`, `malformed: a key is longer than 1024 bytes, at offset 1`)
}

// What a row unescaped before it failed takes no room in the batch.
func TestDecoderFailedRowLeavesItsTextAlone(t *testing.T) {
	text := `{"a":"` + strings.Repeat(`\n`, 1000) + `",]`
	var b batch.Batch
	if err := open(text, Options{}).Next(&b, 1, 1<<20); err != nil {
		t.Fatal(err)
	}
	if !b.Rows[0].Failed || string(b.Arena) != text || b.Cols != 0 || len(b.Cells) != 0 {
		t.Errorf("%d bytes for a line of %d, %d columns", len(b.Arena), len(text), b.Cols)
	}
}

// mixed is an upload with some of everything, at every length of line.
func mixed() string {
	var s strings.Builder
	for i := range 150 {
		switch i % 10 {
		case 3:
			s.WriteString("\n  \r\n")
		case 4:
			fmt.Fprintf(&s, "{\"a\":%d,\"broken%d\n", i, i)
		case 5:
			fmt.Fprintf(&s, "[%d]\r\n", i)
		case 6:
			fmt.Fprintf(&s, "{\"late%d\":\"\\u00%02x\",\"a\":null}\n", i, i)
		case 7:
			fmt.Fprintf(&s, "{\"no%d\":[],\"b\":{\"x\":%d}}\n", i%40, i)
		default:
			fmt.Fprintf(&s, "{\"a\":\"%s\",\"b\":true}\n", strings.Repeat("ä", i))
		}
	}
	s.WriteString(`{"a":"the end"}`)
	return s.String()
}

func noNo(key []byte) bool { return !bytes.HasPrefix(key, []byte("no")) }

// However batches are cut, and wherever reading goes on, the rows are the same.
func TestDecoderCutsAndResumes(t *testing.T) {
	text := mixed()
	opts := Options{Lines: true, Known: noNo}
	whole := decode(t, open(text, opts), 1<<20, 1<<30)
	if len(whole.Rows) != 136 || len(whole.Columns) != 17 || len(whole.Ignored) != 4 {
		t.Fatalf("%d rows, columns %v, ignored %v", len(whole.Rows), whole.Columns, whole.Ignored)
	}
	for _, cut := range [][2]int{{1, 1 << 20}, {2, 1 << 20}, {7, 1 << 20}, {1 << 20, 1}, {1 << 20, 100}, {1 << 20, 300}, {1 << 20, 4096}, {0, 0}} {
		got := decode(t, open(text, opts), cut[0], cut[1])
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Fatalf("batches of %v (-want +got):\n%s", cut, diff)
		}
	}
	for i := range whole.Ends {
		d := open(text, opts)
		var b batch.Batch
		for range i + 1 {
			if err := d.Next(&b, 1, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		at := whole.Ends[i]
		if d.Position() != at {
			t.Fatalf("after row %d the position is %+v, but the row ends at %+v", i+1, d.Position(), at)
		}
		r := New(strings.NewReader(text), int64(len(text)), at, opts)
		r.SetColumns(d.Columns())
		r.SetIgnored(d.Ignored())
		got := decode(t, r, 13, 1000)
		want := whole
		want.Rows, want.Ends = whole.Rows[i+1:], whole.Ends[i+1:]
		if diff := cmp.Diff(want.Rows, got.Rows); len(want.Rows) != len(got.Rows) || len(got.Rows) > 0 && diff != "" {
			t.Fatalf("from %+v on (-want +got):\n%s", at, diff)
		}
		if diff := cmp.Diff([][]string{want.Columns, want.Ignored}, [][]string{got.Columns, got.Ignored}); diff != "" {
			t.Fatalf("from %+v on (-want +got):\n%s", at, diff)
		}
	}
}

func TestDecoderKnownAndIgnored(t *testing.T) {
	asked := map[string]int{}
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, `{"no%d":"\n","a":%d,"no%d":{}}`+"\n", i, i, i/2)
	}
	known := func(key []byte) bool {
		asked[string(key)]++
		return noNo(key)
	}
	got := decode(t, open(text.String(), Options{Known: known}), 50, 1<<20)
	if diff := cmp.Diff([]string{"a"}, got.Columns); diff != "" {
		t.Error(diff)
	}
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint("no", i))
	}
	if diff := cmp.Diff(want, got.Ignored); diff != "" {
		t.Error(diff)
	}
	if len(asked) != 301 {
		t.Errorf("asked for %d keys", len(asked))
	}
	for key, n := range asked {
		if n != 1 {
			t.Errorf("asked %d times for %s", n, key)
		}
	}
	bad := decode(t, open(`{"a":1,"no":[x]}`, Options{Known: noNo}), 1, 1<<20)
	if diff := cmp.Diff([]string{`1/0 {"a":1,"no":[x]} ! malformed: invalid JSON at offset 13: expected a value or "]", found 'x'`}, bad.Rows); diff != "" || len(bad.Columns)+len(bad.Ignored) != 0 {
		t.Error(diff, bad)
	}
	if row := got.Rows[7]; row != `8/0 {"no7":"\n","a":7,"no3":{}} | a number 7` {
		t.Error(row)
	}
}

func TestDecoderUnknownSize(t *testing.T) {
	text := mixed()
	opts := Options{Lines: true}
	want := decode(t, open(text, opts), 20, 1<<20)
	got := decode(t, New(strings.NewReader(text), -1, Position{}, opts), 20, 1<<20)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
