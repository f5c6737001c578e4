package host

import (
	"encoding/hex"

	"sluice/engine/company"
)

// parseID reads a UUID in its usual form, whatever its case (RFC 9562).
func parseID(s string) (company.ID, bool) {
	var id company.ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	n, err := hex.Decode(id[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:]))
	return id, err == nil && n == len(id)
}

// appendID appends a UUID in the one spelling that answers and records have: in
// lower case.
func appendID(dst []byte, id company.ID) []byte {
	for i, c := range id {
		switch i {
		case 4, 6, 8, 10:
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// canonicalID returns a UUID that a client sent in that spelling.
func canonicalID(sent string) (string, bool) {
	id, ok := parseID(sent)
	return string(appendID(nil, id)), ok
}
