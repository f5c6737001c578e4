package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/fault"
)

// parts is what a Handler got.
type parts struct {
	Options   []string // name=raw
	Rows, CSV *string
}

func readParts(r io.Reader) (parts, error) {
	var (
		p         parts
		rows, csv strings.Builder
	)
	err := ReadBody(r, Handler{
		Option: func(name string, raw []byte) error {
			p.Options = append(p.Options, name+"="+string(raw))
			return nil
		},
		Rows: func() (io.Writer, error) { p.Rows = new(string); return &rows, nil },
		CSV:  func() (io.Writer, error) { p.CSV = new(string); return &csv, nil },
	})
	if p.Rows != nil {
		*p.Rows = rows.String()
	}
	if p.CSV != nil {
		*p.CSV = csv.String()
	}
	return p, err
}

// bodies have every kind of token, escape and space.
var bodies = []struct {
	text string
	want parts
}{
	{`{}`, parts{}},
	{byteOrderMark + " { } \n", parts{}},
	{`{"rows":[]}`, parts{Rows: new("")}},
	{`{"rows": [ ] , "dry_run" : true}`, parts{Rows: new(""), Options: []string{"dry_run=true"}}},
	{`{"csv":""}`, parts{CSV: new("")}},
	{`{"r\u006fws":[{}],"\u0063sv":"x","a\n":1}`, parts{Rows: new("{}\n"), CSV: new("x"), Options: []string{"a\n=1"}}},
	{"{\"rows\":[ {\"a\" : \"x y\" ,\r\n\t\"b\":[ 1 , -2.50e+3,0.1E-2 ]} , [ ] , { } , null,true,false , \"s p\\n\" , 12, 0 ]}",
		parts{Rows: new("{\"a\":\"x y\",\"b\":[1,-2.50e+3,0.1E-2]}\n[]\n{}\nnull\ntrue\nfalse\n\"s p\\n\"\n12\n0\n")}},
	{`{"rows":[{"\"\\\/\b\f\n\r\t\u00E4\ud83d\uDE00":"\ud800"}],"tags":[ "a" , "b" ],"mapping":{ "a b" : { } }}`,
		parts{Rows: new(`{"\"\\\/\b\f\n\r\t\u00E4\ud83d\uDE00":"\ud800"}` + "\n"), Options: []string{`tags=["a","b"]`, `mapping={"a b":{}}`}}},
	// Arrays where objects were, and the other way round.
	{`{"rows":[{"a":[{"x":1},[2,3],{"y":[4],"z":{}}],"b":{"c":[5,6]},"d":[7,8]}],"o":[{"a":1,"b":2},[1,2],{"c":3,"d":4}]}`,
		parts{Rows: new(`{"a":[{"x":1},[2,3],{"y":[4],"z":{}}],"b":{"c":[5,6]},"d":[7,8]}` + "\n"), Options: []string{`o=[{"a":1,"b":2},[1,2],{"c":3,"d":4}]`}}},
	{`{"csv":"a,b\r\n\"x\" \\ \/ \b\f\t\u0041\u00e4\u20AC\ud83d\ude00\n"}`,
		parts{CSV: new("a,b\r\n\"x\" \\ / \b\f\tAä€😀\n")}},
	{`{"csv":"\ud800|\udc00|\ud800\ud800\udc00|\ud800\n|\ud800"}`,
		parts{CSV: new("\xed\xa0\x80|\xed\xb0\x80|\xed\xa0\x80\U00010000|\xed\xa0\x80\n|\xed\xa0\x80")}},
	{"{\"csv\":\"\xff\u2028\x7f\",\"rows\":[\"\xfe\"]}", parts{CSV: new("\xff\u2028\x7f"), Rows: new("\"\xfe\"\n")}},
	{`{"a":"` + strings.Repeat("x", 100) + `","rows":[` + strings.Repeat("[", 510) + strings.Repeat("]", 510) + `]}`,
		parts{Options: []string{`a="` + strings.Repeat("x", 100) + `"`}, Rows: new(strings.Repeat("[", 510) + strings.Repeat("]", 510) + "\n")}},
}

