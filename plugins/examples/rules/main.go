// Command rules validates rows by its configuration alone, without any code:
//
//	{"rules": [
//	  {"column": "Company", "required": true, "max_length": 100},
//	  {"column": "Email", "regex": "^[^@ ]+@[^@ ]+$", "message": "is no address"},
//	  {"column": "Plan", "enum": ["free", "pro"], "ignore_case": true},
//	  {"column": "Employees", "min": 1, "max": 500000, "integer": true},
//	  {"column": "VAT", "required": true, "when": {"column": "Country", "in": ["DE", "FR"]}},
//	  {"column": "Closed", "compare": ">=", "with": "Opened"}
//	]}
//
// A rule but required looks only at cells that are not blank. Numbers compare as
// numbers where both are some, else texts do, so that dates like 2026-01-31 work.
// "code" and "message" replace the error's own. "mapping" ({"Company": "name"})
// says which columns become which fields; those that it doesn't name go to the
// fields of their names.
package main

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	sluice "sluice/plugins/sdk/go"
)

func main() {}

var _ = sluice.Register(sluice.Plugin{
	Name: "rules", Version: "1.0.0", Description: "Validates rows by configuration: required, regex, enum, range, cross-field",
	Schema: `{"type":"object","required":["rules"],"properties":{"rules":{"type":"array"},"mapping":{"type":"object"}}}`,
	Open:   open,
})

func open(job *sluice.Job) (func(*sluice.Row), error) {
	var rules []*rule
	for i, v := range job.Config.Key("rules").List() {
		r, err := parse(job, v)
		if err != nil {
			return nil, errors.New("rule " + strconv.Itoa(i+1) + ": " + err.Error())
		}
		rules = append(rules, r)
	}
	if len(rules) == 0 {
		return nil, errors.New(`the configuration has no rules: {"rules": [{"column": "Company", "required": true}]}`)
	}
	if err := pass(job); err != nil {
		return nil, err
	}
	return func(row *sluice.Row) {
		for _, r := range rules {
			r.check(row)
		}
	}, nil
}

// fields that a column may become by its name.
var fields = []string{"name", "domain", "industry", "website", "linkedin_url", "size", "city", "country", "phone", "description", "tags"}

var aliases = [][2]string{{"company", "name"}, {"companyname", "name"}, {"employees", "size"}, {"linkedin", "linkedin_url"}}

// pass lets the host copy what was checked.
func pass(job *sluice.Job) error {
	mapping := job.Config.Key("mapping")
	taken := map[string]bool{}
	var err error
	mapping.Each(func(column string, v sluice.Value) bool {
		field, ok := v.String()
		if !ok || !job.Pass(field, column) {
			err = errors.New("mapping: the file has no column " + strconv.Quote(column))
			return false
		}
		taken[field] = true
		return true
	})
	if err != nil || mapping.Exists() {
		return err
	}
	for _, field := range fields {
		if job.Pass(field, field) {
			taken[field] = true
		}
	}
	for _, a := range aliases {
		if !taken[a[1]] && job.Pass(a[1], a[0]) {
			taken[a[1]] = true
		}
	}
	if len(taken) == 0 {
		return errors.New(`no column has the name of a field; say which is which: {"mapping": {"Firma": "name"}}`)
	}
	return nil
}

// rule is one condition on one column.
type rule struct {
	column        sluice.Column
	code, message string

	required    bool
	minLength   int
	maxLength   int
	regex       *regexp.Regexp
	enum        []string
	ignoreCase  bool
	integer     bool
	numeric     bool
	min, max    float64
	hasMin      bool
	hasMax      bool
	compare     string
	with        sluice.Column
	withName    string
	when        sluice.Column
	whenIn      []string
	conditional bool
}

var keys = []string{"column", "required", "min_length", "max_length", "regex", "enum", "ignore_case", "integer", "min", "max", "compare",
	"with", "when", "code", "message"}

