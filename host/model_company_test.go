package host

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The reference: companies as maps, and the rules of an import in the plainest
// form. It knows nothing of batches, plans, patches or tables.

// modelCompany is one company.
type modelCompany struct {
	id      string // "" until the server has told it
	created string
	text    map[string]string
	tags    []string
	custom  map[string]string // values as JSON
}

func (c *modelCompany) clone() *modelCompany {
	n := *c
	n.text, n.tags, n.custom = maps.Clone(c.text), slices.Clone(c.tags), maps.Clone(c.custom)
	return &n
}

// String is the company without its id and dates.
func (c *modelCompany) String() string {
	var b strings.Builder
	for _, f := range slices.Sorted(maps.Keys(c.text)) {
		fmt.Fprintf(&b, "%s=%q ", f, c.text[f])
	}
	fmt.Fprintf(&b, "tags=%q", c.tags)
	for _, k := range slices.Sorted(maps.Keys(c.custom)) {
		fmt.Fprintf(&b, " %s=%s", k, c.custom[k])
	}
	return b.String()
}

// modelCell is one cell of a row as the reference sees it.
type modelCell struct {
	null   bool
	text   string            // of a text field
	tags   []string          // of tags
	custom map[string]string // of custom: values as JSON, "null" removes, "" is blank
}

// modelRow is one row: its cells by field, or how it is damaged.
type modelRow struct {
	cells map[string]modelCell
	fault string // malformed, invalid_type or column_count
}

// modelOptions are what an import was asked for.
type modelOptions struct {
	update    bool
	tags      []string
	maxErrors int // -1: no limit
	dryRun    bool
	columns   map[string]string // field to column as sent, where they differ
}

// modelReport is what an import must answer.
type modelReport struct {
	created, updated, skipped, failed int
	outcomes                          []string // of each row, with its code
	companies                         []*modelCompany
	errors                            []string // row column code
	refused                           bool
}

// textFields are those that are tested, in the order in which problems are told.
var textFields = []string{"domain", "name", "industry", "city", "phone"}

// model is what a tenant's companies should be.
type model []*modelCompany

func (m model) clone() model {
	n := make(model, len(m))
	for i, c := range m {
		n[i] = c.clone()
	}
	return n
}

func (m model) byDomain(domain string) *modelCompany {
	for _, c := range m {
		if domain != "" && c.text["domain"] == domain {
			return c
		}
	}
	return nil
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

// normalDomain knows the forms that the generator makes.
func normalDomain(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, "https://")
	s, _, _ = strings.Cut(s, "/")
	s = strings.TrimSuffix(strings.TrimPrefix(s, "www."), ".")
	return s, strings.HasSuffix(s, ".example") && !strings.Contains(s, "..") && s != ".example"
}

// run imports rows into a copy and says what must be answered.
func (m model) run(rows []modelRow, o modelOptions) (model, modelReport) {
	next, r := m.clone(), modelReport{}
	index := map[string]*modelCompany{}
	for _, c := range next {
		if d := c.text["domain"]; d != "" {
			index[d] = c
		}
	}
	for i, row := range rows {
		problems := row.problems(o)
		outcome, code := "failed", ""
		var company *modelCompany
		if len(problems) == 0 {
			next, company, outcome, code = next.apply(row, o, index)
			if outcome == "failed" {
				problems = []string{o.column("name") + " " + code}
			}
		} else {
			code = problems[0][strings.LastIndexByte(problems[0], ' ')+1:]
		}
		switch outcome {
		case "created":
			r.created++
		case "updated":
			r.updated++
		case "skipped":
			r.skipped++
		default:
			r.failed++
			for _, p := range problems {
				r.errors = append(r.errors, fmt.Sprintf("%d %s", i+1, p))
			}
		}
		r.outcomes = append(r.outcomes, strings.TrimSpace(outcome+" "+code))
		r.companies = append(r.companies, company)
	}
	if o.maxErrors >= 0 && r.failed > o.maxErrors {
		r.refused, r.created, r.updated, r.skipped = true, 0, 0, 0
		for i, o := range r.outcomes {
			if o == "created" || o == "updated" {
				r.outcomes[i] = "skipped import_failed"
			}
		}
	}
	if r.refused || o.dryRun {
		return m, r
	}
	return next, r
}

func (o modelOptions) column(field string) string {
	if c, ok := o.columns[field]; ok {
		return c
	}
	return field
}