func TestBody(t *testing.T) {
	for _, c := range bodies {
		f := func(how string, r io.Reader) {
			t.Helper()
			got, err := readParts(r)
			if err != nil {
				t.Fatalf("%.60q, %s: %v", c.text, how, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("%.60q, %s (-want +got):\n%s", c.text, how, diff)
			}
		}
		f("whole", strings.NewReader(c.text))
		f("byte by byte", iotest.OneByteReader(strings.NewReader(c.text)))
		f("end with the data", iotest.DataErrReader(strings.NewReader(c.text)))
		for i := range c.text {
			f(fmt.Sprint("split at ", i), io.MultiReader(strings.NewReader(c.text[:i]), strings.NewReader(c.text[i:])))
		}
	}
}

// A body cut short is an error at every byte, and a failed read stays one.
func TestBodyTruncated(t *testing.T) {
	broken := errors.New("connection reset")
	for _, c := range bodies {
		for i := range len(c.text) {
			if strings.TrimSpace(c.text[i:]) == "" {
				continue // only the space after the end is missing
			}
			_, err := readParts(strings.NewReader(c.text[:i]))
			if !errors.Is(err, fault.Validation) || !strings.Contains(err.Error(), fmt.Sprintf("at offset %d: expected", i)) || !strings.HasSuffix(err.Error(), "found the end of the body") {
				t.Fatalf("%.60q cut at %d: %v", c.text, i, err)
			}
			_, one := readParts(iotest.OneByteReader(strings.NewReader(c.text[:i])))
			if one == nil || one.Error() != err.Error() {
				t.Fatalf("%.60q cut at %d: %v, but byte by byte %v", c.text, i, err, one)
			}
		}
		for i := range len(c.text) + 1 {
			for _, cause := range []error{broken, io.ErrUnexpectedEOF} {
				_, err := readParts(io.MultiReader(strings.NewReader(c.text[:i]), iotest.ErrReader(cause)))
				if !errors.Is(err, cause) || fault.CodeOf(err) != fault.Internal || err.Error() != "read body: "+cause.Error() {
					t.Fatalf("%.60q failing at %d: %v", c.text, i, err)
				}
			}
		}
	}
}

func TestBodyFaults(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
			_, err := readParts(r)
			if !errors.Is(err, fault.Validation) || err.Error() != "validation_error: "+want {
				t.Errorf("%.80q:\n got %v\nwant %s", text, err, want)
			}
		}
	}
	f(``, `invalid JSON at offset 0: expected an object, found the end of the body`)
	f(`  `, `invalid JSON at offset 2: expected an object, found the end of the body`)
	f(byteOrderMark, `invalid JSON at offset 3: expected an object, found the end of the body`)
	f("\xef\xbb{}", `invalid JSON at offset 2: expected an object, found '{'`)
	f(" "+byteOrderMark+"{}", `invalid JSON at offset 1: expected an object, found byte 0xef`)
	f(`[]`, `invalid JSON at offset 0: expected an object, found '['`)
	f(`{"a"=1}`, `invalid JSON at offset 4: expected ":" after the key, found '='`)
	f(`{a:1}`, `invalid JSON at offset 1: expected a key or "}", found 'a'`)
	f(`{"a":1,}`, `invalid JSON at offset 7: expected a key, found '}'`)
	f(`{"a":1;}`, `invalid JSON at offset 6: expected "," or "}" after the member, found ';'`)
	f(`{"a":01}`, `invalid JSON at offset 6: expected "," or "}" after the member, found '1'`)
	f(`{"a":1.}`, `invalid JSON at offset 7: expected a digit, found '}'`)
	f(`{"a":-x}`, `invalid JSON at offset 6: expected a digit, found 'x'`)
	f(`{"a":2e}`, `invalid JSON at offset 7: expected a digit, found '}'`)
	f(`{"a":`, `invalid JSON at offset 5: expected a value, found the end of the body`)
	f(`{"a":truE}`, `invalid JSON at offset 8: expected true, false or null, found 'E'`)
	f(`{"a":12`, `invalid JSON at offset 7: expected something to follow the number, found the end of the body`)
	f(`{"rows":[1,]}`, `invalid JSON at offset 11: expected a value, found ']'`)
	f(`{"rows":[,]}`, `invalid JSON at offset 9: expected a value or "]", found ','`)
	f(`{"rows":[1 2]}`, `invalid JSON at offset 11: expected "," or "]" after the element, found '2'`)
	f(`{"rows":[{"a":[,1]}]}`, `invalid JSON at offset 15: expected a value or "]", found ','`)
	f(`{"rows":[{"a":[1}]}]}`, `invalid JSON at offset 16: expected "," or "]" after the element, found '}'`)
	f(`{"rows":[{"a":1]]}`, `invalid JSON at offset 15: expected "," or "}" after the member, found ']'`)
	f(`{"rows":[{1:1}]}`, `invalid JSON at offset 10: expected a key or "}", found '1'`)
	f("{\"rows\":[\"a\nb\"]}", `invalid JSON at offset 11: expected control characters in a string to be escaped, found byte 0x0a`)
	f("{\"csv\":\"a\nb\"}", `invalid JSON at offset 9: expected control characters in a string to be escaped, found byte 0x0a`)
	f(`{"csv":"\x"}`, `invalid JSON at offset 9: expected one of "\/bfnrtu after the backslash, found 'x'`)
	f(`{"rows":["\u00g0"]}`, `invalid JSON at offset 14: expected four hexadecimal digits after \u, found 'g'`)
	f(`{} {}`, `invalid JSON at offset 3: expected nothing more after the value, found '{'`)
	f("{}\x00", `invalid JSON at offset 2: expected nothing more after the value, found byte 0x00`)
	f(`{"rows":null}`, `rows: expected an array, found null at offset 8`)
	f(`{"rows": {}}`, `rows: expected an array, found an object at offset 9`)
	f(`{"rows":x}`, `invalid JSON at offset 8: expected a value, found 'x'`)
	f(`{"csv":null}`, `csv: expected a string, found null at offset 7`)
	f(`{"csv":["a"]}`, `csv: expected a string, found an array at offset 7`)
	f(`{"csv":-1}`, `csv: expected a string, found a number at offset 7`)
	f(`{"rows":[],"csv":true}`, `csv: expected a string, found a boolean at offset 17`)
	f(`{"rows":[],"rows":[]}`, `"rows" is given twice`)
	f(`{"csv":"","a":1,"csv":""}`, `"csv" is given twice`)
	f(`{"dry_run":true,"rows":[],"dry\u005frun":true}`, `"dry_run" is given twice`)
	f(`{"`+strings.Repeat("x", 257)+`":1}`, `the name of a member is longer than 256 bytes`)
	f(`{"tags":"`+strings.Repeat("x", MaxOptionBytes-1)+`"}`, `option "tags" is longer than 1048576 bytes`)
	f(`{"rows":[`+strings.Repeat("[", 511)+`]}`, `arrays and objects are nested deeper than 512 levels, at offset 519`)
	f(`{"a":`+strings.Repeat(`{"a":`, 512)+`1}`, `arrays and objects are nested deeper than 512 levels, at offset 2560`)
	f(`{"rows":`+strings.Repeat("[", 100000), `arrays and objects are nested deeper than 512 levels, at offset 519`)

	var many strings.Builder
	for i := range 65 {
		fmt.Fprintf(&many, `,"o%d":1`, i)
	}
	f("{"+many.String()[1:]+"}", `the body has more than 64 members`)
}

