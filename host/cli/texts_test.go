package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestFileKind(t *testing.T) {
	f := func(path, format, wantKind, wantCoding string) {
		t.Helper()
		if kind, coding := fileKind(path, format); kind != wantKind || coding != wantCoding {
			t.Errorf("%s: %s %s, want %s %s", path, kind, coding, wantKind, wantCoding)
		}
	}
	f("a.csv", "auto", "csv", "")
	f("a.txt", "auto", "csv", "")
	f("-", "auto", "csv", "")
	f("a.CSV.GZ", "auto", "csv", "gzip")
	f("x/a.jsonl.zst", "auto", "ndjson", "zstd")
	f("a.ndjson", "auto", "ndjson", "")
	f("a.json", "auto", "json", "")
	f("a.json", "csv", "csv", "")
	f("-", "ndjson", "ndjson", "")
}

func TestNameOf(t *testing.T) {
	f := func(folder, want string) {
		t.Helper()
		if got := nameOf(folder); got != want {
			t.Errorf("%q: %q, want %q", folder, got, want)
		}
	}
	f("mine", "mine")
	f("My Plugin.v2", "my-plugin-v2")
	f("_x", "x")
	f("...", "")
}

func TestThousands(t *testing.T) {
	f := func(n float64, want string) {
		t.Helper()
		if got := thousands(n); got != want {
			t.Errorf("%v: %s, want %s", n, got, want)
		}
	}
	f(0, "0")
	f(999.4, "999")
	f(1000, "1,000")
	f(1234567, "1,234,567")
}

func TestCount(t *testing.T) {
	f := func(n uint64, want string) {
		t.Helper()
		if got := count(n, "company", "companies"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(0, "0 companies")
	f(1, "1 company")
	f(2, "2 companies")
}

func TestFirstDifference(t *testing.T) {
	f := func(want, got, diff string) {
		t.Helper()
		if d := firstDifference(want, got); d != diff {
			t.Errorf("%q", d)
		}
	}
	f("a\nb\n", "a\r\nb\r\n", "")
	f("a\nb\n", "a\nc\n", "from line 2 on:\n  expected  b\n  got       c")
	f("a\n", "a\nb\n", "from line 2 on:\n  expected  (no more lines)\n  got       b")
	f("a\nb\n", "a\n", "from line 2 on:\n  expected  b\n  got       (no more lines)")
}

func TestBarLine(t *testing.T) {
	began := time.Unix(1000, 0)
	b := &bar{what: "import", total: 4_000_000, began: began, read: 1_000_000, rows: 5000}
	if got, want := b.line(began.Add(time.Second)), "import: 1.0 MB of 4.0 MB (25 %), 5000 rows, 1.0 MB/s, 3s left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	pipe := &bar{what: "upload", total: -1, began: began, read: 500_000}
	if got, want := pipe.line(began.Add(2*time.Second)), "upload: 0.5 MB, 0.2 MB/s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var out bytes.Buffer
	shown := newBar(&process{stderr: &out}, "upload", 3, false)
	if n, err := shown.Write([]byte("abc")); n != 3 || err != nil {
		t.Error(n, err)
	}
	shown.done()
	if !strings.HasPrefix(out.String(), "upload: 0.0 MB of 0.0 MB (100 %)") {
		t.Errorf("%q", out.String())
	}
	var none *bar
	none.at(1, 1)
	none.done()
	if newBar(&process{stderr: &out}, "x", 1, true) != nil {
		t.Error("a quiet bar shows something")
	}
}
