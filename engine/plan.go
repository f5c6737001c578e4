package engine

import (
	"sort"
	"strconv"
	"strings"

	"sluice/engine/company"
	"sluice/engine/fault"
)

// target is what one column fills.
type target struct {
	field  company.Field
	custom string // Custom only: the key; "" for a whole custom object
	ok     bool   // false: the column is ignored
}

// plan says which columns fill which fields. Columns that fill the same field
// are alternatives, tried in order: JSON rows may spell a key in several ways.
type plan struct {
	names   []string // of the columns, as sent, for errors
	text    [company.TextFields][]int
	tags    []int
	custom  []customColumn
	ignored []string
}

// customColumn is a custom field and the columns that fill it.
type customColumn struct {
	columns []int
	key     []byte // nil: the columns hold a whole object
}

// parseTarget reads the name of a field, as in a mapping.
func parseTarget(name string) (target, bool) {
	if key, ok := strings.CutPrefix(name, company.CustomPrefix); ok {
		if key == "" || len(key) > company.MaxText {
			return target{}, false
		}
		return target{field: company.Custom, custom: key, ok: true}, true
	}
	f, ok := company.FieldByName(name)
	return target{field: f, ok: ok}, ok
}

// newPlan makes the plan of columns named names, where targets[i] is what
// column i fills and rank orders the alternatives (nil: as they come).
func newPlan(names []string, targets []target) *plan {
	p := &plan{names: names}
	custom := map[string]int{} // index into p.custom
	for i, t := range targets {
		switch {
		case !t.ok:
			if len(p.ignored) < MaxIgnoredColumns {
				p.ignored = append(p.ignored, names[i])
			}
		case t.field == company.Tags:
			p.tags = append(p.tags, i)
		case t.field == company.Custom:
			at, known := custom[t.custom]
			if !known {
				at = len(p.custom)
				custom[t.custom] = at
				p.custom = append(p.custom, customColumn{key: t.customKey()})
			}
			p.custom[at].columns = append(p.custom[at].columns, i)
		default:
			p.text[t.field] = append(p.text[t.field], i)
		}
	}
	return p
}

// autoPlan matches CSV headers with fields: one column a field, an exact name
// before an alias, then the first.
func autoPlan(headers []string) *plan {
	targets := make([]target, len(headers))
	for i, name := range company.AutoMap(headers) {
		if name != "" {
			targets[i], _ = parseTarget(name)
		}
	}
	return newPlan(headers, targets)
}

// keyPlan matches JSON keys with fields. Rows differ in their keys, so every
// matching key counts: in each row an exact name before an alias, then the
// first key of the file.
func keyPlan(keys []string) *plan {
	p := newPlan(keys, keyTargets(keys))
	exact := make([]bool, len(keys))
	for i, k := range keys {
		_, exact[i], _ = company.MatchHeader(k)
	}
	for _, columns := range append(p.text[:], p.tags) {
		sort.SliceStable(columns, func(a, b int) bool { return exact[columns[a]] && !exact[columns[b]] })
	}
	return p
}

func keyTargets(keys []string) []target {
	targets := make([]target, len(keys))
	for i, k := range keys {
		if name, _, ok := company.MatchHeader(k); ok {
			targets[i], _ = parseTarget(name)
		}
	}
	return targets
}

// namedPlan is the plan of a plugin's answer, whose columns are named exactly.
func namedPlan(names []string) (*plan, error) {
	targets := make([]target, len(names))
	for i, n := range names {
		t, ok := parseTarget(n)
		if !ok {
			return nil, fault.New(fault.ImportFailed, "the plugin answers a column %q; it must be a company field or custom.NAME", n)
		}
		targets[i] = t
	}
	return newPlan(names, targets), nil
}

// mappedTargets applies an explicit mapping to headers (nil: there is no header,
// and the mapping's keys are column numbers from 1 to columns).
func mappedTargets(mapping map[string]string, headers []string, columns int) ([]target, error) {
	targets := make([]target, columns)
	at := make(map[string]int, columns)
	double := map[string]bool{}
	for i, h := range headers {
		if _, ok := at[h]; ok {
			double[h] = true
		}
		at[h] = i
	}
	if headers == nil {
		for i := range columns {
			at[strconv.Itoa(i+1)] = i
		}
	}
	keys := make([]string, 0, len(mapping))
	for k := range mapping {
		keys = append(keys, k)
	}
	sort.Strings(keys) // the same error every time
	taken := map[target]string{}
	for _, k := range keys {
		t, ok := parseTarget(mapping[k])
		if !ok {
			return nil, mappingFault("mapping: %q is no company field; use one of the fields, or custom.NAME", mapping[k])
		}
		i, ok := at[k]
		switch {
		case !ok && headers == nil:
			return nil, mappingFault("mapping: %q is no column number; the file has columns 1 to %d", k, columns)
		case !ok:
			return nil, mappingFault("mapping: the file has no header %q", k)
		case double[k]:
			return nil, mappingFault("mapping: the file has the header %q more than once", k)
		}
		if other, ok := taken[t]; ok {
			return nil, mappingFault("mapping: %q and %q both fill %q", other, k, mapping[k])
		}
		taken[t] = k
		targets[i] = t
	}
	return targets, nil
}

func mappingFault(format string, args ...any) error {
	return fault.New(fault.Validation, format, args...).With("option", "mapping")
}

// column names the column that fills field f, as sent, for an error that
// arises only in the table; the field's own name where no column does.
func (p *plan) column(field string) string {
	if f, ok := company.FieldByName(field); ok && int(f) < company.TextFields && len(p.text[f]) > 0 {
		return p.names[p.text[f][0]]
	}
	return field
}

// customKey is the key of a custom field; nil: the whole object.
func (t target) customKey() []byte {
	if t.custom == "" {
		return nil
	}
	return []byte(t.custom)
}

// name is the name of a target in a mapping.
func (t target) name() string {
	if t.custom != "" {
		return company.CustomPrefix + t.custom
	}
	return t.field.String()
}
