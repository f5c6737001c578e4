package company

import (
	"bytes"
	"encoding/binary"
	"slices"

	"sluice/engine/batch"
	"sluice/engine/fault"
)

// Patch is an encoded change to a company: fields to set, fields to clear.
//
//	u8   flags: bit 0, tags replace those there are instead of being united with them
//	u16  cleared, bit f for Field f, little-endian
//	     the fields to set, as a Record
//
// A custom value of kind batch.Null removes its key; the others are merged.
type Patch []byte

const (
	patchHeader  = 3
	flagReplace  = 1
	patchMinimum = patchHeader + 2
)

// Record returns what the patch sets, as a record; a view.
func (p Patch) Record() Record {
	if len(p) < patchMinimum {
		return nil
	}
	return Record(p[patchHeader:])
}

// Domain returns the match key that the patch sets, or nil; a view.
func (p Patch) Domain() []byte { return p.Record().Domain() }

// Sets reports whether the patch sets field f.
func (p Patch) Sets(f Field) bool {
	return len(p) >= patchMinimum && binary.LittleEndian.Uint16(p[patchHeader:])&(1<<f) != 0
}

// Clears reports whether the patch clears field f.
func (p Patch) Clears(f Field) bool {
	return len(p) >= patchMinimum && binary.LittleEndian.Uint16(p[1:])&(1<<f) != 0
}

// NoName is the error of a patch that would make a company without a name.
func NoName() *fault.Error {
	return fault.New(fault.Required, "name is required to create a company").With("field", Name.String())
}

// Builder collects the fields of one patch. It keeps the slices that it is
// given until Append; Reset makes it ready for the next row.
type Builder struct {
	View
	cleared uint16
	replace bool
}

// Reset empties b and keeps its memory.
func (b *Builder) Reset() {
	b.View.Reset()
	b.cleared, b.replace = 0, false
}

// Clear makes the patch clear field f.
func (b *Builder) Clear(f Field) { b.cleared |= 1 << f }

// ReplaceTags makes the patch's tags replace those of the record.
func (b *Builder) ReplaceTags() { b.replace = true }

// Empty reports whether the patch changes nothing.
func (b *Builder) Empty() bool {
	if b.cleared != 0 || b.replace || len(b.Tags) > 0 || len(b.Custom) > 0 {
		return false
	}
	for _, t := range b.Text {
		if t != nil {
			return false
		}
	}
	return true
}

// AddTag adds a tag, trimmed; a blank one or one that is there is dropped.
func (b *Builder) AddTag(t []byte) {
	t = bytes.TrimSpace(t)
	if len(t) > 0 && !contains(b.Tags, t) {
		b.Tags = append(b.Tags, t)
	}
}

// SetCustom sets a custom field; of equal keys the last wins.
func (b *Builder) SetCustom(key []byte, kind batch.Kind, value []byte) {
	b.Custom = putCustom(b.Custom, CustomValue{key, kind, value})
}

// Append encodes the patch behind dst.
func (b *Builder) Append(dst []byte) []byte {
	var flags byte
	if b.replace {
		flags = flagReplace
	}
	dst = append(dst, flags, byte(b.cleared), byte(b.cleared>>8))
	return b.View.Append(dst)
}

// Writer encodes a patch as its fields come, which saves the way through a Builder's
// Text: Begin, then the text fields in Field order and the Builder's tags, custom
// fields and clearings in any, then End. One Writer serves many patches.
type Writer struct {
	Builder
	at      int // of the patch in the slice
	present uint16
}

// Begin begins a patch behind dst.
func (w *Writer) Begin(dst []byte) []byte {
	w.Tags, w.Custom = w.Tags[:0], w.Custom[:0]
	w.cleared, w.replace = 0, false
	w.at, w.present = len(dst), 0
	return append(dst, 0, 0, 0, 0, 0)
}

// PutText encodes a text field.
func (w *Writer) PutText(dst []byte, f Field, t []byte) []byte {
	w.present |= 1 << f
	return appendBytes(dst, t)
}

