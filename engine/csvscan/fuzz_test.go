package csvscan

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seeds are texts around every rule, for fuzzing and for plain tests.
func seeds() []string {
	var list []string
	for n := blockBytes - 2; n <= blockBytes+1; n++ { // at the borders of masks
		pad := strings.Repeat("a", n)
		list = append(list, pad+"\"b\nc,d\n", "\""+pad+"\"b\nc,d\n", "\""+pad+"\"\"\",b\r\n", pad+",\"b\"\r\n", pad+"\r\nb")
	}
	return append(list,
		"", "\n", "\r", "\r\n", "a", "a,b\nc,d\n", "a,b\r\nc,d\r\n", "a,b\rc,d\r", "\n\n\na,b\n\n\nc,d\n\n",
		"a,\n", ",\n", ",,\n", "\"a\",\"b\"\n", "\"a\"\"b\",c\n", "\"\"\"\",\"\"\n", "\"a\nb\",c\nd,e\n", "\"a\r\nb\",c\r\nd,e",
		"a\"b,c\nd,e\n", "\"a\"b,c\nd,e\n", "\"a,b\nc,d\n", "\"a,b\nc,\"d\nx,y\n", "a,b\n\"c,d\n\"\"e,f\ng,h\n\"\"\"i\",j\n",
		"\"a\nb\nc\n\"x,y\nd,e\n", "a,b\n\"", "a,b\n\"\"", "a,\"b\"\"", "a,\"b\r", "a;b\tc|d\n", "'a','b''c'\n", "\x00,\x00\n",
		"a,\xff\n", "\xe2\x80\xa8,b\n", "a , b\n \"a\",b\n", "\"a\" ,b\n",
		"x,\""+strings.Repeat("ab\n", 60)+"\",y\nq,r\n",
		strings.Repeat("\"\n", 70), strings.Repeat("\",\"\n", 70)+"\"",
	)
}

func dialects() []Dialect {
	return []Dialect{Default, {';', '\''}, {'\t', '"'}, {'|', 0}}
}

// FuzzModel holds that any text gives the model's rows, whatever the block size
// and the batch size and wherever reading was resumed.
func FuzzModel(f *testing.F) {
	for i, s := range seeds() {
		f.Add([]byte(s), byte(i), byte(i%3+1), uint16(i))
	}
	f.Fuzz(func(t *testing.T, data []byte, dialect, cols byte, limits uint16) {
		checkModel(t, data, dialects()[int(dialect)%4], int(cols)%5+1, int(limits%7)+1, int(limits/7)%300+1)
	})
}

func TestSeedsAgainstModel(t *testing.T) {
	for _, s := range seeds() {
		for _, d := range dialects() {
			for cols := 1; cols <= 3; cols++ {
				for _, maxBytes := range []int{1, 5, 64, 100, 1 << 20} {
					checkModel(t, []byte(s), d, cols, 3, maxBytes)
				}
			}
		}
	}
}

func checkModel(t *testing.T, data []byte, d Dialect, cols, maxRows, maxBytes int) {
	t.Helper()
	want := model(data, d, cols)
	all := cmp.AllowUnexported(got{})
	name := fmt.Sprintf("%q as %c%c", data[:min(len(data), 300)], d.Delimiter, d.Quote)
	if diff := cmp.Diff(want, readAll(t, data, d, cols, Start, 1000, 1<<20), all); diff != "" {
		t.Fatalf("%s: in one block:\n%s", name, diff)
	}
	if diff := cmp.Diff(want, readAll(t, data, d, cols, Start, maxRows, maxBytes), all); diff != "" {
		t.Fatalf("%s: %d rows, %d bytes at a time:\n%s", name, maxRows, maxBytes, diff)
	}
	for i, r := range want[:min(len(want), 8)] {
		at := Position{Offset: r.end, Row: r.pos.Row, Line: r.endLn}
		rest := readAll(t, data, d, cols, at, maxRows, maxBytes)
		if diff := cmp.Diff(want[i+1:], rest, all, cmpEmpty()); diff != "" {
			t.Fatalf("%s: resumed behind row %d:\n%s", name, i+1, diff)
		}
	}
}

func cmpEmpty() cmp.Option {
	return cmp.Transformer("nonNil", func(r []got) []got { return append([]got{}, r...) })
}

// FuzzEncodingCSV holds that a text which encoding/csv reads without an error
// gives the same cells here, where it has no CR but before an LF outside quotes.
func FuzzEncodingCSV(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, crlf bool) {
		data = bytes.ReplaceAll(data, []byte{'\r'}, nil)
		r := csv.NewReader(bytes.NewReader(data))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			return
		}
		if crlf {
			data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
		}
		if diff := cmp.Diff(want, rowsOf(t, data), cmp.Transformer("lf", func(s string) string {
			return string(bytes.ReplaceAll([]byte(s), []byte("\r\n"), []byte("\n")))
		})); diff != "" {
			t.Fatalf("%q:\n%s", data, diff)
		}
	})
}

// rowsOf reads rows of any number of cells, each as a header.
func rowsOf(t testing.TB, data []byte) (rows [][]string) {
	t.Helper()
	dec := New(bytes.NewReader(data), int64(len(data)), Default, Start)
	for {
		cells, err := dec.Header()
		if err != nil {
			return rows
		}
		rows = append(rows, cells)
	}
}
