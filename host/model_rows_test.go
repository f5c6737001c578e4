package host

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// modelImport is one random import: its rows for the reference, and its body.
type modelImport struct {
	rows    []modelRow
	options modelOptions
	results bool
	said    []string // options as "name=JSON"
	body    string
	headers []string
	query   string
	form    string
}

// texts are values of text fields.
var texts = []string{"A", "b c", "Ä", "x,y", `say "x"`, "two\nlines", "semi;colon", " lead", "tab\tbed", "日本", "pipe|d", "0", "true"}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func randomDomain(r *rand.Rand, wide int) string {
	d := fmt.Sprintf("d%d.example", r.IntN(wide))
	switch r.IntN(12) {
	case 0:
		return "WWW." + strings.ToUpper(d) + "."
	case 1:
		return " https://" + d + "/path?q "
	case 2:
		return pick(r, []string{"bad", "..", "a..example", ".example"})
	}
	return d
}

// randomImport makes an import of n rows; domains are of wide different ones.
func randomImport(t testing.TB, r *rand.Rand, n, wide int) *modelImport {
	t.Helper()
	in := &modelImport{form: pick(r, []string{"rows", "csv string", "csv", "ndjson", "csv form", "ndjson form"})}
	in.options.maxErrors = -1
	option := func(name, value string) { in.said = append(in.said, name+"="+value) }
	if r.IntN(2) == 0 {
		in.options.update = true
		option("update_existing", "true")
	}
	if r.IntN(3) == 0 {
		in.options.tags = []string{pick(r, []string{"r1", "r2"}), "t0"}
		raw, _ := json.Marshal(in.options.tags)
		option("tags", string(raw))
	}
	if r.IntN(4) == 0 {
		in.options.dryRun = true
		option("dry_run", "true")
	}
	switch r.IntN(6) {
	case 0:
		in.options.maxErrors = 0
		option("on_error", `"abort"`)
	case 1:
		in.options.maxErrors = r.IntN(1 + n/4)
		option("max_errors", fmt.Sprint(in.options.maxErrors))
	}
	if in.results = r.IntN(2) == 0; in.results {
		option("results", "true")
	}
	bad := pick(r, []int{0, 8, 30}) // one of so many rows is damaged; 0: none
	if strings.HasPrefix(in.form, "csv") {
		in.writeCSV(t, r, n, wide, bad)
	} else {
		in.writeJSON(t, r, n, wide, bad)
	}
	return in
}

