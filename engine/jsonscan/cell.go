package jsonscan

import (
	"sluice/engine/batch"
	"sluice/engine/fault"
)

// Tags calls fn with each element of a JSON array of scalars: a string without
// its escapes, a number or a boolean as written. It passes over null. An element
// is valid until fn returns, whose error ends the walk and is returned as it is.
//
// # Errors
//
// fault.InvalidType if raw is no array or an element is one, or an object;
// fault.Malformed if raw is no JSON, however much of it fn has seen.
func Tags(raw []byte, fn func(tag []byte) error) error {
	i := skipSpace(raw, 0)
	if i < len(raw) && raw[i] != '[' && startsValue(raw[i]) == sound {
		return fault.New(fault.InvalidType, "expected an array, found %s", typeName(raw[i]))
	}
	if i == len(raw) || raw[i] != '[' {
		return malformed(badValue, raw, i)
	}
	if i = skipSpace(raw, i+1); i < len(raw) && raw[i] == ']' {
		return onlySpace(raw, i+1)
	}
	var text []byte
	for missing := badFirstElement; ; missing = badValue {
		if i == len(raw) || startsValue(raw[i]) != sound {
			return malformed(missing, raw, i)
		}
		v, end, f := readValue(raw, i, text)
		if f != sound {
			return malformed(f, raw, end)
		}
		text = v.text
		switch v.kind {
		case batch.JSON:
			return fault.New(fault.InvalidType, "expected an array of plain values, found %s in it", typeName(raw[i]))
		case batch.Null:
		default:
			if err := fn(v.bytes); err != nil {
				return err
			}
		}
		if i = skipSpace(raw, end); i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
			continue
		}
		if i == len(raw) || raw[i] != ']' {
			return malformed(badElement, raw, i)
		}
		return onlySpace(raw, i+1)
	}
}

// Object calls fn with each member of a JSON object, in order, equal keys
// included. Keys and strings come without their escapes, numbers and booleans as
// written, null without bytes, arrays and objects as batch.JSON with their text.
// key and value are valid until fn returns, whose error ends the walk and is
// returned as it is.
//
// # Errors
//
// fault.InvalidType if raw is no object; fault.Malformed if it is no JSON,
// however much of it fn has seen.
func Object(raw []byte, fn func(key []byte, kind batch.Kind, value []byte) error) error {
	i := skipSpace(raw, 0)
	if i < len(raw) && raw[i] != '{' && startsValue(raw[i]) == sound {
		return fault.New(fault.InvalidType, "expected an object, found %s", typeName(raw[i]))
	}
	if i == len(raw) || raw[i] != '{' {
		return malformed(badValue, raw, i)
	}
	if i = skipSpace(raw, i+1); i < len(raw) && raw[i] == '}' {
		return onlySpace(raw, i+1)
	}
	var keyText, text []byte
	for missing := badFirstKey; ; missing = badKey {
		if i == len(raw) || raw[i] != '"' {
			return malformed(missing, raw, i)
		}
		key, i2, f := readValue(raw, i, keyText)
		if f != sound {
			return malformed(f, raw, i2)
		}
		keyText = key.text
		if i, f = skipColon(raw, i2); f != sound {
			return malformed(f, raw, i)
		}
		v, end, f := readValue(raw, i, text)
		if f != sound {
			return malformed(f, raw, end)
		}
		text = v.text
		if err := fn(key.bytes, v.kind, v.bytes); err != nil {
			return err
		}
		if i = skipSpace(raw, end); i < len(raw) && raw[i] == ',' {
			i = skipSpace(raw, i+1)
			continue
		}
		if i == len(raw) || raw[i] != '}' {
			return malformed(badMember, raw, i)
		}
		return onlySpace(raw, i+1)
	}
}

// Scalar appends a JSON string to dst without its escapes, a number or boolean as
// written, of null nothing, and returns its kind.
//
// # Errors
//
// fault.InvalidType if raw is an array or object; fault.Malformed if it is no JSON.
func Scalar(dst, raw []byte) (batch.Kind, []byte, error) {
	i := skipSpace(raw, 0)
	if i < len(raw) && (raw[i] == '[' || raw[i] == '{') {
		return 0, dst, fault.New(fault.InvalidType, "expected a plain value, found %s", typeName(raw[i]))
	}
	if i == len(raw) || startsValue(raw[i]) != sound {
		return 0, dst, malformed(badValue, raw, i)
	}
	v, end, f := readValue(raw, i, nil)
	if f != sound {
		return 0, dst, malformed(f, raw, end)
	}
	return v.kind, append(dst, v.bytes...), onlySpace(raw, end)
}

// value is what readValue finds; bytes is a span of the input, or of text.
type value struct {
	kind  batch.Kind
	bytes []byte
	text  []byte // the buffer for unescaped strings, to be used again
}

// readValue reads the value at raw[i], in one array or object.
func readValue(raw []byte, i int, text []byte) (value, int, flaw) {
	v := value{text: text}
	if i < len(raw) && raw[i] == '"' {
		end := special(raw, i+1)
		if end < len(raw) && raw[end] == '"' {
			v.bytes = raw[i+1 : end : end]
			return v, end + 1, sound
		}
		var f flaw
		v.text, end, f = unescape(text[:0], raw, i+1)
		v.bytes = v.text
		return v, end, f
	}
	end, f := skipValue(raw, i, 1)
	if f != sound {
		return v, end, f
	}
	switch raw[i] {
	case '{', '[':
		v.kind = batch.JSON
	case 'n':
		v.kind = batch.Null
		return v, end, sound
	case 't', 'f':
		v.kind = batch.Bool
	default:
		v.kind = batch.Number
	}
	v.bytes = raw[i:end:end]
	return v, end, sound
}

func onlySpace(raw []byte, i int) error {
	if i = skipSpace(raw, i); i < len(raw) {
		return malformed(badEnd, raw, i)
	}
	return nil
}

func malformed(f flaw, raw []byte, at int) error {
	return fault.New(fault.Malformed, "%s", f.describe(raw, at))
}
