package engine

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	"sluice/engine/batch"
	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/engine/jsonscan"
)

// validator turns rows into patches. It belongs to one goroutine.
type validator struct {
	tags    [][]byte // of the request
	valid   bool     // the batch's arena is UTF-8
	patch   company.Writer
	scratch []byte
	errs    []RowError // of the row at hand
	passed  []int      // columns of the batch that a row had, and another was read for
}

// record turns one row of cells into the patch that it asks for, appended to
// dst. Problems are left in v.errs, without row numbers.
func (v *validator) record(dst []byte, p *plan, b *batch.Batch, row []batch.Cell) []byte {
	v.errs = v.errs[:0]
	v.scratch = v.scratch[:0]
	at := len(dst)
	dst = v.patch.Begin(dst)
	for f := range p.text {
		columns := p.text[f]
		if len(columns) == 0 {
			continue
		}
		col := columns[0]
		if len(columns) > 1 {
			if col = v.pick(row, columns); col == none {
				continue
			}
		}
		switch c := row[col]; {
		case v.usual(b.Arena, c):
			if company.Field(f) == company.Domain {
				dst = v.domain(dst, p.names[col], b.Bytes(c))
			} else {
				dst = v.patch.PutShort(dst, company.Field(f), b, c)
			}
		case c.Kind() != batch.Absent:
			dst = v.text(dst, company.Field(f), p.names[col], c.Kind(), b.Bytes(c), v.valid && wholeText(b.Arena, c))
		}
	}
	if col := v.pick(row, p.tags); col != none {
		v.tagCell(p.names[col], row[col].Kind(), b.Bytes(row[col]))
	}
	for _, t := range v.tags {
		v.patch.AddTag(t)
	}
	if n := len(v.patch.Tags); n > company.MaxTags {
		v.fail("tags", fault.TooLong, fmt.Sprintf("%d tags; at most %d are allowed", n, company.MaxTags))
	}
	for _, cc := range p.custom {
		col := v.pick(row, cc.columns)
		switch {
		case col == none:
		case cc.key == nil:
			v.customCell(p.names[col], row[col].Kind(), b.Bytes(row[col]))
		default:
			v.customValue(p.names[col], cc.key, row[col].Kind(), b.Bytes(row[col]))
		}
	}
	if n := len(v.patch.Custom); n > company.MaxCustom {
		v.fail("custom", fault.TooLong, fmt.Sprintf("%d custom fields; at most %d are allowed", n, company.MaxCustom))
	}
	if len(v.errs) > 0 {
		return dst[:at]
	}
	return v.patch.End(dst)
}

// usual reports whether a cell is text as nearly all is, of which nothing needs to be
// checked: short, not blank, and UTF-8 because the arena is.
func (v *validator) usual(arena []byte, c batch.Cell) bool {
	// The length with the kind: what is no text is long.
	if c.Meta-1 >= company.ShortText || !v.valid {
		return false
	}
	first, end := arena[c.Off], int(c.Off)+int(c.Meta)
	return first > ' ' && first < utf8.RuneSelf && (end == len(arena) || utf8.RuneStart(arena[end]))
}

// pick returns the first of the columns that the row has, or none. What it has
// beside that is passed over, and noted.
func (v *validator) pick(row []batch.Cell, columns []int) int {
	first := none
	for _, col := range columns {
		switch {
		case row[col].Kind() == batch.Absent:
		case first == none:
			first = col
		case !slices.Contains(v.passed, col):
			v.passed = append(v.passed, col)
		}
	}
	return first
}

func (v *validator) fail(column string, code fault.Code, message string) {
	v.errs = append(v.errs, RowError{Column: shownName(column), Code: code, Message: message})
}

// text sets a text field. Blank text leaves it as it is, null clears it, but for
// the name, which a company can't be without. valid says that val is UTF-8.
func (v *validator) text(dst []byte, f company.Field, column string, kind batch.Kind, val []byte, valid bool) []byte {
	switch kind {
	case batch.Null:
		if f == company.Name {
			v.fail(column, fault.Required, "name is null, and a company can't be without one; give it one, or leave it out of an update")
			return dst
		}
		v.patch.Clear(f)
		return dst
	case batch.JSON:
		if kind, val, ok := v.plain(val); ok {
			return v.text(dst, f, column, kind, val, false)
		}
		v.fail(column, fault.InvalidType, f.String()+" takes text, not a JSON array or object")
		return dst
	}
	if blank(val) || !valid && !v.utf8(column, val) {
		return dst
	}
	if f == company.Domain {
		return v.domain(dst, column, val)
	}
	if v.long(column, f.String(), val, f.MaxBytes()) {
		return dst
	}
	return v.patch.PutText(dst, f, val)
}

func (v *validator) domain(dst []byte, column string, val []byte) []byte {
	dst, ok := v.patch.PutDomain(dst, val)
	if ok {
		return dst
	}
	if host := bytes.TrimSpace(val); len(host) > company.MaxDomain && bytes.IndexByte(host, '/') < 0 {
		v.long(column, "domain", host, company.MaxDomain)
		return dst
	}
	v.fail(column, fault.InvalidDomain, fmt.Sprintf("%s is no domain; a host name of two labels or more is needed", quote(val)))
	return dst
}

