package meter

import (
	"unicode"
	"unicode/utf8"
)

const (
	maxFuncName  = 256     // bytes of one function's name
	maxNameBytes = 1 << 20 // of all names
)

// nameMap rebuilds the guest's function names as the name section's payload, and
// names the functions that are added, so that no trap is laid to them. The guest's
// are a courtesy to whoever reads a trap's message: a damaged section yields the
// names before the damage, it never refuses the module.
func (m *module) nameMap() (payload []byte, named int) {
	s := &cursor{buf: functionNames(m.name), what: "name section"}
	var list []byte
	count, last := 0, int64(-1)
	put := func(index uint32, name string) {
		list = appendName(appendU32(list, index), name)
		count++
	}
	refill := uint32(len(m.imports))
	added := false
	add := func() {
		if !added {
			put(refill, Added+ImportRefill)
			added = true
		}
	}
	for n := s.count("names", m.functions(), 2); n > 0; n-- {
		index := s.u32()
		name := s.take(s.count("bytes", len(s.buf), 1))
		if s.err != nil || int64(index) <= last || int64(index) >= int64(m.functions()) {
			break
		}
		last = int64(index)
		if index >= refill {
			add()
		}
		clean := cleanName(name)
		if len(list)+len(clean)+16 > maxNameBytes {
			break
		}
		put(m.remap(index), clean)
		named++
	}
	add()
	put(uint32(m.functions())+1, Added+"settle")
	body := append(appendU32(nil, uint32(count)), list...)
	payload = appendName(nil, "name")
	payload = append(payload, 1)
	payload = appendU32(payload, uint32(len(body)))
	return append(payload, body...), named
}

// functionNames finds the subsection of function names.
func functionNames(section []byte) []byte {
	c := &cursor{buf: section, what: "name section"}
	for c.left() > 0 {
		id := c.u8()
		body := c.take(c.count("bytes", len(section), 1))
		if c.err == nil && id == 1 {
			return body
		}
	}
	return nil
}

// cleanName replaces what isn't printable and cuts at maxFuncName.
func cleanName(raw []byte) string {
	out := make([]byte, 0, min(len(raw), maxFuncName))
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		raw = raw[n:]
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			r = '?'
		}
		if len(out)+utf8.RuneLen(r) > maxFuncName {
			break
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}
