package plugins

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"sluice/engine/batch"
	"sluice/plugins/plugintest"
)

// puppet is a guest that does with its result what the first cell says: the first
// word is what process returns, the rest is written to 0x800. It answers two
// columns.
func puppet() []byte { return puppetOf(`{"columns":["name","domain"]}`) }

func puppetOf(answer string) []byte {
	return plugintest.Guest{
		Answer: answer,
		Locals: "i32 i32",
		Process: `
			local.get 0 i32.load 8 local.tee 1 i32.load 0 local.set 2
			i32.const 0x800 local.get 2 i32.const 4 i32.add
			local.get 1 i32.load 4 i32.const 0xfffffff i32.and i32.const 4 i32.sub
			memory.copy
			local.get 2 i32.load 0`,
	}.Bytes()
}

const (
	memoryEnd = 65536
	text      = 0 << 28
	absent    = 1 << 28
	null      = 2 << 28
	number    = 3 << 28
	boolean   = 4 << 28
	jsonKind  = 5 << 28
	noColumn  = 0xFFFFFFFF
)

// An order to the puppet: the address to return and the words to write at 0x800.
func order(at uint32, words ...uint32) []byte {
	return []byte(plugintest.Words(append([]uint32{at}, words...)...))
}

// command gives the puppet one row to answer, with an order in its first cell.
func command(rows int, order []byte) *batch.Batch {
	b := &batch.Batch{}
	b.Reset(2)
	for i := range rows {
		b.Rows = append(b.Rows, batch.Row{Number: uint64(i + 1)})
		b.Cells = append(b.Cells, b.Append(batch.Text, order), b.Append(batch.Text, []byte("x")))
	}
	return b
}

// wordsOf is text as words, filled up with zeros.
func wordsOf(s string) []uint32 {
	for len(s)%4 != 0 {
		s += "\x00"
	}
	out := make([]uint32, 0, len(s)/4)
	for i := 0; i < len(s); i += 4 {
		out = append(out, uint32(s[i])|uint32(s[i+1])<<8|uint32(s[i+2])<<16|uint32(s[i+3])<<24)
	}
	return out
}