func TestBodyOptionAtItsLimit(t *testing.T) {
	raw := `"` + strings.Repeat("x", MaxOptionBytes-2) + `"`
	got, err := readParts(strings.NewReader(`{"a":` + strings.Repeat(" ", 100000) + raw + `}`))
	if err != nil || got.Options[0] != "a="+raw {
		t.Fatal(err)
	}
}

func TestBodyCallbackErrors(t *testing.T) {
	mine := fault.New(fault.PayloadTooLarge, "too much")
	ok := func() (io.Writer, error) { return io.Discard, nil }
	f := func(text string, h Handler, want string) {
		t.Helper()
		err := ReadBody(strings.NewReader(text), h)
		if err == nil || err.Error() != want || !errors.Is(err, fault.PayloadTooLarge) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	refuse := func() (io.Writer, error) { return nil, mine }
	full := func() (io.Writer, error) { return writerFunc(func([]byte) (int, error) { return 0, mine }), nil }
	f(`{"rows":[1]}`, Handler{Rows: refuse}, "payload_too_large: too much")
	f(`{"rows":[1],"csv":"x"}`, Handler{Rows: ok, CSV: refuse}, "payload_too_large: too much")
	f(`{"a":1}`, Handler{Option: func(string, []byte) error { return mine }}, "payload_too_large: too much")
	f(`{"rows":[1]}`, Handler{Rows: full}, "write rows: payload_too_large: too much")
	f(`{"csv":"x"}`, Handler{CSV: full}, "write csv: payload_too_large: too much")
	f(`{"csv":"`+strings.Repeat(`\n`, 1<<20), Handler{CSV: full}, "write csv: payload_too_large: too much")
	f(`{"rows":["`+strings.Repeat(`x`, 1<<20), Handler{Rows: full}, "write rows: payload_too_large: too much")

	err := ReadBody(strings.NewReader(`{"rows":[1]}`), Handler{Rows: func() (io.Writer, error) {
		return writerFunc(func(p []byte) (int, error) { return len(p) - 1, nil }), nil
	}})
	if !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a short write: %v", err)
	}
	err = ReadBody(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(`{"rows":[1]}`))), Handler{})
	if !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a timeout: %v", err)
	}
	err = ReadBody(idleReader{}, Handler{})
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader without progress: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

