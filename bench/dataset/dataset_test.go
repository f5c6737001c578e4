package dataset

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	var a, b bytes.Buffer
	if err := WriteClean(&a, 1, 2000); err != nil {
		t.Fatal(err)
	}
	if err := WriteClean(&b, 1, 2000); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the same seed gave two files")
	}
	rows, err := csv.NewReader(&a).ReadAll()
	if err != nil || len(rows) != 2001 || len(rows[0]) != 8 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	seen := map[string]bool{}
	for _, r := range rows[1:] {
		if seen[r[1]] {
			t.Fatalf("website %s comes twice", r[1])
		}
		seen[r[1]] = true
	}
	if n := b.Len() / 2000; n < 145 || n > 155 {
		t.Errorf("%d bytes a row", n)
	}
	var one map[string]string
	if err := json.Unmarshal(AppendJSON(nil, CleanRow(1, 7)), &one); err != nil || one["name"] == "" || len(one) != 9 {
		t.Errorf("row as JSON: %v %v", one, err)
	}
}

func TestOrders(t *testing.T) {
	f := func(c Clean, want ...uint64) {
		t.Helper()
		if got := slices.Collect(c.Numbers()); !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", c, got, want)
		}
	}
	f(Clean{Rows: 3}, 0, 1, 2)
	f(Clean{Rows: 5, Order: HalfNew}, 0, 5, 1, 6, 2)
	f(Clean{Rows: 0, Order: Shuffled})
	got := slices.Collect(Clean{Seed: 3, Rows: 1000, Order: Shuffled}.Numbers())
	if slices.IsSorted(got) {
		t.Error("the shuffled file is in order")
	}
	slices.Sort(got)
	if !slices.Equal(got, slices.Collect(Clean{Rows: 1000}.Numbers())) {
		t.Error("the shuffled file has other rows")
	}
}

func TestRevision(t *testing.T) {
	first, second := Clean{Seed: 2, Rows: 9}.Row(4), Clean{Seed: 2, Rows: 9, Revision: 1}.Row(4)
	if first.Domain() != second.Domain() || first.Description == second.Description || first.Phone == second.Phone {
		t.Errorf("%+v became %+v", first, second)
	}
	var b bytes.Buffer
	if err := (Clean{Seed: 2, Rows: 1, Revision: 1}).WriteCSV(&b, strings.Split("a,b,c,d,e,f,g,h", ",")); err != nil {
		t.Fatal(err)
	}
	if rows, err := csv.NewReader(&b).ReadAll(); err != nil || len(rows) != 2 || !slices.Equal(rows[1], Clean{Seed: 2, Revision: 1}.Row(0).cells()) {
		t.Errorf("%q: %v", rows, err)
	}
}

func TestMessy(t *testing.T) {
	var u, w bytes.Buffer
	if err := (Messy{Seed: 1, Rows: 3000}).Write(&u); err != nil {
		t.Fatal(err)
	}
	if err := (Messy{Seed: 1, Rows: 3000, Windows: true}).Write(&w); err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(u.Bytes()) || utf8.Valid(w.Bytes()) {
		t.Error("the encodings are not what they should be")
	}
	for _, want := range []string{"\r\n", "HTTPS://user@", `;"`, "nameless", "The \""} {
		if !bytes.Contains(u.Bytes(), []byte(want)) {
			t.Errorf("no %q in the file", want)
		}
	}
}
