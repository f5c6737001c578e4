package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"sluice/engine/batch"
	"sluice/engine/company"
	"sluice/engine/fault"
)

// companyFields are the fields that a caller may set.
func companyFields() []string {
	names := make([]string, company.Fields)
	for f := range company.Fields {
		names[f] = company.Field(f).String()
	}
	return names
}

// companyParser reads the object of a POST or PATCH.
type companyParser struct {
	change  bool // PATCH: null and blank clear, tags replace
	builder company.Builder
	errs    fieldErrors
}

// parseCompany returns the patch that a body asks for.
func parseCompany(body []byte, change bool) (company.Patch, error) {
	p := companyParser{change: change}
	object, err := decodeObject(body, companyFields(), &p.errs)
	if err != nil {
		return nil, err
	}
	for f := range company.TextFields {
		if raw, ok := object[company.Field(f).String()]; ok {
			p.text(company.Field(f), raw)
		}
	}
	if raw, ok := object[company.Tags.String()]; ok {
		p.tags(raw)
	}
	if raw, ok := object[company.Custom.String()]; ok {
		p.custom(raw)
	}
	if _, ok := object[company.Name.String()]; !ok && !change {
		p.errs.add("name", fault.Required, "is required")
	}
	if err := p.errs.err(); err != nil {
		return nil, err
	}
	return p.builder.Append(nil), nil
}

func (p *companyParser) text(f company.Field, raw json.RawMessage) {
	var value string
	if !isNull(raw) {
		var ok bool
		if value, ok = wholeText(raw, f.String(), &p.errs); !ok {
			return
		}
	}
	switch {
	case strings.TrimSpace(value) == "":
		if f == company.Name {
			p.errs.add("name", fault.Required, "must not be blank")
		} else if p.change {
			p.builder.Clear(f)
		}
	case f == company.Domain:
		p.domain(value)
	case p.fits(f.String(), value, f.MaxBytes()):
		p.builder.Text[f] = []byte(value)
	}
}

func (p *companyParser) domain(value string) {
	domain, ok := company.AppendDomain(nil, []byte(value))
	if ok {
		p.builder.Text[company.Domain] = domain
	} else if host := strings.TrimSpace(value); strings.Contains(host, "/") || p.fits("domain", host, company.MaxDomain) {
		p.errs.add("domain", fault.InvalidDomain, fmt.Sprintf("%q is no domain; a host name of two labels or more is needed", clip(host, 60)))
	}
}

// fits checks a value against its limit of bytes.
func (p *companyParser) fits(field, value string, most int) bool {
	if len(value) <= most {
		return true
	}
	p.errs.add(field, fault.TooLong, fmt.Sprintf("has %d bytes; at most %d are allowed", len(value), most))
	return false
}

func (p *companyParser) tags(raw json.RawMessage) {
	if p.change {
		p.builder.ReplaceTags()
	}
	if isNull(raw) {
		return
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		p.errs.add("tags", fault.InvalidType, "must be an array of strings")
		return
	}
	for i, raw := range list {
		field := fmt.Sprintf("tags[%d]", i)
		if tag, ok := wholeText(raw, field, &p.errs); ok {
			if tag = strings.TrimSpace(tag); p.fits(field, tag, company.MaxText) {
				p.builder.AddTag([]byte(tag))
			}
		}
		if len(p.errs) == maxFieldErrors {
			return
		}
	}
	if n := len(p.builder.Tags); n > company.MaxTags {
		p.errs.add("tags", fault.TooLong, fmt.Sprintf("has %d tags; at most %d are allowed", n, company.MaxTags))
	}
}

// custom reads an object of scalars, in its order.
func (p *companyParser) custom(raw json.RawMessage) {
	if isNull(raw) {
		if p.change {
			p.builder.Clear(company.Custom)
		}
		return
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		p.errs.add("custom", fault.InvalidType, "must be an object of strings, numbers, booleans and null")
		return
	}
	for dec.More() && len(p.errs) < maxFieldErrors {
		name, err := dec.Token()
		var value json.RawMessage
		if err == nil {
			err = dec.Decode(&value)
		}
		if err != nil { // the object was valid as a whole
			p.errs.add("custom", fault.InvalidType, "is not readable")
			return
		}
		p.customValue(name.(string), value)
	}
	if n := len(p.builder.Custom); n > company.MaxCustom {
		p.errs.add("custom", fault.TooLong, fmt.Sprintf("has %d fields; at most %d are allowed", n, company.MaxCustom))
	}
}

func (p *companyParser) customValue(key string, raw json.RawMessage) {
	field := company.CustomPrefix + clip(key, 100)
	var kind batch.Kind
	text := string(raw)
	switch raw[0] {
	case '"':
		var ok bool
		if text, ok = wholeText(raw, field, &p.errs); !ok {
			return
		}
	case '{', '[':
		p.errs.add(field, fault.InvalidType, "must be a string, a number, a boolean or null")
		return
	case 't', 'f':
		kind = batch.Bool
	case 'n':
		kind, text = batch.Null, ""
	default:
		kind = batch.Number
	}
	if kind == batch.Text && strings.TrimSpace(text) == "" {
		kind, text = batch.Null, "" // blank clears
	}
	switch {
	case strings.TrimFunc(key, unicode.IsSpace) == "":
		p.errs.add("custom", fault.InvalidType, "has a blank name")
	case strings.ContainsRune(key, unicode.ReplacementChar):
		p.errs.add(field, fault.InvalidEncoding, "the name is not valid UTF-8")
	case !p.fits(field, key, company.MaxText) || !p.fits(field, text, company.MaxText):
	case kind != batch.Null || p.change:
		p.builder.SetCustom([]byte(key), kind, []byte(text))
	}
}
