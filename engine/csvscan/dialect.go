package csvscan

import "sluice/engine/fault"

// Dialect says how a file writes its cells.
type Dialect struct {
	Delimiter byte
	Quote     byte // 0: quotes are data
}

// Default is the dialect of RFC 4180.
var Default = Dialect{Delimiter: ',', Quote: '"'}

// Validate reports whether files can be read in d: ASCII bytes that differ from
// each other and from line ends.
func (d Dialect) Validate() error {
	if !usable(d.Delimiter) {
		return fault.New(fault.Validation, "dialect.delimiter must be one ASCII character, no line end and not NUL")
	}
	if d.Quote != 0 && !usable(d.Quote) {
		return fault.New(fault.Validation, "dialect.quote must be one ASCII character, no line end, or empty for none")
	}
	if d.Delimiter == d.Quote {
		return fault.New(fault.Validation, "dialect.delimiter and dialect.quote must differ")
	}
	return nil
}

func usable(c byte) bool { return c != 0 && c < 0x80 && c != '\n' && c != '\r' }
