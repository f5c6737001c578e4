package table

import "encoding/binary"

// reader reads a stored payload. After the first fault it gives zeros and ok is
// false, so a decoder checks once, before it trusts anything.
type reader struct {
	rest []byte
	ok   bool
}

func (r *reader) fail() {
	r.rest, r.ok = nil, false
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	n, w := binary.Uvarint(r.rest)
	if w <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[w:]
	return n
}

func (r *reader) varint() int64 {
	n, w := binary.Varint(r.rest)
	if w <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[w:]
	return n
}

// count reads the number of things that take at least min bytes each.
func (r *reader) count(min int) int {
	n := r.uvarint()
	if n > uint64(len(r.rest)/min) {
		r.fail()
		return 0
	}
	return int(n)
}

// bytes reads a length and that many bytes; a view.
func (r *reader) bytes() []byte {
	n := r.count(1)
	if !r.ok {
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uint64() uint64 {
	if len(r.rest) < 8 {
		r.fail()
		return 0
	}
	n := binary.LittleEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return n
}

func (r *reader) hash() hash {
	if len(r.rest) < 12 {
		r.fail()
		return hash{}
	}
	h := hash{binary.LittleEndian.Uint64(r.rest), binary.LittleEndian.Uint32(r.rest[8:])}
	r.rest = r.rest[12:]
	return h
}

// done reports whether all was read and nothing failed.
func (r *reader) done() bool { return r.ok && len(r.rest) == 0 }
