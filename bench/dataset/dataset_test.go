package dataset

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
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
	if n := b.Len() / 2000; n < 140 || n > 175 {
		t.Errorf("%d bytes a row", n)
	}
	var one map[string]string
	if err := json.Unmarshal(AppendJSON(nil, CleanRow(1, 7)), &one); err != nil || one["name"] == "" || len(one) != 9 {
		t.Errorf("row as JSON: %v %v", one, err)
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
