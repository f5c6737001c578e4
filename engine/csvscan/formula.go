package csvscan

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// formulaStarts are the characters at which spreadsheets begin to calculate, in
// their wide forms, too.
const formulaStarts = "=+-@＝＋－＠"

// textMark before a cell makes it text to a spreadsheet, and is not shown by it.
const textMark = '\''

// IsFormula reports whether a spreadsheet that opens a file might calculate a
// cell, or run what it says, instead of showing it. Blanks and other characters
// that are not seen in front of it make no difference.
func IsFormula(cell []byte) bool {
	if len(cell) > 0 && (cell[0] == '\t' || cell[0] == '\r' || cell[0] == '\n') {
		return true
	}
	cell = bytes.TrimLeftFunc(cell, unseen)
	r, n := utf8.DecodeRune(cell)
	return n > 0 && bytes.ContainsRune([]byte(formulaStarts), r) && r != utf8.RuneError
}

func unseen(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// AppendAsText appends a cell so that a spreadsheet takes it for text.
func AppendAsText(dst, cell []byte) []byte { return append(append(dst, textMark), cell...) }
