// Package tuple builds the keys of the store. A key is a tuple of parts whose
// encoding sorts as the tuple does, part by part; a scan goes by whole leading
// parts. The first part is the tenant (empty for what belongs to the server),
// the second the kind of record.
package tuple

import (
	"encoding/binary"
	"errors"
)

// Key is an encoded tuple. Append methods return the longer key.
type Key []byte

// New returns the key (tenant, kind).
func New(tenant, kind string) Key {
	k := make(Key, 0, len(tenant)+len(kind)+32)
	return k.String(tenant).String(kind)
}

// Each part ends with 0x00 0x01; a 0x00 inside a string is written 0x00 0xFF.
// Since 0x01 < 0xFF, a part sorts before every longer part that it begins.
const (
	escape     = 0x00
	terminator = 0x01
	escapedNul = 0xFF
)

// String appends a part of any bytes, in bytewise order.
func (k Key) String(s string) Key {
	for i := 0; i < len(s); i++ {
		k = append(k, s[i])
		if s[i] == escape {
			k = append(k, escapedNul)
		}
	}
	return append(k, escape, terminator)
}

// Uint64 appends a part of eight bytes, in numeric order.
func (k Key) Uint64(n uint64) Key { return binary.BigEndian.AppendUint64(k, n) }

// Uint8 appends a part of one byte.
func (k Key) Uint8(n uint8) Key { return append(k, n) }

// ErrKey is what reading a key that does not hold the part asked for gives.
var ErrKey = errors.New("tuple: key does not hold that part")

// CutString reads a string part and returns the rest of the key.
func (k Key) CutString() (string, Key, error) {
	var s []byte
	for i := 0; i+1 < len(k); i++ {
		if k[i] != escape {
			s = append(s, k[i])
			continue
		}
		switch k[i+1] {
		case terminator:
			return string(s), k[i+2:], nil
		case escapedNul:
			s = append(s, escape)
			i++
		default:
			return "", nil, ErrKey
		}
	}
	return "", nil, ErrKey
}

// CutUint64 reads an eight-byte part and returns the rest of the key.
func (k Key) CutUint64() (uint64, Key, error) {
	if len(k) < 8 {
		return 0, nil, ErrKey
	}
	return binary.BigEndian.Uint64(k), k[8:], nil
}