// writeCSV makes rows that are all text, under headers as people write them.
func (in *modelImport) writeCSV(t testing.TB, r *rand.Rand, n, wide, bad int) {
	names := map[string][]string{"name": {"name", "Company", "NAME"}, "domain": {"domain", "Company Domain", "Do-main"},
		"city": {"city", "City"}, "phone": {"phone", "Phone Number"}, "industry": {"industry", "Sector"}, "tags": {"tags", "Labels"},
		"custom.k": {"custom.k"}, "custom.L": {"custom.L"}, "": {"unknown"}}
	fields := []string{"name", "domain", "city", "phone", "industry", "tags", "custom.k", "custom.L", ""}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	fields = fields[:2+r.IntN(len(fields)-1)]
	in.options.columns = map[string]string{}
	header := make([]string, len(fields))
	for i, f := range fields {
		header[i] = pick(r, names[f])
		in.options.columns[f] = header[i]
	}
	delimiter := pick(r, []rune{',', ';', '\t', '|'})
	raw, _ := json.Marshal(map[string]string{"delimiter": string(delimiter), "quote": `"`})
	in.said = append(in.said, "dialect="+string(raw))
	if r.IntN(3) == 0 {
		mapping := map[string]string{}
		for i, f := range fields {
			if f != "" {
				mapping[header[i]] = f
			}
		}
		if len(mapping) > 0 {
			raw, _ := json.Marshal(mapping)
			in.said = append(in.said, "mapping="+string(raw))
		}
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = delimiter, r.IntN(2) == 0
	write := func(record []string) {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	write(header)
	for range n {
		row := modelRow{cells: map[string]modelCell{}}
		record := make([]string, len(fields))
		custom := map[string]string{}
		for i, f := range fields {
			if r.IntN(4) > 0 {
				record[i] = randomText(r, f, wide)
			} else {
				record[i] = pick(r, []string{"", " "})
			}
			// encoding/csv writes every line end within a cell as the line's own.
			switch read := record[i]; {
			case f == "tags":
				row.cells[f] = modelCell{tags: strings.FieldsFunc(read, func(c rune) bool { return c == ',' || c == ';' })}
			case strings.HasPrefix(f, "custom."):
				if !isBlank(read) {
					value, _ := json.Marshal(read)
					custom[strings.TrimPrefix(f, "custom.")] = string(value)
				}
			case f != "":
				row.cells[f] = modelCell{text: read}
			}
		}
		row.cells["custom"] = modelCell{custom: custom}
		if bad > 0 && r.IntN(bad) == 0 {
			row.fault = "column_count"
			record = append(record, "more")
		}
		write(record)
		in.rows = append(in.rows, row)
	}
	w.Flush()
	text := b.String()
	switch in.form {
	case "csv":
		in.raw("text/csv", text)
	case "csv string":
		value, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		in.object(r, `"csv":`+string(value))
	default:
		in.multipart(t, "companies.csv", text)
	}
}

// randomText is the text of a CSV's cell.
func randomText(r *rand.Rand, field string, wide int) string {
	switch field {
	case "domain":
		return randomDomain(r, wide)
	case "tags":
		return pick(r, []string{"t1", "t1, t2", "t3;t0", ";", "t2"})
	case "name", "city", "phone", "industry":
		if r.IntN(60) == 0 {
			return strings.Repeat("x", 256)
		}
	}
	// Within a quoted cell a lone LF would become CRLF where lines end so.
	return strings.ReplaceAll(pick(r, texts), "\n", " ")
}

// writeJSON makes rows whose cells may be absent, null, numbers and lists.
func (in *modelImport) writeJSON(t testing.TB, r *rand.Rand, n, wide, bad int) {
	lines := make([]string, n)
	for i := range lines {
		row := modelRow{cells: map[string]modelCell{}}
		var members []string
		for _, f := range append(slices.Clone(textFields), "tags", "custom", "unknown") {
			if r.IntN(5) < 2 && f != "name" {
				continue
			}
			value, cell := randomCell(r, f, wide)
			members = append(members, fmt.Sprintf("%q:%s", f, value))
			if f != "unknown" {
				row.cells[f] = cell
			}
		}
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		lines[i] = "{" + strings.Join(members, ",") + "}"
		if bad > 0 && r.IntN(bad) == 0 {
			row.fault, lines[i] = "invalid_type", pick(r, []string{"5", "null", "[]", `"x"`})
			if in.form != "rows" && r.IntN(2) == 0 {
				row.fault, lines[i] = "malformed", pick(r, []string{`{"name":`, "x", `{"name":"A"}}`})
			}
		}
		in.rows = append(in.rows, row)
	}
	switch in.form {
	case "rows":
		in.object(r, `"rows":[`+strings.Join(lines, ",")+`]`)
	case "ndjson":
		in.raw("application/x-ndjson", strings.Join(lines, "\n"))
	default:
		in.multipart(t, "x.ndjson", strings.Join(lines, "\r\n"))
	}
}

// randomCell is a JSON value and what it means.
func randomCell(r *rand.Rand, field string, wide int) (string, modelCell) {
	if r.IntN(10) == 0 {
		return "null", modelCell{null: true}
	}
	quoted := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	switch field {
	case "domain":
		d := randomDomain(r, wide)
		return quoted(d), modelCell{text: d}
	case "tags":
		switch r.IntN(3) {
		case 0:
			return `"t1;t2, t3"`, modelCell{tags: []string{"t1", "t2", " t3"}}
		case 1:
			return `["t4",7,true,"a,b"," "]`, modelCell{tags: []string{"t4", "7", "true", "a,b"}}
		}
		return `[]`, modelCell{}
	case "custom":
		members, custom := []string{}, map[string]string{}
		for _, k := range []string{"k", "L", "m n"} {
			if r.IntN(2) == 0 {
				continue
			}
			v := pick(r, []string{`"v"`, `1.50`, `true`, `null`, `" "`, `"ä\"q"`})
			members = append(members, quoted(k)+":"+v)
			if custom[k] = v; v == `" "` {
				custom[k] = ""
			}
		}
		return "{" + strings.Join(members, ",") + "}", modelCell{custom: custom}
	}
	switch r.IntN(8) {
	case 0:
		return "1.50e2", modelCell{text: "1.50e2"}
	case 1:
		return "false", modelCell{text: "false"}
	case 2:
		return `" "`, modelCell{text: " "}
	case 3:
		if r.IntN(6) == 0 {
			long := strings.Repeat("ä", 128)
			return quoted(long), modelCell{text: long}
		}
	}
	s := pick(r, texts)
	return quoted(s), modelCell{text: s}
}

// object is a JSON body whose options stand on either side of the rows.
func (in *modelImport) object(r *rand.Rand, rows string) {
	members := []string{rows}
	for _, o := range in.said {
		name, value, _ := strings.Cut(o, "=")
		members = append(members, fmt.Sprintf("%q:%s", name, value))
	}
	r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	in.body, in.headers = "{"+strings.Join(members, ",")+"}", []string{"Content-Type: " + jsonType}
}

// fields are the options as a query or a form has them.
func (in *modelImport) fields() (all []string) {
	for _, o := range in.said {
		name, value, _ := strings.Cut(o, "=")
		switch name {
		case "tags":
			for _, t := range in.options.tags {
				all = append(all, "tags="+t)
			}
		default:
			all = append(all, name+"="+strings.Trim(value, `"`))
		}
	}
	return all
}

func (in *modelImport) raw(media, body string) {
	in.body, in.headers = body, []string{"Content-Type: " + media}
	in.query = encodeQuery(strings.Join(in.fields(), "&"))
}

func (in *modelImport) multipart(t testing.TB, file, body string) {
	parts := append(in.fields(), "file@"+file+"="+body)
	var header string
	in.body, header = formOf(t, parts...)
	in.headers = []string{header}
}
