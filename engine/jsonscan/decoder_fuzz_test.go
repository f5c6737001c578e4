package jsonscan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/engine/batch"
)

// runes makes the bytes of a string that are no UTF-8 U+FFFD, one by one, as
// encoding/json does.
func runes(s string) string { return string([]rune(s)) }

// asModel is a text of ours as encoding/json gives it.
func asModel(s string) string { return runes(oneRune(s)) }

// oneRune makes each half of a surrogate pair one U+FFFD.
func oneRune(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i] == 0xed && s[i+1]&0xe0 == 0xa0 && s[i+2]&0xc0 == 0x80 {
			b = append(b, "\ufffd"...)
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

// model decodes one line with encoding/json: the cells by key, in order of first
// appearance, and the kind of failure.
func model(line []byte) (cells []string, code string) {
	if !json.Valid(line) {
		return nil, "malformed"
	}
	if bytes.TrimLeft(line, " \t\r")[0] != '{' {
		return nil, "invalid_type"
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if _, err := d.Token(); err != nil {
		panic(err)
	}
	values, order := map[string]string{}, []string(nil)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			panic(err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			panic(err)
		}
		key := token.(string)
		if _, ok := values[key]; !ok {
			order = append(order, key)
		}
		values[key] = modelCell(raw)
	}
	for _, key := range order {
		cells = append(cells, fmt.Sprintf("%q %s", key, values[key]))
	}
	return cells, ""
}

func modelCell(raw []byte) string {
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			panic(err)
		}
		return fmt.Sprintf("text %q", s)
	case '{', '[':
		return fmt.Sprintf("json %q", runes(string(raw)))
	case 'n':
		return `null ""`
	case 't', 'f':
		return fmt.Sprintf("bool %q", raw)
	}
	return fmt.Sprintf("number %q", raw)
}

func FuzzDecoder(f *testing.F) {
	for _, c := range suite(f) {
		f.Add(c.text, uint16(3), uint16(100))
		f.Add([]byte(`{"a":1,"b\n":2,"c":"x"}`+"\n"+`{"a":`+string(c.text)+`,"b\n":[],"c":"\t"}`+"\r\n"+`{"c":1,`), uint16(2), uint16(10))
	}
	f.Add([]byte(mixed()), uint16(9), uint16(400))
	f.Add([]byte(`{"a\\":1,"x":2}`+"\n"+`{"a\":1,"x":2}`), uint16(1), uint16(1))
	f.Fuzz(func(t *testing.T, text []byte, maxRows, maxBytes uint16) {
		if len(text) > MaxRowBytes || bytes.HasPrefix(text, []byte(byteOrderMark)) || depth(text) > MaxDepth {
			return // what encoding/json knows nothing of
		}
		d := New(bytes.NewReader(text), int64(len(text)), Position{}, Options{})
		got := decode(t, d, int(maxRows), int(maxBytes))
		n := 0
		for line := range bytes.Lines(text) {
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			if len(bytes.Trim(line, " \t\r\n")) == 0 {
				continue
			}
			if n++; n > len(got.Rows) {
				t.Fatalf("%d rows, but line %q", len(got.Rows), line)
			}
			checkLine(t, line)
		}
		if n != len(got.Rows) {
			t.Fatalf("%d rows, want %d", len(got.Rows), n)
		}
		whole := decode(t, New(bytes.NewReader(text), int64(len(text)), Position{}, Options{}), 1<<20, 1<<20)
		if diff := cmp.Diff(whole, got); diff != "" {
			t.Fatalf("batches of %d rows, %d bytes (-want +got):\n%s", maxRows, maxBytes, diff)
		}
	})
}

// checkLine holds one line against encoding/json, decoded by itself and after
// itself, when its keys are foreseen.
func checkLine(t *testing.T, line []byte) {
	t.Helper()
	cells, code := model(line)
	for _, key := range cells {
		if len(key) > MaxKeyBytes {
			return
		}
	}
	if len(cells) > MaxKeys {
		return
	}
	d := New(strings.NewReader(string(line)+"\n"+string(line)), int64(2*len(line)+1), Position{}, Options{})
	rows := decodeCells(t, d)
	for i := range 2 {
		if diff := cmp.Diff(code, rows[i].code); diff != "" {
			t.Fatalf("line %q, time %d: code (-want +got):\n%s", line, i+1, diff)
		}
		if bytes.Equal(line, []byte(runes(string(line)))) { // else keys may be one for encoding/json only
			if diff := cmp.Diff(cells, rows[i].cells); diff != "" {
				t.Fatalf("line %q, time %d (-want +got):\n%s", line, i+1, diff)
			}
		}
	}
}

type decoded struct {
	cells []string
	code  string
}

func decodeCells(t *testing.T, d *Decoder) (rows []decoded) {
	t.Helper()
	var b batch.Batch
	if err := d.Next(&b, 1000, 1<<30); err != nil {
		t.Fatal(err)
	}
	for i := range b.Rows {
		var r decoded
		for c, cell := range b.Row(i) {
			if cell.Kind() != batch.Absent {
				r.cells = append(r.cells, fmt.Sprintf("%q %s %q", asModel(d.Columns()[c]), kindNames[cell.Kind()], asModel(string(b.Bytes(cell)))))
			}
		}
		rows = append(rows, r)
	}
	for _, f := range b.Faults {
		rows[f.Row].code = string(f.Code)
	}
	return rows
}
