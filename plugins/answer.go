package plugins

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"unicode/utf8"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/plugins/abi"
)

// answer is what open said, resolved against the columns that it was told of.
type answer struct {
	columns  []string // of out: the guest's own, then the passed fields
	own      int      // of them, how many the guest answers
	input    []int    // columns that cross, in the guest's order
	identity bool     // all columns cross as they are
	pass     []int    // for each passed field, the column it is copied from
}

const maxAnswerColumns = 1024

// parseAnswer reads open's JSON. Whatever it refuses is import_failed; the
// guest's own refusal with the guest's own message.
func parseAnswer(data []byte, columns []string) (*answer, error) {
	keys, err := objectKeys(data)
	if err != nil {
		return nil, refused("open's answer is not a JSON object: %v", err)
	}
	if raw, ok := keys["error"]; ok {
		var message string
		if err := json.Unmarshal(raw, &message); err != nil || bytes.Equal(raw, []byte("null")) {
			return nil, refused(`"error" in open's answer is not text`)
		}
		if message == "" {
			message = "the plugin refused the job"
		}
		return nil, fault.New(fault.ImportFailed, "%s", clip(message, abi.MaxMessage))
	}
	for key := range keys {
		if key != "columns" && key != "input" && key != "pass" {
			return nil, refused(`unknown key %q in open's answer; it may have "columns", "input", "pass" or "error"`, clip(key, 64))
		}
	}
	raw, ok := keys["columns"]
	if !ok {
		return nil, refused(`"columns" is missing in open's answer`)
	}
	a := &answer{}
	if a.columns, err = names("columns", raw); err != nil {
		return nil, err
	}
	a.own = len(a.columns)
	passed := make(map[int]bool)
	if raw, ok := keys["pass"]; ok {
		if err := a.readPass(raw, columns, passed); err != nil {
			return nil, err
		}
	}
	if err := checkTargets(a.columns); err != nil {
		return nil, err
	}
	raw, given := keys["input"]
	if given {
		return a, a.readInput(raw, columns)
	}
	for i := range columns {
		if !passed[i] {
			a.input = append(a.input, i)
		}
	}
	a.identity = len(a.input) == len(columns)
	return a, nil
}

// BadAnswer begins the message of a refusal that is not the plugin's own: open's
// answer breaks the ABI.
const BadAnswer = "the plugin cannot be used: "

func refused(format string, args ...any) error {
	return fault.New(fault.ImportFailed, BadAnswer+format, args...)
}

// readPass resolves field → column, in the order of the fields' names.
func (a *answer) readPass(raw json.RawMessage, columns []string, passed map[int]bool) error {
	pairs, err := objectKeys(raw)
	if err != nil {
		return refused(`"pass" in open's answer is not an object of field and column: %v`, err)
	}
	if n := a.own + len(pairs); n > maxAnswerColumns {
		return refused("open answers %d fields with those of \"pass\"; at most %d are allowed", n, maxAnswerColumns)
	}
	fields := make([]string, 0, len(pairs))
	for field := range pairs {
		fields = append(fields, field)
	}
	sort.Strings(fields)
	for _, field := range fields {
		var column string
		if err := json.Unmarshal(pairs[field], &column); err != nil || bytes.Equal(pairs[field], []byte("null")) {
			return refused(`"pass" names no column for %q`, clip(field, 64))
		}
		i := slices.Index(columns, column)
		if i < 0 {
			return refused(`"pass" names the column %q, which the job does not have`, clip(column, 64))
		}
		a.columns = append(a.columns, field)
		a.pass = append(a.pass, i)
		passed[i] = true
	}
	return nil
}

// readInput resolves the columns that cross. A name that several columns have
// means the first of them, and the next one each time that it is repeated.
func (a *answer) readInput(raw json.RawMessage, columns []string) error {
	list, err := names("input", raw)
	if err != nil {
		return err
	}
	next := make(map[string]int)
	for _, name := range list {
		from := next[name]
		i := slices.Index(columns[from:], name)
		if i < 0 && from > 0 {
			from = 0
			i = slices.Index(columns, name)
		}
		if i < 0 {
			return refused(`"input" names the column %q, which the job does not have`, clip(name, 64))
		}
		a.input = append(a.input, from+i)
		next[name] = from + i + 1
	}
	a.identity = len(a.input) == len(columns)
	for i, column := range a.input {
		a.identity = a.identity && i == column
	}
	return nil
}

// names reads a list of texts.
func names(key string, raw json.RawMessage) ([]string, error) {
	var list []*string
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		return nil, refused("%q in open's answer is not a list of names", key)
	}
	if len(list) > maxAnswerColumns {
		return nil, refused("%q in open's answer has %d names; at most %d are allowed", key, len(list), maxAnswerColumns)
	}
	out := make([]string, len(list))
	for i, name := range list {
		if name == nil {
			return nil, refused("%q in open's answer is not a list of names", key)
		}
		out[i] = *name
	}
	return out, nil
}

// checkTargets holds what is answered against the fields of a company.
func checkTargets(targets []string) error {
	seen := make(map[string]bool, len(targets))
	for _, name := range targets {
		if seen[name] {
			return refused("the field %q is answered twice", clip(name, 64))
		}
		seen[name] = true
		if f, ok := company.FieldByName(name); ok && f != company.Custom {
			continue
		}
		key, ok := cutCustom(name)
		if !ok {
			return refused(`%q is neither a field of a company nor "custom." and a key`, clip(name, 64))
		}
		if len(key) > company.MaxText || !utf8.ValidString(key) {
			return refused("the custom key %q is longer than %d bytes or not UTF-8", clip(key, 64), company.MaxText)
		}
	}
	return nil
}

func cutCustom(name string) (key string, ok bool) {
	if len(name) <= len(company.CustomPrefix) || name[:len(company.CustomPrefix)] != company.CustomPrefix {
		return "", false
	}
	return name[len(company.CustomPrefix):], true
}

// objectKeys reads a JSON object with its keys as they are: encoding/json alone
// would ignore case and let the last of equal keys win.
func objectKeys(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("it is not UTF-8")
	}
	if !json.Valid(data) {
		return nil, fmt.Errorf("it is not valid JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("it is no object")
	}
	keys := make(map[string]json.RawMessage)
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := t.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		if _, twice := keys[key]; twice {
			return nil, fmt.Errorf("the key %q is there twice", clip(key, 64))
		}
		keys[key] = value
	}
	return keys, nil
}