// ShortText is the longest text whose length is one byte, in bytes. It is within the
// limit of every text field.
const ShortText = 1<<7 - 1

// PutShort encodes a text field of ShortText bytes at most: a cell of b.
func (w *Writer) PutShort(dst []byte, f Field, b *batch.Batch, c batch.Cell) []byte {
	w.present |= 1 << f
	return b.AppendTo(append(dst, byte(c.Len())), c)
}

// PutDomain encodes the match key that text gives, see AppendDomain. Where it gives
// none it reports false, and dst as it was.
func (w *Writer) PutDomain(dst, text []byte) ([]byte, bool) {
	at := len(dst)
	out, ok := AppendDomain(append(dst, 0), text)
	if !ok {
		return dst, false
	}
	n := len(out) - at - 1
	if n > ShortText {
		out = slices.Insert(out, at, 0) // most lengths are one byte
	}
	binary.PutUvarint(out[at:], uint64(n))
	w.present |= 1 << Domain
	return out, true
}

// End encodes what is left of the patch.
func (w *Writer) End(dst []byte) []byte {
	dst, lists := w.appendLists(dst)
	head := dst[w.at : w.at+patchMinimum : w.at+patchMinimum]
	if w.replace {
		head[0] = flagReplace
	}
	binary.LittleEndian.PutUint16(head[1:], w.cleared)
	binary.LittleEndian.PutUint16(head[patchHeader:], w.present|lists)
	return dst
}

// Merger applies patches to records. It holds scratch memory, so one belongs to
// one goroutine.
type Merger struct{ old, set View }

// Apply appends to dst the record that patch makes of old (nil: of nothing).
// Where the result would break a limit of its own (tags or custom keys that are
// united) it returns an Error of code too_long, whose detail "field" names it.
func (m *Merger) Apply(dst []byte, old Record, p Patch) ([]byte, error) {
	if len(p) < patchMinimum {
		return dst, ErrRecord
	}
	if err := m.set.Decode(p.Record()); err != nil {
		return dst, err
	}
	m.old.Reset()
	if old != nil {
		if err := m.old.Decode(old); err != nil {
			return dst, err
		}
	}
	out, cleared := &m.old, binary.LittleEndian.Uint16(p[1:])
	for f := range TextFields {
		if cleared&(1<<f) != 0 {
			out.Text[f] = nil
		}
		if t := m.set.Text[f]; t != nil {
			out.Text[f] = t
		}
	}
	if cleared&(1<<Tags) != 0 || p[0]&flagReplace != 0 {
		out.Tags = out.Tags[:0]
	}
	for _, t := range m.set.Tags {
		if !contains(out.Tags, t) {
			out.Tags = append(out.Tags, t)
		}
	}
	if cleared&(1<<Custom) != 0 {
		out.Custom = out.Custom[:0]
	}
	for _, c := range m.set.Custom {
		if c.Kind == batch.Null {
			out.Custom = dropCustom(out.Custom, c.Key)
		} else {
			out.Custom = putCustom(out.Custom, c)
		}
	}
	if len(out.Tags) > MaxTags {
		return dst, tooMany(Tags, len(out.Tags), MaxTags)
	}
	if len(out.Custom) > MaxCustom {
		return dst, tooMany(Custom, len(out.Custom), MaxCustom)
	}
	return out.Append(dst), nil
}

func tooMany(f Field, n, max int) error {
	return fault.New(fault.TooLong, "%s would have %d entries; at most %d are allowed", f, n, max).With("field", f.String())
}

func contains(list [][]byte, t []byte) bool {
	for _, o := range list {
		if bytes.Equal(o, t) {
			return true
		}
	}
	return false
}

func putCustom(list []CustomValue, c CustomValue) []CustomValue {
	for i := range list {
		if bytes.Equal(list[i].Key, c.Key) {
			list[i] = c
			return list
		}
	}
	return append(list, c)
}

func dropCustom(list []CustomValue, key []byte) []CustomValue {
	for i := range list {
		if bytes.Equal(list[i].Key, key) {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}
