package company

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxHostBytes bounds the host names that are looked at: 253 characters of four
// bytes have fewer, and Punycode takes quadratic time.
const maxHostBytes = 1024

// lookup maps names as browsers do before they look them up: letter case, width
// and the many kinds of dots are folded, ß and ZWJ stay themselves (what ß was
// until 2008 is another company's name today), labels are checked against the
// Bidi and joiner rules. Hyphens in third and fourth place pass, since real
// hosts have them; what is left must be letters, digits and hyphens.
var lookup = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
	idna.CheckJoiners(true), idna.CheckHyphens(false), idna.StrictDomainName(true))

// AppendDomain appends the match key that text gives: a host name of two labels or
// more in ASCII and lower case. Of an address (URL, e-mail) it takes the host, and
// it removes the port, a trailing dot, and leading "www." labels as long as two
// labels are left. It reports false, and dst as it was, for what is no such name:
// labels are 1 to 63 letters, digits and inner hyphens (an underscore is legal in
// the DNS, not in a host name), 253 bytes in all, and the last label is no number,
// so that IP addresses are none. The key of a key is itself.
func AppendDomain(dst, text []byte) ([]byte, bool) {
	out, kind := appendHost(dst, text)
	if kind != other {
		return finish(out, len(dst), kind)
	}
	host := hostOf(text)
	out, kind = appendHost(dst, host)
	if kind != other {
		return finish(out, len(dst), kind)
	}
	return appendIDNA(dst, host)
}

// finish returns a host name that was appended at at, if it is one.
func finish(out []byte, at int, kind hostKind) ([]byte, bool) {
	switch kind {
	case plain:
		return out, true
	case punycode: // it must be the one spelling of what it stands for
		return appendIDNA(out[:at], bytes.Clone(out[at:]))
	}
	return out, false
}

// appendIDNA appends the key of a host name that is more than letters, digits and
// hyphens.
func appendIDNA(dst, host []byte) ([]byte, bool) {
	if len(host) > maxHostBytes || !utf8.Valid(host) {
		return dst, false
	}
	ascii, err := lookup.ToASCII(string(host))
	if err != nil {
		return dst, false
	}
	out, kind := appendHost(dst, []byte(ascii))
	return out, kind == plain || kind == punycode
}

// hostOf cuts the host out of an address. What is none comes back in parts that
// are no host either.
func hostOf(text []byte) []byte {
	host := bytes.TrimSpace(text)
	if i := bytes.Index(host, []byte("//")); i == 0 || i > 0 && host[i-1] == ':' && isScheme(host[:i-1]) {
		host = host[i+2:]
	}
	if i := bytes.IndexAny(host, `/?#\`); i >= 0 {
		host = host[:i]
	}
	if i := bytes.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && isNumber(host[i+1:]) {
		host = host[:i]
	}
	return bytes.TrimSpace(host)
}

func isScheme(p []byte) bool {
	for i, c := range p {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	return len(p) > 0
}

func isNumber(p []byte) bool {
	for _, c := range p {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// hostByte gives the lower case of the bytes that a host name has, 0 for others.
var hostByte = func() (t [256]byte) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = byte(c), byte(c)
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = byte(c)
	}
	t['-'], t['.'] = '-', '.'
	return t
}()

// hostKind is what appendHost took a text for.
type hostKind uint8

const (
	other    hostKind = iota // it has bytes that no host name has
	invalid                  // no host name of two labels
	plain                    // appended
	punycode                 // appended; a label is in Punycode
)

// appendHost appends a host name in lower case, without its trailing dot and
// leading "www.". It appends nothing of what is none.
func appendHost(dst, host []byte) ([]byte, hostKind) {
	if len(host) > maxHostBytes {
		return dst, other
	}
	if n := len(host); n > 0 && host[n-1] == '.' {
		host = host[:n-1]
	}
	at := len(dst)
	to := slices.Grow(dst, len(host))[at : at+len(host)]
	labels, label := 0, 0 // labels before, and where this one starts
	valid, kind := len(host) > 0, plain
	for i, b := range host {
		c := hostByte[b]
		to[i] = c
		if c > '.' {
			continue
		}
		switch c {
		case '.':
			valid = valid && isLabel(to[label:i])
			labels, label = labels+1, i+1
		case '-':
			if i-label == 3 && string(to[label:i]) == "xn-" {
				kind = punycode
			}
		default:
			return dst, other
		}
	}
	if !valid || labels == 0 || !isLabel(to[label:]) || numeric(to[label:]) {
		return dst, invalid
	}
	for ; labels > 1 && string(to[:4]) == "www."; labels-- {
		to = to[4:]
	}
	if len(to) > MaxDomain {
		return dst, invalid
	}
	return append(dst, to...), kind
}

// isLabel checks the length of a label and where its hyphens are.
func isLabel(p []byte) bool {
	return len(p) > 0 && len(p) <= 63 && p[0] != '-' && p[len(p)-1] != '-'
}

// numeric reports whether a last label makes an IPv4 address of the whole name:
// decimal digits, or hexadecimal ones after 0x.
func numeric(label []byte) bool {
	if label[0] > '9' {
		return false
	}
	if len(label) >= 2 && label[0] == '0' && label[1] == 'x' {
		for _, c := range label[2:] {
			if c > 'f' || c == '-' {
				return false
			}
		}
		return true
	}
	return isNumber(label)
}
