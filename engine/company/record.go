package company

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"sluice/engine/batch"
)

// Record is the encoded content of a company, without its id and dates:
//
//	u16       present, bit f for Field f, little-endian
//	per present text field, in Field order: uvarint length, bytes
//	tags      uvarint n, then n × (uvarint length, bytes)
//	custom    uvarint n, then n × (uvarint length, key, u8 kind, uvarint length, value)
//
// A custom value's kind is batch.Text, Number or Bool. The format is version 1;
// who stores a Record stores the version with it.
type Record []byte

// RecordVersion is the version of the encoding of Record and Patch.
const RecordVersion = 1

// ErrRecord is what a damaged record or patch gives.
var ErrRecord = errors.New("company: damaged record")

// View is a decoded Record or the settings of a Patch; its slices point into
// what was decoded, and the same View can be reused.
type View struct {
	Text   [TextFields][]byte // nil = absent
	Tags   [][]byte
	Custom []CustomValue
}

// CustomValue is one custom field.
type CustomValue struct {
	Key   []byte
	Kind  batch.Kind // Text, Number or Bool; in a patch also Null: remove the key
	Value []byte
}

// Reset empties v and keeps its memory.
func (v *View) Reset() {
	v.Text = [TextFields][]byte{}
	v.Tags = v.Tags[:0]
	v.Custom = v.Custom[:0]
}

// Decode reads a whole record; every length is checked.
func (v *View) Decode(r Record) error {
	v.Reset()
	if len(r) < 2 {
		return ErrRecord
	}
	present := binary.LittleEndian.Uint16(r)
	if present>>Fields != 0 {
		return ErrRecord
	}
	p, ok := []byte(r[2:]), true
	for f := range TextFields {
		if present&(1<<f) == 0 {
			continue
		}
		if v.Text[f], p, ok = cutBytes(p); !ok {
			return ErrRecord
		}
	}
	if present&(1<<Tags) != 0 {
		var n int
		if n, p, ok = cutCount(p, 1); !ok {
			return ErrRecord
		}
		for range n {
			var t []byte
			if t, p, ok = cutBytes(p); !ok {
				return ErrRecord
			}
			v.Tags = append(v.Tags, t)
		}
	}
	if present&(1<<Custom) != 0 {
		var n int
		if n, p, ok = cutCount(p, 3); !ok {
			return ErrRecord
		}
		for range n {
			var c CustomValue
			if c.Key, p, ok = cutBytes(p); !ok || len(p) == 0 || !batch.Kind(p[0]).Valid() {
				return ErrRecord
			}
			c.Kind, p = batch.Kind(p[0]), p[1:]
			if c.Value, p, ok = cutBytes(p); !ok {
				return ErrRecord
			}
			v.Custom = append(v.Custom, c)
		}
	}
	if len(p) != 0 {
		return ErrRecord
	}
	return nil
}

// Plain reports whether r is sound and holds text fields alone: Decode without
// what it would fill in, at a quarter of the time.
func (r Record) Plain() bool {
	if len(r) < 2 {
		return false
	}
	present := binary.LittleEndian.Uint16(r)
	if present>>TextFields != 0 {
		return false
	}
	p := 2
	for range bits.OnesCount16(present) {
		if p == len(r) {
			return false
		}
		n, w := uint64(r[p]), 1
		if n >= 0x80 {
			if n, w = binary.Uvarint(r[p:]); w <= 0 {
				return false
			}
		}
		if n > uint64(len(r)-p-w) {
			return false
		}
		p += w + int(n)
	}
	return p == len(r)
}

// Append encodes v as a Record behind dst.
func (v *View) Append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0)
	var present uint16
	for f, t := range v.Text {
		if t != nil {
			present |= 1 << f
			dst = appendBytes(dst, t)
		}
	}
	dst, lists := v.appendLists(dst)
	binary.LittleEndian.PutUint16(dst[at:], present|lists)
	return dst
}

// appendLists encodes the tags and custom fields, and tells which of the two there are.
func (v *View) appendLists(dst []byte) (out []byte, present uint16) {
	if len(v.Tags) > 0 {
		present |= 1 << Tags
		dst = binary.AppendUvarint(dst, uint64(len(v.Tags)))
		for _, t := range v.Tags {
			dst = appendBytes(dst, t)
		}
	}
	if len(v.Custom) > 0 {
		present |= 1 << Custom
		dst = binary.AppendUvarint(dst, uint64(len(v.Custom)))
		for _, c := range v.Custom {
			dst = appendBytes(dst, c.Key)
			dst = append(dst, byte(c.Kind))
			dst = appendBytes(dst, c.Value)
		}
	}
	return dst, present
}

// Domain returns the record's match key, nil where it has none; a view. Domain
// is encoded first, so this costs no decoding.
func (r Record) Domain() []byte {
	if len(r) < 2 || r[0]&(1<<Domain) == 0 {
		return nil
	}
	d, _, ok := cutBytes(r[2:])
	if !ok {
		return nil
	}
	return d
}

func appendBytes(dst, p []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(p)))
	return append(dst, p...)
}

// cutBytes reads a length and that many bytes. The result is never nil, since
// nil means absent.
func cutBytes(p []byte) (b, rest []byte, ok bool) {
	n, w := binary.Uvarint(p)
	if w <= 0 || n > uint64(len(p)-w) {
		return nil, nil, false
	}
	end := w + int(n)
	return p[w:end:end], p[end:], true
}

// cutCount reads a count of things of at least min bytes each.
func cutCount(p []byte, min int) (n int, rest []byte, ok bool) {
	c, w := binary.Uvarint(p)
	if w <= 0 || c > uint64((len(p)-w)/min) {
		return 0, nil, false
	}
	return int(c), p[w:], true
}