// problems are what is wrong with a row by itself, as "column code".
func (row modelRow) problems(o modelOptions) (all []string) {
	if row.fault != "" {
		return []string{" " + row.fault}
	}
	for _, f := range textFields {
		c, ok := row.cells[f]
		if ok && c.null && f == "name" {
			all = append(all, o.column(f)+" required")
		}
		if !ok || c.null || isBlank(c.text) {
			continue
		}
		if _, good := normalDomain(c.text); f == "domain" && !good {
			all = append(all, o.column(f)+" invalid_domain")
		} else if f != "domain" && len(c.text) > 255 {
			all = append(all, o.column(f)+" too_long")
		}
	}
	return all
}

// apply lets a row that is right by itself act; index has the companies by domain.
func (m model) apply(row modelRow, o modelOptions, index map[string]*modelCompany) (next model, c *modelCompany, outcome, code string) {
	domain := ""
	if d, ok := row.cells["domain"]; ok && !d.null && !isBlank(d.text) {
		domain, _ = normalDomain(d.text)
	}
	c = index[domain]
	name := row.cells["name"]
	switch {
	case c != nil && !o.update:
		return m, c, "skipped", "duplicate"
	case c == nil && isBlank(name.text):
		return m, nil, "failed", "required"
	case c == nil:
		c = &modelCompany{text: map[string]string{}, custom: map[string]string{}}
		m, outcome = append(m, c), "created"
	default:
		outcome = "updated"
	}
	c.merge(row.cells, o.tags)
	if domain != "" {
		index[domain] = c
	}
	return m, c, outcome, ""
}

// merge applies the cells of an import's row.
func (c *modelCompany) merge(cells map[string]modelCell, tags []string) {
	for _, f := range textFields {
		switch cell, ok := cells[f]; {
		case !ok:
		case cell.null:
			delete(c.text, f)
		case isBlank(cell.text):
		case f == "domain":
			c.text[f], _ = normalDomain(cell.text)
		default:
			c.text[f] = cell.text
		}
	}
	if cell, ok := cells["tags"]; ok {
		if cell.null {
			c.tags = nil
		}
		c.addTags(cell.tags)
	}
	c.addTags(tags)
	if cell, ok := cells["custom"]; ok {
		if cell.null {
			clear(c.custom)
		}
		for k, v := range cell.custom {
			c.set(k, v)
		}
	}
}

func (c *modelCompany) set(key, value string) {
	switch value {
	case "":
	case "null":
		delete(c.custom, key)
	default:
		c.custom[key] = value
	}
}

func (c *modelCompany) addTags(tags []string) {
	for _, t := range tags {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(c.tags, t) {
			c.tags = append(c.tags, t)
		}
	}
}

// readModel reads a whole export.
func readModel(t testing.TB, export []byte) model {
	t.Helper()
	var m model
	for line := range strings.Lines(string(export)) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		c := &modelCompany{text: map[string]string{}, custom: map[string]string{}}
		for name, into := range map[string]any{"id": &c.id, "created_date": &c.created, "tags": &c.tags} {
			if err := json.Unmarshal(fields[name], into); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
		}
		for _, f := range textFields {
			if string(fields[f]) != "null" {
				var s string
				if err := json.Unmarshal(fields[f], &s); err != nil {
					t.Fatalf("%v in %s", err, line)
				}
				c.text[f] = s
			}
		}
		var custom map[string]json.RawMessage
		if err := json.Unmarshal(fields["custom"], &custom); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for k, v := range custom {
			c.custom[k] = string(v)
		}
		m = append(m, c)
	}
	return m
}

// compare tells what is wrong with what is stored: companies that were there by
// their ids, new ones by what is in them.
func (m model) compare(stored model) error {
	byID := map[string]*modelCompany{}
	fresh := map[string]int{}
	for _, c := range m {
		if c.id != "" {
			byID[c.id] = c
		} else {
			fresh[c.String()]++
		}
	}
	for _, s := range stored {
		if c := byID[s.id]; c != nil {
			if c.String() != s.String() || c.created != s.created {
				return fmt.Errorf("company %s is\n%s, want\n%s", s.id, s, c)
			}
			delete(byID, s.id)
		} else if fresh[s.String()]--; fresh[s.String()] < 0 {
			return fmt.Errorf("there is a company %s too many", s)
		}
	}
	if len(stored) != len(m) {
		return fmt.Errorf("%d companies are stored, want %d", len(stored), len(m))
	}
	return nil
}