func TestChaosResult(t *testing.T) {
	limits := DefaultLimits()
	limits.MaxTraps = 1 << 30
	s := mustDirect(t, puppet(), &limits, "a", "b")
	// header is at 0x800, what follows it at 0x814
	f := func(name, want string, order []byte) {
		t.Helper()
		answer, problems, err := process(s, command(1, order))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := "0 -1 plugin_trap the plugin trapped: " + want + "\n"; problems != want || answer != "" {
			t.Errorf("%s:\n got %s want %s answer %q", name, problems, want, answer)
		}
	}
	long := strings.Repeat("m", 1025)

	f("result outside", "the result at 65536 is outside of memory or not 4-byte aligned", order(memoryEnd))
	f("result half outside", "the result at 65520 is outside of memory or not 4-byte aligned", order(memoryEnd-16))
	f("result at the top", "the result at 4294967292 is outside of memory or not 4-byte aligned", order(0xFFFFFFFC))
	f("result unaligned", "the result at 2049 is outside of memory or not 4-byte aligned", order(0x801))
	f("result by two", "the result at 2050 is outside of memory or not 4-byte aligned", order(0x802))

	f("rows, no source", "the result has 2 rows for 1 and no source", order(0x800, 2, 0x814, 0, 0, 0))
	f("rows over the cap", "the result has 101 rows for 1; at most 100 for each are allowed (--plugin-max-rows-out)", order(0x800, 101, 0x814, 0x814, 0, 0))
	f("rows at the top", "the result has 4294967295 rows for 1; at most 100 for each are allowed (--plugin-max-rows-out)", order(0x800, 0xFFFFFFFF, 0x814, 0x814, 0, 0))

	f("cells outside", "the result's cells at 65528 are outside of memory or not 4-byte aligned", order(0x800, 1, memoryEnd-8, 0, 0, 0))
	f("cells at the top", "the result's cells at 4294967288 are outside of memory or not 4-byte aligned", order(0x800, 1, 0xFFFFFFF8, 0, 0, 0))
	f("cells unaligned", "the result's cells at 2070 are outside of memory or not 4-byte aligned", order(0x800, 1, 0x816, 0, 0, 0))
	f("no rows, cells outside", "the result's cells at 65540 are outside of memory or not 4-byte aligned", order(0x800, 0, memoryEnd+4, 0, 0, 0))

	f("source outside", "the result's source at 65536 is outside of memory or not 4-byte aligned", order(0x800, 1, 0x814, memoryEnd, 0, 0))
	f("source unaligned", "the result's source at 2053 is outside of memory or not 4-byte aligned", order(0x800, 1, 0x814, 0x805, 0, 0))
	f("source too high", "source of output row 0 is 1; there are 1 rows", order(0x800, 1, 0x814, 0x824, 0, 0, 0, text, 0, text, 1))
	f("source at the top", "source of output row 0 is 4294967295; there are 1 rows", order(0x800, 1, 0x814, 0x824, 0, 0, 0, text, 0, text, 0xFFFFFFFF))

	f("errors outside", "the result's errors at 65532 are outside of memory or not 4-byte aligned", order(0x800, 0, 0, 0, 1, memoryEnd-4))
	f("errors unaligned", "the result's errors at 2071 are outside of memory or not 4-byte aligned", order(0x800, 0, 0, 0, 1, 0x817))
	f("error storm", "the result has 17 errors for 1 rows; at most 16 for each are allowed (--plugin-max-errors)", order(0x800, 0, 0, 0, 17, 0x814))
	f("errors at the top", "the result has 4294967295 errors for 1 rows; at most 16 for each are allowed (--plugin-max-errors)", order(0x800, 0, 0, 0, 0xFFFFFFFF, 0x814))
	f("no errors, table outside", "the result's errors at 65540 are outside of memory or not 4-byte aligned", order(0x800, 0, 0, 0, 0, memoryEnd+4))

	f("cell outside", "the cell of output row 0, column 0 is outside of memory", order(0x800, 1, 0x814, 0, 0, 0, memoryEnd, text|1, 0, text))
	f("cell at the top", "the cell of output row 0, column 1 is outside of memory", order(0x800, 1, 0x814, 0, 0, 0, 0, text, 0xFFFFFFFF, text|0xFFFFFFF))
	f("empty cell outside", "the cell of output row 0, column 1 is outside of memory", order(0x800, 1, 0x814, 0, 0, 0, 0, text, memoryEnd+1, text))
	f("cell too long", "the cell of output row 0, column 0 is outside of memory", order(0x800, 1, 0x814, 0, 0, 0, 1, text|memoryEnd, 0, text))
	f("kind 6", "the cell of output row 0, column 1 has an invalid kind", order(0x800, 1, 0x814, 0, 0, 0, 0, text, 0, 6<<28))
	f("kind 15", "the cell of output row 0, column 0 has an invalid kind", order(0x800, 1, 0x814, 0, 0, 0, 0, 15<<28, 0, text))
	f("absent with bytes", "the cell of output row 0, column 0 is absent or null and has bytes", order(0x800, 1, 0x814, 0, 0, 0, 0, absent|1, 0, text))
	f("null with bytes", "the cell of output row 0, column 0 is absent or null and has bytes", order(0x800, 1, 0x814, 0, 0, 0, 0, null|1, 0, text))
	json := func(meta uint32, content string) []byte {
		return order(0x800, append([]uint32{1, 0x814, 0, 0, 0, 0x824, meta | uint32(len(content)), 0, text}, wordsOf(content)...)...)
	}
	for _, bad := range []string{"", "x", "1.", "01", "+1", "NaN", " 1", "1 ", "[1]", "\"1\""} {
		f("number "+bad, "the cell of output row 0, column 0 is not the JSON that its kind says", json(number, bad))
	}
	for _, bad := range []string{"", "TRUE", "1", "true "} {
		f("bool "+bad, "the cell of output row 0, column 0 is not the JSON that its kind says", json(boolean, bad))
	}
	for _, bad := range []string{"", "[1,]", "{", "[1] x"} {
		f("json "+bad, "the cell of output row 0, column 0 is not the JSON that its kind says", json(jsonKind, bad))
	}

	code, message := wordsOf("bad_code"), wordsOf("no reply")
	failure := func(row, column, codeAt, codeLen, messageAt, messageLen uint32, data ...uint32) []byte {
		return order(0x800, append([]uint32{0, 0, 0, 1, 0x814, row, column, codeAt, codeLen, messageAt, messageLen}, data...)...)
	}
	both := append(append([]uint32{}, code...), message...) // at 0x82c and 0x834
	noCode := "an error of row 0 has no code of 1 to 64 characters a-z, 0-9 and _"
	noMessage := "an error of row 0 has no message of at most 1024 bytes of UTF-8"
	f("error's row", "an error names row 1; there are 1 rows", failure(1, noColumn, 0x82c, 8, 0x834, 8, both...))
	f("error's row at the top", "an error names row 4294967295; there are 1 rows", failure(0xFFFFFFFF, noColumn, 0x82c, 8, 0x834, 8, both...))
	f("error's column", "an error of row 0 names column 2; there are 2 columns", failure(0, 2, 0x82c, 8, 0x834, 8, both...))
	f("error's column below none", "an error of row 0 names column 4294967294; there are 2 columns", failure(0, 0xFFFFFFFE, 0x82c, 8, 0x834, 8, both...))
	f("code outside", noCode, failure(0, 0, memoryEnd, 1, 0x834, 8, both...))
	f("code too long", noCode, failure(0, 0, 0x82c, 65, 0x834, 8, wordsOf(strings.Repeat("a", 80))...))
	f("code at the top", noCode, failure(0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 0x834, 8, both...))
	f("no code", noCode, failure(0, 0, 0x82c, 0, 0x834, 8, both...))
	f("code in capitals", noCode, failure(0, 0, 0x82c, 3, 0x834, 8, append(wordsOf("BAD!....."), message...)...))
	f("message outside", noMessage, failure(0, 0, 0x82c, 8, memoryEnd, 8, both...))
	f("message too long", noMessage, failure(0, 0, 0x82c, 8, 0x834, 1025, append(code, wordsOf(long)...)...))
	f("message at the top", noMessage, failure(0, 0, 0x82c, 8, 0xFFFFFFF0, 0xFFFFFFFF, both...))
	f("message not UTF-8", noMessage, failure(0, 0, 0x82c, 8, 0x834, 4, append(code, 0xFFFFFFFF)...))

	if answer, problems, err := process(s, command(1, json(number, "-1.5e3"))); answer != "0: 3\"-1.5e3\" 0\"\"\n" || problems != "" || err != nil {
		t.Errorf("a right answer: %q %q %v", answer, problems, err)
	}
	if _, problems, err := process(s, command(1, failure(0, 1, 0x82c, 8, 0x834, 8, both...))); problems != "0 1 bad_code no reply\n" || err != nil {
		t.Errorf("a right error: %q %v", problems, err)
	}
	// The table, the header and what they point to may overlap: nothing is written.
	if answer, problems, err := process(s, command(1, order(0x800, 1, 0x800, 0, 0, 0))); len(answer) < 2048 || problems != "" || err != nil {
		t.Errorf("overlapping: %q %q %v", answer, problems, err)
	}
}

