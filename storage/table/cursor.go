package table

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/zeebo/xxh3"

	"sluice/engine/fault"
)

// Cursor is a place in the order of a table. The zero Cursor is before the
// first company.
type Cursor struct{ next uint64 }

// A cursor's string is base64 of a version, the next record number and four
// bytes of checksum, which find what was cut short or typed by hand.
const (
	cursorVersion = 1
	cursorBytes   = 1 + 8 + 4
)

// String returns what ParseCursor reads.
func (c Cursor) String() string {
	b := binary.BigEndian.AppendUint64([]byte{cursorVersion}, c.next)
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, uint32(xxh3.Hash(b))))
}

// ParseCursor reads a cursor that String wrote.
func ParseCursor(s string) (Cursor, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	// Base64 passes over line ends, and a cursor has none.
	if err != nil || strings.ContainsAny(s, "\r\n") || len(b) != cursorBytes || b[0] != cursorVersion ||
		binary.BigEndian.Uint32(b[9:]) != uint32(xxh3.Hash(b[:9])) {
		return Cursor{}, fault.New(fault.Validation, "cursor is not one that this server gave")
	}
	c := Cursor{binary.BigEndian.Uint64(b[1:])}
	if c.next > maxRecord+1 {
		return Cursor{}, fault.New(fault.Validation, "cursor is not one that this server gave")
	}
	return c, nil
}
