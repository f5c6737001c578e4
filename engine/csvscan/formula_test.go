package csvscan

import (
	"bytes"
	"testing"
)

func TestIsFormula(t *testing.T) {
	f := func(want bool, cells ...string) {
		t.Helper()
		for _, c := range cells {
			if got := IsFormula([]byte(c)); got != want {
				t.Errorf("%q: %t", c, got)
			}
		}
	}
	f(true, "=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\tx", "\rx", "\nx", " =1", "\u00a0=1", "\x00=1", "\ufeff=1", "＝1", "＋1", "－1", "＠x")
	f(false, "", " ", "a", "a=1", "1-1", "'=1", "\"=1", "\x00", "\xff=", "\xef\xbc=", "\ufffd=")
}

// A row is put together again from its cells, and each says what a decoder reads.
func TestCutCell(t *testing.T) {
	f := func(d Dialect, row string, want ...string) {
		t.Helper()
		rest, more := []byte(row), true
		var whole []byte
		for i := 0; more; i++ {
			var cell []byte
			cell, rest, more = d.CutCell(rest)
			if i >= len(want) || string(d.Text(cell)) != want[i] || more != (i < len(want)-1) {
				t.Fatalf("%q: cell %d is %q, more %t; want %q", row, i, d.Text(cell), more, want)
			}
			if whole = append(whole, cell...); more {
				whole = append(whole, d.Delimiter)
			}
		}
		if !bytes.Equal(whole, []byte(row)) {
			t.Errorf("%q became %q", row, whole)
		}
	}
	f(Default, "", "")
	f(Default, "a", "a")
	f(Default, "a,,b,", "a", "", "b", "")
	f(Default, `"a,b","say ""x""","",c`, "a,b", `say "x"`, "", "c")
	f(Dialect{Delimiter: ';', Quote: '\''}, "'a;''b';\"c\"", "a;'b", `"c"`)
	f(Dialect{Delimiter: ','}, `"a,b"`, `"a`, `b"`)
}