// Neither rows nor csv nor one huge element is held, and a row costs nothing.
func TestBodyBoundedMemory(t *testing.T) {
	const size = 100 << 20
	for _, c := range []struct{ name, head, tail string }{
		{"one element", `{"rows":["`, `"]}`},
		{"csv", `{"csv":"`, `"}`},
	} {
		w := &blackHole{}
		open := func() (io.Writer, error) { return w, nil }
		src := io.NewSectionReader(repeated{c.head, c.tail, size}, 0, size)
		n := allocated(func() {
			if err := ReadBody(src, Handler{Rows: open, CSV: open}); err != nil {
				t.Fatal(err)
			}
		})
		if w.n < size-len(c.head)-len(c.tail) || n > 1<<20 {
			t.Errorf("%s: %d bytes written, %d allocated", c.name, w.n, n)
		}
	}
	cost := func(rows int) float64 {
		body := rowsBody(companies(rows))
		r := bytes.NewReader(body)
		return testing.AllocsPerRun(10, func() {
			r.Reset(body)
			if err := ReadBody(r, Handler{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := cost(1), cost(5000); many > few+100 { // the pool may be emptied meanwhile, and forgets at random in a race build
		t.Errorf("1 row costs %v allocations, 5,000 cost %v", few, many)
	}
}

// Tokens that lie across the borders of the buffers come through whole.
func TestBodyLongerThanBuffers(t *testing.T) {
	lines := companies(5000)
	var indented bytes.Buffer
	if err := json.Indent(&indented, rowsBody(lines), " ", "\t"); err != nil {
		t.Fatal(err)
	}
	csv := strings.Repeat("\"Bäcker 😀\",x\\y\n\x01", 30000)
	for _, body := range [][]byte{rowsBody(lines), indented.Bytes()} {
		got, err := readParts(bytes.NewReader(body))
		if err != nil || *got.Rows != string(lines) {
			t.Fatalf("rows: %v", err)
		}
	}
	for pad := range 20 {
		body := []byte(`{"pad":"` + strings.Repeat(".", pad) + `","csv":`)
		body = append(AppendString(body, csv), '}')
		got, err := readParts(bytes.NewReader(body))
		if err != nil || *got.CSV != csv {
			t.Fatalf("csv: %v", err)
		}
	}
}