func TestChaosSource(t *testing.T) {
	limits := DefaultLimits()
	limits.RowsOut = 2
	s := mustDirect(t, puppet(), &limits, "a", "b")
	const empty = 4 // rows' cells lie behind the sources, all of no bytes
	f := func(name, wantAnswer, wantProblem string, sources ...uint32) {
		t.Helper()
		words := append([]uint32{uint32(len(sources)), 0x814 + 4*uint32(len(sources)), 0x814, 0, 0}, sources...)
		words = append(words, make([]uint32, empty*len(sources))...)
		answer, problems, err := process(s, command(2, order(0x800, words...)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if answer != wantAnswer || !strings.Contains(problems, wantProblem) || wantProblem == "" && problems != "" {
			t.Errorf("%s: %q %q", name, answer, problems)
		}
	}
	f("one each", "0: 0\"\" 0\"\"\n1: 0\"\" 0\"\"\n", "", 0, 1)
	f("two of one", "1: 0\"\" 0\"\"\n1: 0\"\" 0\"\"\n", "", 1, 1)
	f("two each", "0: 0\"\" 0\"\"\n0: 0\"\" 0\"\"\n1: 0\"\" 0\"\"\n1: 0\"\" 0\"\"\n", "", 0, 0, 1, 1)
	f("one skipped", "1: 0\"\" 0\"\"\n", "", 1)
	f("all skipped", "", "")
	f("falls", "", "source of output row 0 is 1; there are 1 rows", 1, 0) // judged alone, row 0 has no row 1
	f("too many of one", "", "the result has 3 rows for 1; at most 2 for each are allowed", 1, 1, 1)
}

// What the host copies for a guest counts as what the guest answers: a few bytes
// of answer could otherwise ask for all of the server's memory.
func TestChaosBytesOut(t *testing.T) {
	limits := DefaultLimits()
	limits.BytesOut = 1000
	f := func(answer, wantAnswer, wantProblem string, order []byte) {
		t.Helper()
		s := mustDirect(t, puppetOf(answer), &limits, "a", "b")
		in := command(1, order)
		in.Cells[1] = in.Append(batch.Text, bytes.Repeat([]byte("p"), 400))
		got, problems, err := process(s, in)
		if got != wantAnswer || problems != wantProblem || err != nil {
			t.Errorf("%q %q %v", got, problems, err)
		}
	}
	const trapped = "0 -1 plugin_trap the plugin trapped: the result has more than 1000 bytes"
	const passed = trapped + " with what \"pass\" copies (--plugin-max-bytes-out)\n"
	one := `{"columns":[],"input":["a"],"pass":{"name":"b"}}`
	record := "0: 0\"" + strings.Repeat("p", 400) + "\"\n"
	f(one, record+record, "", order(0x800, 2, 0, 0x814, 0, 0, 0, 0))
	f(one, "", passed, order(0x800, 3, 0, 0x814, 0, 0, 0, 0, 0))
	three := `{"columns":[],"input":["a"],"pass":{"name":"b","city":"b","phone":"b"}}`
	f(three, "", passed, order(0x800, 1, 0, 0, 0, 0))
	// 16 errors of one long message.
	words := []uint32{0, 0, 0, 16, 0x814}
	for range 16 {
		words = append(words, 0, noColumn, 0x994, 3, 0x994, 100)
	}
	words = append(words, wordsOf(strings.Repeat("e", 100))...)
	f(one, "", trapped+" (--plugin-max-bytes-out)\n", order(0x800, words...))
}

func TestChaosAlloc(t *testing.T) {
	f := func(alloc, want string) {
		t.Helper()
		// The first region, open's, is a right one.
		guest := plugintest.Guest{Alloc: `global.get 1 if void ` + alloc + ` return end i32.const 1 global.set 1 i32.const 0x2000`,
			Globals: []plugintest.Global{{Type: "i32", Mutable: true}}}
		s := mustDirect(t, guest.Bytes(), nil, "a")
		_, problems, err := process(s, rowsOf([]string{"x"}))
		if err != nil || problems != "0 -1 plugin_trap the plugin trapped: "+want+"\n" {
			t.Errorf("%s: %q %v", alloc, problems, err)
		}
	}
	f("i32.const 0", "sluice_v1_alloc has no memory for 25 bytes")
	f("i32.const 0x2004", "sluice_v1_alloc answered 8196, which is not a multiple of 8")
	f("i32.const 65528", "sluice_v1_alloc answered 65528, where 25 bytes do not fit into memory")
	f("i32.const 65536", "sluice_v1_alloc answered 65536, where 25 bytes do not fit into memory")
	f("i32.const -8", "sluice_v1_alloc answered 4294967288, where 25 bytes do not fit into memory")
	f("unreachable", "unreachable in $0")
}

func TestChaosOpen(t *testing.T) {
	f := func(guest plugintest.Guest, want string) {
		t.Helper()
		_, err := direct(t, guest.Bytes(), nil, "Company", "Site", "Company")
		if err == nil || !strings.HasPrefix(err.Error(), "import_failed: "+want) {
			t.Errorf("%q%s:\n got %v\nwant %s", guest.Answer, guest.Open, err, want)
		}
	}
	trapped := "the plugin trapped while it was opened: "
	f(plugintest.Guest{Open: "i64.const 0x1000000000001"}, trapped+"sluice_v1_open answered 1 bytes at 65536, outside of memory")
	f(plugintest.Guest{Open: "i64.const -1"}, trapped+"sluice_v1_open answered 4294967295 bytes at 4294967295, outside of memory")
	f(plugintest.Guest{Open: "unreachable"}, trapped+"unreachable in $1")
	f(plugintest.Guest{Alloc: "i32.const 0"}, trapped+"sluice_v1_alloc has no memory for ")
	f(plugintest.Guest{Alloc: "i32.const 3"}, trapped+"sluice_v1_alloc answered 3, which is not a multiple of 8")

	used := "the plugin cannot be used: "
	answer := func(json, want string) {
		t.Helper()
		f(plugintest.Guest{Answer: json}, want)
	}
	f(plugintest.Guest{Open: "i64.const 0x40000000000"}, used+"open's answer is not a JSON object: it is not valid JSON")
	answer("[]", used+"open's answer is not a JSON object: it is no object")
	answer("{} {}", used+"open's answer is not a JSON object: it is not valid JSON")
	answer("{\"error\":\"\xff\"}", used+"open's answer is not a JSON object: it is not UTF-8")
	answer(`{"columns":[],"columns":[]}`, used+`open's answer is not a JSON object: the key "columns" is there twice`)
	answer(`{}`, used+`"columns" is missing in open's answer`)
	answer(`{"Columns":[]}`, used+`unknown key "Columns" in open's answer`)
	answer(`{"columns":["name"],"extra":1}`, used+`unknown key "extra" in open's answer`)
	answer(`{"columns":null}`, used+`"columns" in open's answer is not a list of names`)
	answer(`{"columns":[null]}`, used+`"columns" in open's answer is not a list of names`)
	answer(`{"columns":[1]}`, used+`"columns" in open's answer is not a list of names`)
	answer(`{"columns":["nome"]}`, used+`"nome" is neither a field of a company nor "custom." and a key`)
	answer(`{"columns":["custom"]}`, used+`"custom" is neither a field of a company nor "custom." and a key`)
	answer(`{"columns":["custom."]}`, used+`"custom." is neither a field of a company nor "custom." and a key`)
	answer(`{"columns":["id"]}`, used+`"id" is neither`)
	answer(`{"columns":["name","name"]}`, used+`the field "name" is answered twice`)
	answer(`{"columns":["custom.a","custom.a"]}`, used+`the field "custom.a" is answered twice`)
	answer(`{"columns":["name"],"pass":{"name":"Site"}}`, used+`the field "name" is answered twice`)
	answer(`{"columns":[],"pass":{"name":"Nope"}}`, used+`"pass" names the column "Nope", which the job does not have`)
	answer(`{"columns":[],"pass":{"nome":"Site"}}`, used+`"nome" is neither`)
	answer(`{"columns":[],"pass":{"name":null}}`, used+`"pass" names no column for "name"`)
	many := make([]string, 1024)
	for i := range many {
		many[i] = fmt.Sprintf(`"custom.%d":"Site"`, i)
	}
	f(plugintest.Guest{Data: []plugintest.Data{{At: 0x4000, Bytes: `{"columns":["name"],"pass":{` + strings.Join(many, ",") + `}}`}},
		Open: "i64.const " + plugintest.Packed(0x4000, len(`{"columns":["name"],"pass":{}}`)+len(strings.Join(many, ",")))},
		used+`open answers 1025 fields with those of "pass"; at most 1024 are allowed`)
	answer(`{"columns":[],"pass":["name"]}`, used+`"pass" in open's answer is not an object of field and column`)
	answer(`{"columns":[],"input":["Nope"]}`, used+`"input" names the column "Nope", which the job does not have`)
	answer(`{"columns":[],"input":null}`, used+`"input" in open's answer is not a list of names`)
	answer(`{"error":"no Website column"}`, "no Website column")
	answer(`{"error":""}`, "the plugin refused the job")
	answer(`{"error":1}`, used+`"error" in open's answer is not text`)
	answer(`{"columns":["name"],"error":"both"}`, "both")
}

func TestInputAndPass(t *testing.T) {
	f := func(answer, wantColumns, want string) {
		t.Helper()
		s := mustDirect(t, plugintest.Guest{Answer: answer}.Bytes(), nil, "A", "B", "A")
		columns, err := s.Columns(3)
		if err != nil {
			t.Fatal(err)
		}
		got, problems, err := process(s, rowsOf([]string{"a1", "b1", "c1"}, []string{"a2", "-", "c2"}))
		if strings.Join(columns, " ") != wantColumns || got != want || problems != "" || err != nil {
			t.Errorf("%s: %v %q %q %v", answer, columns, got, problems, err)
		}
	}
	f(`{"columns":["name","domain","city"]}`, "name domain city", "0: 0\"a1\" 0\"b1\" 0\"c1\"\n1: 0\"a2\" 1\"\" 0\"c2\"\n")
	f(`{"columns":["name","domain"],"input":["B","A"]}`, "name domain", "0: 0\"b1\" 0\"a1\"\n1: 1\"\" 0\"a2\"\n")
	f(`{"columns":["name","city"],"input":["A","A"]}`, "name city", "0: 0\"a1\" 0\"c1\"\n1: 0\"a2\" 0\"c2\"\n")
	f(`{"columns":["name","city"],"pass":{"domain":"B"}}`, "name city domain", "0: 0\"a1\" 0\"c1\" 0\"b1\"\n1: 0\"a2\" 0\"c2\" 1\"\"\n")
	f(`{"columns":["name"],"input":["B"],"pass":{"custom.x":"B","city":"A"}}`, "name city custom.x",
		"0: 0\"b1\" 0\"a1\" 0\"b1\"\n1: 1\"\" 0\"a2\" 1\"\"\n")
	f(`{"columns":[],"input":[],"pass":{"name":"A"}}`, "name", "0: 0\"a1\"\n1: 0\"a2\"\n")
}