func parse(job *sluice.Job, v sluice.Value) (*rule, error) {
	var unknown string
	v.Each(func(key string, _ sluice.Value) bool {
		if !contains(keys, key, false) {
			unknown = key
		}
		return true
	})
	if unknown != "" {
		return nil, errors.New("unknown key " + strconv.Quote(unknown) + "; it may have " + strings.Join(keys, ", "))
	}
	r := &rule{code: v.Text("code", ""), message: v.Text("message", ""), required: v.Bool("required", false),
		minLength: int(v.Number("min_length", 0)), maxLength: int(v.Number("max_length", 0)), enum: v.Texts("enum"),
		ignoreCase: v.Bool("ignore_case", false), integer: v.Bool("integer", false), compare: v.Text("compare", "")}
	var err error
	if r.column, err = column(job, v, "column"); err != nil {
		return nil, err
	}
	for _, c := range r.code {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' || len(r.code) > 64 {
			return nil, errors.New("the code is not 1 to 64 characters a-z, 0-9 and _")
		}
	}
	if pattern := v.Text("regex", ""); pattern != "" {
		if r.regex, err = regexp.Compile(pattern); err != nil {
			return nil, err
		}
	}
	r.min, r.hasMin = v.Key("min").Float()
	r.max, r.hasMax = v.Key("max").Float()
	r.numeric = r.integer || r.hasMin || r.hasMax
	if r.compare != "" {
		if !contains([]string{"=", "!=", "<", "<=", ">", ">="}, r.compare, false) {
			return nil, errors.New(`compare is one of =, !=, <, <=, >, >=`)
		}
		if r.with, err = column(job, v, "with"); err != nil {
			return nil, err
		}
		r.withName = v.Text("with", "")
	}
	if when := v.Key("when"); when.Exists() {
		r.conditional, r.whenIn = true, when.Texts("in")
		if r.when, err = column(job, when, "column"); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func column(job *sluice.Job, v sluice.Value, key string) (sluice.Column, error) {
	name := v.Text(key, "")
	if name == "" {
		return sluice.None, errors.New(strconv.Quote(key) + " names no column")
	}
	c := job.Input(name)
	if c == sluice.None {
		return c, errors.New("the file has no column " + strconv.Quote(name))
	}
	return c, nil
}

// check rejects row where it breaks r.
func (r *rule) check(row *sluice.Row) {
	if r.conditional {
		value := strings.TrimSpace(row.Text(r.when))
		if value == "" || len(r.whenIn) > 0 && !contains(r.whenIn, value, true) {
			return
		}
	}
	text := strings.TrimSpace(row.Text(r.column))
	if text == "" {
		if r.required {
			r.fail(row, "required", "a value is required")
		}
		return
	}
	if r.maxLength > 0 && len(text) > r.maxLength && runes(text) > r.maxLength {
		r.fail(row, "too_long", "it is longer than "+strconv.Itoa(r.maxLength)+" characters")
	}
	if r.minLength > 0 && runes(text) < r.minLength {
		r.fail(row, "too_short", "it is shorter than "+strconv.Itoa(r.minLength)+" characters")
	}
	if r.regex != nil && !r.regex.MatchString(text) {
		r.fail(row, "no_match", "it does not match "+r.regex.String())
	}
	if len(r.enum) > 0 && !contains(r.enum, text, r.ignoreCase) {
		r.fail(row, "not_allowed", "it is none of "+strings.Join(r.enum, ", "))
	}
	if r.numeric {
		r.checkNumber(row, text)
	}
	if r.compare != "" {
		r.checkOther(row, text)
	}
}

func (r *rule) checkNumber(row *sluice.Row, text string) {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		r.fail(row, "no_number", "it is no number")
	case r.integer && n != float64(int64(n)):
		r.fail(row, "no_integer", "it is no whole number")
	case r.hasMin && n < r.min:
		r.fail(row, "too_small", "it is less than "+sluice.Number(r.min))
	case r.hasMax && n > r.max:
		r.fail(row, "too_large", "it is more than "+sluice.Number(r.max))
	}
}

func (r *rule) checkOther(row *sluice.Row, text string) {
	other := strings.TrimSpace(row.Text(r.with))
	if other == "" {
		return
	}
	order := strings.Compare(text, other)
	a, errA := strconv.ParseFloat(text, 64)
	b, errB := strconv.ParseFloat(other, 64)
	if errA == nil && errB == nil {
		switch {
		case a < b:
			order = -1
		case a > b:
			order = 1
		default:
			order = 0
		}
	}
	holds := false
	switch r.compare {
	case "=":
		holds = order == 0
	case "!=":
		holds = order != 0
	case "<":
		holds = order < 0
	case "<=":
		holds = order <= 0
	case ">":
		holds = order > 0
	case ">=":
		holds = order >= 0
	}
	if !holds {
		r.fail(row, "cross_field", "it must be "+r.compare+" "+r.withName)
	}
}

func (r *rule) fail(row *sluice.Row, code, message string) {
	if r.code != "" {
		code = r.code
	}
	if r.message != "" {
		message = r.message
	}
	row.Reject(r.column, code, message)
}

func contains(list []string, value string, fold bool) bool {
	for _, item := range list {
		if item == value || fold && strings.EqualFold(item, value) {
			return true
		}
	}
	return false
}

func runes(s string) (n int) {
	for range s {
		n++
	}
	return n
}
