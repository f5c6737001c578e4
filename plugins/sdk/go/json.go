package sluice

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Value is a JSON value, read where it is asked for. The zero Value is one that
// is not there. The host sends valid JSON; of what is not, getters find nothing.
type Value struct{ text string }

// JSON returns the value as it was written.
func (v Value) JSON() string { return v.text }

// Exists reports whether the value is there.
func (v Value) Exists() bool { return v.text != "" }

// Key returns the value of a key of an object. Of equal keys the last wins.
func (v Value) Key(key string) (found Value) {
	v.Each(func(k string, value Value) bool {
		if k == key {
			found = value
		}
		return true
	})
	return found
}

// Each calls fn for the keys of an object, or with "" for the items of a list,
// until it returns false.
func (v Value) Each(fn func(key string, value Value) bool) {
	t := skip(v.text)
	if t == "" || t[0] != '{' && t[0] != '[' {
		return
	}
	object := t[0] == '{'
	for t = skip(t[1:]); t != "" && t[0] != '}' && t[0] != ']'; {
		key := ""
		if object {
			n := past(t)
			if t[0] != '"' || n < 2 {
				return
			}
			key, _ = Value{t[:n]}.String()
			if t = skip(t[n:]); t == "" || t[0] != ':' {
				return
			}
			t = skip(t[1:])
		}
		n := past(t)
		if n == 0 || !fn(key, Value{t[:n]}) {
			return
		}
		if t = skip(t[n:]); t == "" || t[0] != ',' {
			return
		}
		t = skip(t[1:])
	}
}

// List returns the items of a list.
func (v Value) List() (items []Value) {
	if t := skip(v.text); t == "" || t[0] != '[' {
		return nil
	}
	v.Each(func(_ string, item Value) bool {
		items = append(items, item)
		return true
	})
	return items
}

// String returns the text of a JSON string.
func (v Value) String() (string, bool) {
	t := skip(v.text)
	if len(t) < 2 || t[0] != '"' || t[len(t)-1] != '"' {
		return "", false
	}
	t = t[1 : len(t)-1]
	if strings.IndexByte(t, '\\') < 0 {
		return t, true
	}
	return unescape(t), true
}

// Float returns a number.
func (v Value) Float() (float64, bool) {
	if v.text == "" || v.text[0] != '-' && v.text[0]-'0' > 9 {
		return 0, false
	}
	n, err := strconv.ParseFloat(v.text, 64)
	return n, err == nil
}

// Text returns the text at key, or otherwise where there is none.
func (v Value) Text(key, otherwise string) string {
	if s, ok := v.Key(key).String(); ok {
		return s
	}
	return otherwise
}

// Number returns the number at key, or otherwise where there is none.
func (v Value) Number(key string, otherwise float64) float64 {
	if n, ok := v.Key(key).Float(); ok {
		return n
	}
	return otherwise
}

// Bool returns the boolean at key, or otherwise where there is none.
func (v Value) Bool(key string, otherwise bool) bool {
	switch v.Key(key).text {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}

// Texts returns the list of texts at key; what is no text is left out.
func (v Value) Texts(key string) (texts []string) {
	for _, item := range v.Key(key).List() {
		if s, ok := item.String(); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

func skip(t string) string { return strings.TrimLeft(t, " \t\r\n") }

// past returns the length of the value that t begins with; 0 where it has none.
func past(t string) int {
	depth := 0
	for i := 0; i < len(t); i++ {
		switch t[i] {
		case '"':
			for i++; i < len(t) && t[i] != '"'; i++ {
				if t[i] == '\\' {
					i++
				}
			}
			if i >= len(t) {
				return 0
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	if depth > 0 {
		return 0
	}
	return len(t)
}

func unescape(t string) string {
	b := make([]byte, 0, len(t))
	for i := 0; i < len(t); i++ {
		if t[i] != '\\' || i+1 == len(t) {
			b = append(b, t[i])
			continue
		}
		i++
		switch c := t[i]; c {
		case 'n':
			b = append(b, '\n')
		case 't':
			b = append(b, '\t')
		case 'r':
			b = append(b, '\r')
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'u':
			r := hex(t, i+1)
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+2 < len(t) && t[i+1] == '\\' && t[i+2] == 'u' {
					low = hex(t, i+3)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			b = utf8.AppendRune(b, r)
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

func hex(t string, at int) rune {
	if at+4 > len(t) {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(t[at:at+4], 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
