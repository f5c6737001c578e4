package jsonscan

import (
	"errors"
	"fmt"
	"strconv"
)

const (
	// MaxDepth is how deep arrays and objects may nest in a row or a value.
	MaxDepth = 64

	// MaxBodyDepth is how deep they may nest in a body, rows included. A row
	// between the two limits is a row error, not the body's.
	MaxBodyDepth = 512
)

// flaw is a way to be no JSON. Scanners return flaws with an offset and leave
// the words to whoever reports, so that scanning never allocates.
type flaw uint8

const (
	sound flaw = iota
	badValue
	badFirstKey
	badKey
	badColon
	badMember
	badFirstElement
	badElement
	badEnd
	badString
	badControl
	badEscape
	badHex
	badDigit
	badNext
	badLiteral
	badBody
	badRows
	badCSV

	// Limits; what was found there says nothing.
	tooDeep
	tooDeepBody
	keyTooLong
	tooManyKeys
	tooManyColumns

	// Not a flaw of syntax.
	notObject
)

var flawTexts = [...]string{
	badValue:        "expected a value",
	badFirstKey:     `expected a key or "}"`,
	badKey:          "expected a key",
	badColon:        `expected ":" after the key`,
	badMember:       `expected "," or "}" after the member`,
	badFirstElement: `expected a value or "]"`,
	badElement:      `expected "," or "]" after the element`,
	badEnd:          "expected nothing more after the value",
	badString:       `expected the closing quote of the string`,
	badControl:      "expected control characters in a string to be escaped",
	badEscape:       `expected one of "\/bfnrtu after the backslash`,
	badHex:          `expected four hexadecimal digits after \u`,
	badDigit:        "expected a digit",
	badNext:         "expected something to follow the number",
	badLiteral:      "expected true, false or null",
	badBody:         "expected an object",
	badRows:         "rows: expected an array",
	badCSV:          "csv: expected a string",
	tooDeep:         "arrays and objects are nested deeper than " + strconv.Itoa(MaxDepth) + " levels",
	tooDeepBody:     "arrays and objects are nested deeper than " + strconv.Itoa(MaxBodyDepth) + " levels",
	keyTooLong:      "a key is longer than " + strconv.Itoa(MaxKeyBytes) + " bytes",
	tooManyKeys:     "the row has more than " + strconv.Itoa(MaxKeys) + " keys",
	tooManyColumns:  "the row brings more columns than the " + strconv.Itoa(MaxColumns) + " that an import may have",
	notObject:       "expected an object",
}

// describe says what is wrong with b at offset at.
func (f flaw) describe(b []byte, at int) string {
	switch {
	case f == tooManyKeys || f == tooManyColumns:
		return flawTexts[f]
	case f >= tooDeep && f < notObject:
		return fmt.Sprintf("%s, at offset %d", flawTexts[f], at)
	case at >= len(b):
		return fmt.Sprintf("invalid JSON at offset %d: %s, found the end", at, flawTexts[f])
	}
	return fmt.Sprintf("invalid JSON at offset %d: %s, found %s", at, flawTexts[f], quoteByte(b[at]))
}

// quoteByte names a byte in a message.
func quoteByte(c byte) string {
	if c <= ' ' || c >= 0x7f {
		return fmt.Sprintf("byte 0x%02x", c)
	}
	return "'" + string(rune(c)) + "'"
}

// typeName names the type of the value that starts with c.
func typeName(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// Valid reports whether raw is one JSON value within MaxDepth, and else says
// what is wrong with it.
func Valid(raw []byte) error {
	i, f := skipValue(raw, skipSpace(raw, 0), 0)
	if f == sound {
		if i = skipSpace(raw, i); i == len(raw) {
			return nil
		}
		f = badEnd
	}
	return errors.New(f.describe(raw, i))
}