func (v *validator) tagCell(column string, kind batch.Kind, val []byte) {
	switch kind {
	case batch.Null:
		v.patch.Clear(company.Tags)
	case batch.Text:
		for len(val) > 0 {
			i := bytes.IndexAny(val, ",;")
			if i < 0 {
				i = len(val) - 1
				v.tag(column, val)
			} else {
				v.tag(column, val[:i])
			}
			val = val[i+1:]
		}
	case batch.JSON:
		if kind, val, ok := v.plain(val); ok {
			v.tagCell(column, kind, val)
			return
		}
		if len(val) == 0 || val[0] != '[' {
			v.fail(column, fault.InvalidType, "tags takes an array of text, not an object")
			return
		}
		err := jsonscan.Tags(val, func(t []byte) error {
			// The view ends with the call; the batch's cells do not.
			at := len(v.scratch)
			v.scratch = append(v.scratch, t...)
			v.tag(column, v.scratch[at:len(v.scratch):len(v.scratch)])
			return nil
		})
		if err != nil {
			v.fail(column, fault.InvalidType, "tags takes an array of text, numbers and booleans")
		}
	default:
		v.tag(column, val)
	}
}

func (v *validator) tag(column string, t []byte) {
	if t = bytes.TrimSpace(t); len(t) == 0 {
		return
	}
	if v.utf8(column, t) && !v.long(column, "a tag", t, company.MaxText) {
		v.patch.AddTag(t)
	}
}

// customCell sets the custom fields of a whole JSON object.
func (v *validator) customCell(column string, kind batch.Kind, val []byte) {
	switch kind {
	case batch.Null:
		v.patch.Clear(company.Custom)
		return
	case batch.Text:
		if blank(val) {
			return
		}
		// A CSV cell can hold the object, as our own export writes it.
		if val = bytes.TrimSpace(val); val[0] != '{' || jsonscan.Valid(val) != nil {
			v.fail(column, fault.InvalidType, "custom takes a JSON object")
			return
		}
	case batch.JSON:
	default:
		v.fail(column, fault.InvalidType, "custom takes a JSON object")
		return
	}
	if val[0] != '{' {
		v.fail(column, fault.InvalidType, "custom takes a JSON object, not an array")
		return
	}
	err := jsonscan.Object(val, func(key []byte, kind batch.Kind, val []byte) error {
		at := len(v.scratch)
		v.scratch = append(append(v.scratch, key...), val...)
		key = v.scratch[at : at+len(key) : at+len(key)]
		v.customValue(column, key, kind, v.scratch[at+len(key):len(v.scratch):len(v.scratch)])
		return nil
	})
	if err != nil {
		v.fail(column, fault.InvalidType, "custom takes a JSON object of text, numbers, booleans and null")
	}
}

func (v *validator) customValue(column string, key []byte, kind batch.Kind, val []byte) {
	if kind == batch.JSON {
		if plain, text, ok := v.plain(val); ok {
			kind, val = plain, text
		}
	}
	switch {
	case kind == batch.JSON:
		v.fail(column, fault.InvalidType, fmt.Sprintf("custom field %s takes text, a number or a boolean", quote(key)))
	case blank(key):
		v.fail(column, fault.InvalidType, "a custom field has a blank name")
	case kind == batch.Null:
		v.patch.SetCustom(key, batch.Null, nil)
	case kind == batch.Text && blank(val):
	case !v.utf8(column, key) || !v.utf8(column, val):
	case v.long(column, "the name of a custom field", key, company.MaxText):
	case v.long(column, "custom field "+quote(key), val, company.MaxText):
	default:
		v.patch.SetCustom(key, kind, val)
	}
}

// plain reads a JSON value that is no array or object. Only plugins answer one as
// JSON; it means what a cell of its own kind does.
func (v *validator) plain(val []byte) (kind batch.Kind, plain []byte, ok bool) {
	at := len(v.scratch)
	kind, out, err := jsonscan.Scalar(v.scratch, val)
	if err != nil {
		return batch.JSON, nil, false
	}
	v.scratch = out
	return kind, out[at:len(out):len(out)], true
}

// utf8 checks that val is UTF-8.
func (v *validator) utf8(column string, val []byte) bool {
	if utf8.Valid(val) {
		return true
	}
	v.fail(column, fault.InvalidEncoding, "not valid UTF-8")
	return false
}

// long checks val against its limit.
func (v *validator) long(column, what string, val []byte, max int) bool {
	if len(val) <= max {
		return false
	}
	v.fail(column, fault.TooLong, fmt.Sprintf("%s has %d bytes; at most %d are allowed", what, len(val), max))
	return true
}

// wholeText reports whether a cell of a valid arena begins and ends at characters, so
// that it is valid too. A plugin may have cut one in two.
func wholeText(arena []byte, c batch.Cell) bool {
	at, end := int(c.Off), int(c.Off)+c.Len()
	return at == end || utf8.RuneStart(arena[at]) && (end == len(arena) || utf8.RuneStart(arena[end]))
}

// blank reports whether p is empty or only white space.
func blank(p []byte) bool {
	for _, c := range p {
		if c > ' ' {
			return c >= utf8.RuneSelf && len(bytes.TrimSpace(p)) == 0
		}
		switch c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
		default:
			return false
		}
	}
	return true
}

// quote shows a value in a message: at most 60 bytes of it.
func quote(p []byte) string {
	const most = 60
	if len(p) <= most {
		return fmt.Sprintf("%q", p)
	}
	n := most
	for n > 0 && !utf8.RuneStart(p[n]) {
		n--
	}
	return fmt.Sprintf("%q…", p[:n])
}
