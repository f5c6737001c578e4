package host

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/engine/fault"
)

// maxFieldErrors is how many problems of one object are told.
const maxFieldErrors = 100

// fieldError is one problem of one field, as it stands in details.fields.
type fieldError struct {
	Field   string     `json:"field"`
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
}

// fieldErrors collects the problems of an object, so that all are told at once.
type fieldErrors []fieldError

func (e *fieldErrors) add(field string, code fault.Code, message string) {
	if len(*e) < maxFieldErrors {
		*e = append(*e, fieldError{field, code, message})
	}
}

// err returns the answer, nil where there was no problem.
func (e fieldErrors) err() error {
	if len(e) == 0 {
		return nil
	}
	var b strings.Builder
	for i, f := range e {
		if i > 0 {
			b.WriteString("; ")
		}
		if i == 5 {
			b.WriteString("…")
			break
		}
		b.WriteString(f.Field + ": " + f.Message)
	}
	return fault.New(fault.Validation, "%s", b.String()).With("fields", []fieldError(e))
}

// unknownField is the code of a field that does not exist or has the wrong type.
const unknownField = fault.Validation

// decodeObject reads a body that must be one JSON object of known fields.
// Problems of fields go to errs; what is no object at all is the error.
func decodeObject(body []byte, known []string, errs *fieldErrors) (map[string]json.RawMessage, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, fault.New(fault.Validation, "the body is empty; send a JSON object")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		if json.Valid(body) {
			return nil, fault.New(fault.Validation, "the body is not a JSON object")
		}
		return nil, fault.Wrap(fault.Validation, err, "the body is not valid JSON: %v", err)
	}
	if object == nil {
		return nil, fault.New(fault.Validation, "the body is not a JSON object")
	}
	var unknown []string
	for name := range object {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		errs.add(clip(name, 100), unknownField, "unknown field")
		delete(object, name)
	}
	return object, nil
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// wholeText reads a JSON string. JSON's own reader would silently replace bytes
// and escapes that are no characters; here they are an error of the field.
func wholeText(raw json.RawMessage, field string, errs *fieldErrors) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		errs.add(field, fault.InvalidType, "must be a string")
		return "", false
	}
	const replacement = string(utf8.RuneError)
	if !utf8.Valid(raw) || strings.Count(s, replacement) != bytes.Count(raw, []byte(replacement))+countEscaped(raw) {
		errs.add(field, fault.InvalidEncoding, "is not valid UTF-8")
		return "", false
	}
	return s, true
}

// countEscaped counts the replacement characters that raw asks for by escape.
func countEscaped(raw []byte) int {
	n := 0
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if raw[i+1] == 'u' && i+6 <= len(raw) && bytes.EqualFold(raw[i+2:i+6], []byte("fffd")) {
			n++
		}
		i++
	}
	return n
}
