package csvscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/batch"
	"sluice/engine/fault"
)

// show writes the rows of a text as lines "number:line cells" or
// "number:line code column message | raw".
func show(t testing.TB, in string, d Dialect, cols int) string {
	t.Helper()
	var b strings.Builder
	for _, r := range readAll(t, []byte(in), d, cols, Start, 100, 1<<20) {
		fmt.Fprintf(&b, "%d:%d %s", r.pos.Row, r.pos.Line, r.cells)
		if r.cells[0] != '[' {
			fmt.Fprintf(&b, " | %.40q", r.raw)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const (
	leftOpenText   = "a quote opened on this line is not closed properly; a cell that starts with a quote ends with one, and quotes inside it are doubled"
	bareQuoteText  = "a quote stands inside a cell that does not start with one; put the cell in quotes and double each quote inside it"
	afterQuoteText = "text follows the closing quote of a cell; double each quote inside a quoted cell"
	tooLargeText   = "the row is longer than 1048576 bytes, the most that a row may have"
)

func TestRows(t *testing.T) {
	f := func(cols int, in string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(strings.Join(append(want, ""), "\n"), show(t, in, Default, cols)); diff != "" {
			t.Errorf("%.100q:\n%s", in, diff)
		}
	}
	f(2, "a,b\nc,d\n", `1:1 ["a" "b"]`, `2:2 ["c" "d"]`)
	f(2, "a,b\rc,d\r\n\"e\r\nf\rg\nh\",i\nj,k", `1:1 ["a" "b"]`, `2:2 ["c" "d"]`, `3:3 ["e\r\nf\rg\nh" "i"]`, `4:7 ["j" "k"]`)
	f(2, "\n\r\n\ra,b\n\n\nc,d\n\n", `1:4 ["a" "b"]`, `2:7 ["c" "d"]`)
	f(1, "a\n\nb\n\"\"\nc", `1:1 ["a"]`, `2:3 ["b"]`, `3:4 [""]`, `4:5 ["c"]`)
	f(3, ",,\n , ,\n", `1:1 ["" "" ""]`, `2:2 [" " " " ""]`)
	f(2, "a,b,\na\n", `1:1 column_count -1 the row has 3 cells, expected 2 | "a,b,"`, `2:2 column_count -1 the row has 1 cell, expected 2 | "a"`)
	f(2, ` "a",b`+"\nc,d", `1:1 malformed 0 `+bareQuoteText+` | " \"a\",b"`, `2:2 ["c" "d"]`)
	f(2, `a,b"c`+"\nc,d", `1:1 malformed 1 `+bareQuoteText+` | "a,b\"c"`, `2:2 ["c" "d"]`)
	f(2, `a,b,c"`+"\nc,d", `1:1 malformed -1 `+bareQuoteText+` | "a,b,c\""`, `2:2 ["c" "d"]`)
	f(2, `"a"b,c`+"\r\nc,d", `1:1 malformed 0 `+afterQuoteText+` | "\"a\"b,c"`, `2:2 ["c" "d"]`)
	f(2, `"a" ,c`+"\rc,d", `1:1 malformed 0 `+afterQuoteText+` | "\"a\" ,c"`, `2:2 ["c" "d"]`)
	// A quote left open costs its line: the next ones are rows.
	f(2, "a,b\nc,\"d\ne,f\ng,h\n", `1:1 ["a" "b"]`, `2:2 malformed -1 `+leftOpenText+` | "c,\"d"`, `3:3 ["e" "f"]`, `4:4 ["g" "h"]`)
	f(2, "a,\"b\nc,d\ne,\"f\"\ng,h", `1:1 malformed -1 `+leftOpenText+` | "a,\"b"`, `2:2 ["c" "d"]`, `3:3 ["e" "f"]`, `4:4 ["g" "h"]`)
	f(2, `a,b`+"\n"+`c,"d`, `1:1 ["a" "b"]`, `2:2 malformed 1 `+leftOpenText+` | "c,\"d"`)
	f(2, "a,\x00b\n\xff,\xe2\x82\n", `1:1 ["a" "\x00b"]`, `2:2 ["\xff" "\xe2\x82"]`)
}

func TestNoQuotes(t *testing.T) {
	want := "1:1 [\"\\\"a\" \"b\\\"c\\\"\"]\n2:2 [\"\\x00\" \"\\\"\"]\n"
	if diff := cmp.Diff(want, show(t, "\"a|b\"c\"\n\x00|\"\n", Dialect{Delimiter: '|'}, 2)); diff != "" {
		t.Error(diff)
	}
}

// TestLongRows holds what becomes of rows around MaxRow bytes, for every block size
// and from every position.
func TestLongRows(t *testing.T) {
	pad := func(n int) string { return strings.Repeat("x", n) }
	line := strings.Repeat("line,", 100) + "\r\n"
	lines := func(n int) string { return strings.Repeat(line, n/len(line)+1) }
	for name, in := range map[string]string{
		"longest":               "a," + pad(MaxRow-2) + "\r\nb,c\n",
		"longest at the end":    "a," + pad(MaxRow-2),
		"one byte over":         "a," + pad(MaxRow-1) + "\r\nb,c\n",
		"one over at the end":   "a,b\na," + pad(MaxRow-1),
		"longest, quoted":       "a,\"" + pad(MaxRow-4) + "\"\r\nb,c\n",
		"over, CR":              "a," + pad(MaxRow) + "\rb,c\r",
		"many cells":            strings.Repeat(",", MaxRow+50) + "\nb,c\n",
		"long cell that closes": "a,\"" + lines(MaxRow) + "\"\nb,c\nd,e",
		"and is last":           "a,b\nc,\"" + lines(2*MaxRow) + "\"",
		"left open":             "a,b\nc,\"" + lines(MaxRow+MaxRow/2) + "d,e",
		"stray far off":         "a,b\nc,\"" + lines(MaxRow+MaxRow/2) + "\" d\ne,f\n",
		"stray in a long line":  "a,b\nc\"," + pad(2*MaxRow) + "\ne,f\n",
		"stray late in it":      "a,b\nc," + pad(2*MaxRow) + "\"\ne,f\n",
		"after a quote in it":   "a,b\n\"c\"," + pad(MaxRow) + ",\"d\"e\nf,g\n",
		"long first line open":  "a,\"" + pad(MaxRow+5) + "\n\nb,c\n" + pad(100),
		"two in a row":          "a," + pad(MaxRow) + "\n\"" + lines(MaxRow) + "\",c\nd,e\n",
		"empty lines":           strings.Repeat("\r\n", MaxRow+7) + "a,b\n\n",
		"failed, over MaxRaw":   "a\"," + pad(MaxRaw) + "\nb,c\n\"d\n" + pad(MaxRaw+1) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			want := model([]byte(in), Default, 2)
			for _, maxBytes := range []int{100, 200 << 10, MaxRow, MaxRow + 1, 4 << 20} {
				rows := readAll(t, []byte(in), Default, 2, Start, 5000, maxBytes)
				if len(rows) != len(want) {
					t.Fatalf("%d bytes at a time: %d rows, want %d", maxBytes, len(rows), len(want))
				}
				for i := range rows {
					if rows[i] != want[i] {
						t.Fatalf("%d bytes at a time: row %d: %.200q, want %.200q", maxBytes, i+1, fmt.Sprint(rows[i]), fmt.Sprint(want[i]))
					}
				}
			}
		})
	}
	if got := show(t, "a,"+pad(MaxRow-1), Default, 2); got != "1:1 row_too_large -1 "+tooLargeText+" | \"a,"+pad(38)+"\"\n" {
		t.Error(got)
	}
}

// counting counts the bytes read through it.
type counting struct {
	io.ReaderAt
	n int64
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

// TestGoingBackIsLinear holds that files made of quotes left open are read a few
// times and not once a line.
func TestGoingBackIsLinear(t *testing.T) {
	const size = 1 << 20
	for _, unit := range []string{"\"\n", "\",\"\n", "\"a\n", "a,\"\n\"\"x\n", "\"\"\"\n", "\",\n\",\"\n", "x\n", "\"" + strings.Repeat("x\n", 100) + "\"y\n"} {
		for _, head := range []string{"", "\"", "\"\n", "\"x\n\"\"\n"} {
			in := head + strings.Repeat(unit, size/len(unit))
			src := &counting{ReaderAt: strings.NewReader(in)}
			d := New(src, int64(len(in)), Default, Start)
			d.SetColumns(1)
			var b batch.Batch
			var rows uint64
			for {
				err := d.Next(&b, 4096, 32<<10)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				rows += uint64(len(b.Rows))
			}
			if rows == 0 || src.n > 8*int64(len(in)) {
				t.Errorf("%q and many %.20q: read %d times its size for %d rows", head, unit, src.n/int64(len(in)), rows)
			}
		}
	}
}

func TestAllocations(t *testing.T) {
	data := companies(20_000, "\n")
	data = append(data, strings.Repeat("a,b\nc,\"d\"e\n", 100)...)
	src := bytes.NewReader(data)
	d := New(src, int64(len(data)), Default, Start)
	d.SetColumns(8)
	var b batch.Batch
	all := func() {
		d.pos = Start
		for {
			if err := d.Next(&b, 1000, 256<<10); err == io.EOF {
				return
			}
		}
	}
	all()
	if n := testing.AllocsPerRun(5, all); n != 0 {
		t.Errorf("%v allocations for a file of 20,200 rows, want none", n)
	}
}

func TestUnknownSize(t *testing.T) {
	for _, in := range []string{"", "a,b", "a,b\nc,d\n", "\n\n", "a,\"b\n", strings.Repeat("a,b\r\n", 5_000)} {
		for _, maxBytes := range []int{1, 5, 1 << 20} {
			d := New(strings.NewReader(in), -1, Default, Start)
			d.SetColumns(2)
			rows := 0
			var b batch.Batch
			for {
				err := d.Next(&b, 1000, maxBytes)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				rows += len(b.Rows)
			}
			if want := len(model([]byte(in), Default, 2)); rows != want {
				t.Errorf("%.20q: %d rows, want %d", in, rows, want)
			}
		}
	}
}

// TestSourceFails holds that a source which fails or ends early is an error that
// moves nothing, and no end of the file.
func TestSourceFails(t *testing.T) {
	d := New(strings.NewReader("a,b\nc,d\n"), 100, Default, Start)
	d.SetColumns(2)
	var b batch.Batch
	err := d.Next(&b, 10, 1000)
	if !errors.Is(err, io.ErrUnexpectedEOF) || err.Error() != "read csv at byte 8: unexpected EOF" || len(b.Rows) != 0 || d.Position() != Start {
		t.Errorf("%v, %d rows, %v", err, len(b.Rows), d.Position())
	}
	if _, err := New(strings.NewReader("a,b"), 100, Default, Start).Header(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("header: %v", err)
	}
	broken := errors.New("broken")
	d = New(failing{broken}, -1, Default, Start)
	d.SetColumns(2)
	if err := d.Next(&b, 10, 1000); !errors.Is(err, broken) {
		t.Errorf("%v, want the source's error", err)
	}
	// The failure meets a row too long for a block.
	long := strings.NewReader("a,\"" + strings.Repeat("x\n", MaxRow))
	d = New(partly{long, 3 << 19, broken}, int64(2*MaxRow+3), Default, Start)
	d.SetColumns(2)
	if err := d.Next(&b, 10, 1<<20); !errors.Is(err, broken) || d.Position() != Start {
		t.Errorf("%v at %v, want the source's error", err, d.Position())
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// partly fails from an offset on.
type partly struct {
	io.ReaderAt
	to  int64
	err error
}

func (p partly) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > p.to {
		return 0, p.err
	}
	return p.ReaderAt.ReadAt(b, off)
}

func TestHeader(t *testing.T) {
	f := func(in string, want []string, next Position) {
		t.Helper()
		d := New(strings.NewReader(in), int64(len(in)), Default, Start)
		first, err := d.First()
		if err != nil || d.Position() != Start {
			t.Fatalf("%.50q: %v at %v", in, err, d.Position())
		}
		got, err := d.Header()
		if err != nil {
			t.Fatalf("%.50q: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" || d.Position() != next {
			t.Errorf("%.50q: next %v, want %v\n%s", in, d.Position(), next, diff)
		}
		if diff := cmp.Diff(want, first); diff != "" {
			t.Error(diff)
		}
	}
	f("a,b\nc,d\n", []string{"a", "b"}, Position{4, 0, 2})
	f("a,b", []string{"a", "b"}, Position{3, 0, 1})
	f("\r\n\n\ra,b\r\nc", []string{"a", "b"}, Position{9, 0, 5})
	f("\"a \"\"x\"\"\nb\",,\" \"\r", []string{`a "x"` + "\nb", "", " "}, Position{17, 0, 3})
	f(",\n", []string{"", ""}, Position{2, 0, 2})
	f("\"\"", []string{""}, Position{2, 0, 1})
	f(strings.Repeat("\n", 3*windowBytes)+"a\n", []string{"a"}, Position{3*windowBytes + 2, 0, 3*windowBytes + 2})
	f(strings.Repeat(",", MaxColumns-1)+"\n", make([]string, MaxColumns), Position{MaxColumns, 0, 2})
	long := strings.Repeat("x", MaxRow-2)
	f("a,"+long+"\nb", []string{"a", long}, Position{MaxRow + 1, 0, 2})
}

func TestHeaderFails(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		_, err := New(strings.NewReader(in), int64(len(in)), Default, Start).Header()
		var e *fault.Error
		if !errors.As(err, &e) || e.Code != fault.Validation || e.Message != want {
			t.Errorf("%.50q: %v, want %q", in, err, want)
		}
	}
	empty := "the CSV is empty; it must start with a header row, or has_header must be false"
	f("", empty)
	f("\n\r\n\r", empty)
	f("\na,b\"\n", "the CSV's header row (line 2) is malformed: "+bareQuoteText)
	f("\"a\"b,\n", "the CSV's header row (line 1) is malformed: "+afterQuoteText)
	f("\"a,b\nc,d\n", "the CSV's header row (line 1) is malformed: "+leftOpenText)
	f("\"a,b\nc,\"d\n", "the CSV's header row (line 1) is malformed: "+leftOpenText)
	f(strings.Repeat("x", MaxRow+1), "the CSV's header row is longer than 1048576 bytes, the most that it may have")
	f(strings.Repeat(",", MaxColumns)+"\n", "the CSV's header row has 4097 columns, more than the 4096 allowed")
	f(strings.Repeat(",", 100_000)+"\n", "the CSV's header row has 100001 columns, more than the 4096 allowed")

	if _, err := New(strings.NewReader("\n"), 1, Default, Start).First(); err != io.EOF {
		t.Errorf("first row of an empty file: %v", err)
	}
	if _, err := New(strings.NewReader("\"a"), 2, Default, Start).First(); err == nil ||
		err.Error() != "validation_error: the CSV's first row (line 1) is malformed: "+leftOpenText {
		t.Errorf("malformed first row: %v", err)
	}
}

func TestValidate(t *testing.T) {
	f := func(d Dialect, want string) {
		t.Helper()
		got := ""
		if err := d.Validate(); err != nil {
			got = strings.TrimPrefix(err.Error(), "validation_error: ")
		}
		if got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	delimiter := "dialect.delimiter must be one ASCII character, no line end and not NUL"
	quote := "dialect.quote must be one ASCII character, no line end, or empty for none"
	f(Default, "")
	f(Dialect{'\t', 0}, "")
	f(Dialect{' ', '\''}, "")
	f(Dialect{}, delimiter)
	f(Dialect{0xFF, '"'}, delimiter)
	f(Dialect{'\n', '"'}, delimiter)
	f(Dialect{',', '\r'}, quote)
	f(Dialect{',', 0x80}, quote)
	f(Dialect{'"', '"'}, "dialect.delimiter and dialect.quote must differ")
}

func TestAppendCell(t *testing.T) {
	f := func(d Dialect, cell, want string) {
		t.Helper()
		if got := string(AppendCell([]byte("#"), []byte(cell), d)); got != "#"+want {
			t.Errorf("%q: %q, want %q", cell, got, "#"+want)
		}
	}
	f(Default, "", "")
	f(Default, "a b;c", "a b;c")
	f(Default, "a,b", `"a,b"`)
	f(Default, `say "x"`, `"say ""x"""`)
	f(Default, "a\nb", "\"a\nb\"")
	f(Default, "a\rb", "\"a\rb\"")
	f(Default, `"`, `""""`)
	f(Default, " a ", " a ")
	f(Dialect{';', '\''}, "a;'", "'a;'''")
	f(Dialect{';', '\''}, `a,"`, `a,"`)
	f(Dialect{'|', 0}, `a"|`, `a"|`)
}

// FuzzAppendCell holds that what AppendCell writes is read back.
func FuzzAppendCell(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, "x", byte(0))
	}
	f.Fuzz(func(t *testing.T, a, b string, dialect byte) {
		d := dialects()[int(dialect)%3]
		if len(a)+len(b) > 1000 {
			return
		}
		row := AppendCell(nil, []byte(a), d)
		row = AppendCell(append(row, d.Delimiter), []byte(b), d)
		want := fmt.Sprintf("1:1 %q\n", []string{a, b})
		if got := show(t, string(row), d, 2); got != want {
			t.Fatalf("%q and %q are written as %q and read as %s", a, b, row, got)
		}
	})
}
