package sluice

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind says what a cell holds.
type Kind uint8

// Kinds of cells. Number, Bool and JSON hold their JSON text.
const (
	KindText Kind = iota
	KindAbsent
	KindNull
	KindNumber
	KindBool
	KindJSON
)

const (
	kindShift  = 28
	maxCell    = 1<<kindShift - 1
	maxMessage = 1024
	maxErrors  = 16 // of one row
)

// Row is one row of the file, and what is answered for it.
type Row struct {
	m         *machine
	in        []cell
	out       []cell
	inputs    int
	outputs   int
	index     uint32
	done      bool
	failed    int
	low, high uint32 // the batch lies there
}

// Kind says what a column's cell holds.
func (r *Row) Kind(c Column) Kind {
	if c < 0 {
		return KindAbsent
	}
	return Kind(r.in[c].meta >> kindShift)
}

// Text returns a cell's text, "" where it is absent or null; a view.
func (r *Row) Text(c Column) string {
	if c < 0 {
		return ""
	}
	cell := r.in[c]
	return textAt(cell.ptr, cell.meta&maxCell)
}

// Blank reports whether a cell is absent, null, empty or only white space.
func (r *Row) Blank(c Column) bool { return strings.TrimSpace(r.Text(c)) == "" }

// Int reads a cell as a whole number.
func (r *Row) Int(c Column) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(r.Text(c)), 10, 64)
	return n, err == nil
}

// Float reads a cell as a number.
func (r *Row) Float(c Column) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(r.Text(c)), 64)
	return n, err == nil
}

// Bool reads a cell as true, yes, 1, false, no or 0.
func (r *Row) Bool(c Column) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(r.Text(c))) {
	case "true", "yes", "1":
		return true, true
	case "false", "no", "0":
		return false, true
	}
	return false, false
}

// JSON returns a cell of KindJSON as a value; the zero Value for others.
func (r *Row) JSON(c Column) Value {
	if r.Kind(c) != KindJSON {
		return Value{}
	}
	return Value{r.Text(c)}
}

// Set answers text.
func (r *Row) Set(f Field, text string) { r.set(f, KindText, text) }

// SetNumber answers a number.
func (r *Row) SetNumber(f Field, n float64) { r.set(f, KindNumber, Number(n)) }

// SetInt answers a whole number.
func (r *Row) SetInt(f Field, n int64) { r.set(f, KindNumber, strconv.FormatInt(n, 10)) }

// SetBool answers true or false.
func (r *Row) SetBool(f Field, b bool) { r.set(f, KindBool, strconv.FormatBool(b)) }

// SetJSON answers a JSON value, for tags.
func (r *Row) SetJSON(f Field, json string) { r.set(f, KindJSON, json) }

// SetNull clears the field of the company.
func (r *Row) SetNull(f Field) { r.out[f] = cell{0, uint32(KindNull) << kindShift} }

// Clear takes back what was set: the company's field stays as it is.
func (r *Row) Clear(f Field) { r.out[f] = cell{0, uint32(KindAbsent) << kindShift} }

// Copy answers a cell as it came, its kind included.
func (r *Row) Copy(f Field, c Column) {
	if c < 0 {
		r.Clear(f)
		return
	}
	r.out[f] = r.in[c]
}

// set points to text where it is a part of the batch, and to a copy elsewhere:
// what the collector owns might be gone when the host reads it.
func (r *Row) set(f Field, kind Kind, text string) {
	ptr := uint32(0)
	if len(text) > 0 {
		if ptr = addressOfText(text); ptr < r.low || ptr >= r.high {
			ptr = r.m.arena.keep(text)
		}
	}
	r.out[f] = cell{ptr, uint32(len(text)) | uint32(kind)<<kindShift}
}

// Skip leaves the row out, without an error.
func (r *Row) Skip() { r.done = true }

// Reject fails the row; it may have several errors. code is of a-z, 0-9 and _, at
// most 64 of them; column None means the row as a whole.
func (r *Row) Reject(c Column, code, message string) {
	r.done = true
	if r.failed++; r.failed > maxErrors {
		return
	}
	for len(message) > maxMessage {
		n := maxMessage
		for n > 0 && !utf8.RuneStart(message[n]) {
			n--
		}
		message = message[:n]
	}
	r.m.errors = append(r.m.errors, failure{r.index, uint32(c), r.m.arena.keep(code), uint32(len(code)),
		r.m.arena.keep(message), uint32(len(message))})
}

// Emit answers the fields that are set and clears them for one more row.
func (r *Row) Emit() {
	r.done = true
	r.end()
	r.begin()
}

// begin makes the fields of the next row of the answer.
func (r *Row) begin() {
	m := r.m
	at := len(m.cells)
	if at+r.outputs > cap(m.cells) {
		m.room(2 * (at + r.outputs))
	}
	m.cells = m.cells[:at+r.outputs]
	r.out = m.cells[at : at+r.outputs : at+r.outputs]
	for i := range r.out {
		r.out[i] = cell{0, uint32(KindAbsent) << kindShift}
	}
}

func (r *Row) end() { r.m.source = append(r.m.source, r.index) }
