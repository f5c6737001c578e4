// Package charset turns an upload into UTF-8 while it streams, and a report back
// into the encoding that was uploaded.
//
// # Which encoding
//
// A byte order mark decides, and is removed. Without one, UTF-16 is recognised by
// a NUL in every other one of the first bytes. Else the first run of bytes that
// are not ASCII decides, wherever it comes (only its first maxRun bytes count):
// valid UTF-8, or else Windows-1252. The decision holds from there on. All that
// comes before it is ASCII, which is the same in both, so nothing waits for it.
// An encoding that the caller names is taken as named, and its own byte order
// mark is removed.
//
// # Bytes that mean nothing
//
// In UTF-8 they go through unchanged, to be found in the row that has them. So do
// the faults of UTF-16: a lone surrogate becomes its three-byte form and an odd
// last byte becomes 0xFF, neither of them valid UTF-8, so that the row fails
// instead of being stored changed. The five bytes that Windows-1252 leaves
// undefined are control characters, as the WHATWG table has them.
//
// A Reader or Writer belongs to one goroutine.
package charset

import (
	"strings"

	"sluice/engine/fault"
)

// Names of encodings, as Encoding and Parse give them.
const (
	UTF8        = "utf-8"
	UTF16LE     = "utf-16le"
	UTF16BE     = "utf-16be"
	UTF16       = "utf-16" // either; asked for, never decided
	Windows1252 = "windows-1252"
)

// Parse returns the name of the encoding that a caller names in any usual
// spelling, or a fault.Validation. The empty name stays empty: sniff.
func Parse(name string) (string, error) {
	folded := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || r == ' ':
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
	switch folded {
	case "":
		if name == "" {
			return "", nil
		}
	case "utf8", "utf8sig", "utf8bom", "ascii", "usascii":
		return UTF8, nil
	case "utf16le", "ucs2le":
		return UTF16LE, nil
	case "utf16be", "ucs2be":
		return UTF16BE, nil
	case "utf16", "ucs2":
		return UTF16, nil
	case "windows1252", "win1252", "cp1252", "1252", "iso88591", "latin1", "ansi":
		return Windows1252, nil
	}
	return "", fault.New(fault.Validation,
		"dialect.encoding %.40q is not known; it may be utf-8, utf-16, utf-16le, utf-16be or windows-1252", name)
}

// Mark returns the byte order mark that a file in this encoding starts with:
// none in UTF-8 and Windows-1252, which are read without.
func Mark(encoding string) []byte {
	switch encoding {
	case UTF16LE, UTF16:
		return []byte{0xFF, 0xFE}
	case UTF16BE:
		return []byte{0xFE, 0xFF}
	}
	return nil
}
