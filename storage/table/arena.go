package table

// arena is memory for what one commit gathers. It is used again for the next,
// so a long import does not fault in fresh pages.
type arena struct {
	chunks [][]byte
	next   int    // chunk to begin next
	left   []byte // of the current one
}

const chunkBytes = 1 << 20

func (a *arena) reset() { a.next, a.left = 0, nil }

// take returns an empty slice with room for n bytes, valid until reset. What is
// appended to it is given away by the next take unless keep was called.
func (a *arena) take(n int) []byte {
	for len(a.left) < n {
		if a.next == len(a.chunks) {
			a.chunks = append(a.chunks, make([]byte, max(n, chunkBytes)))
		}
		a.left = a.chunks[a.next]
		a.next++
	}
	return a.left[:0]
}

// keep keeps what was appended to the last slice taken, and returns it with no
// room behind it.
func (a *arena) keep(b []byte) []byte {
	if len(b) > 0 && len(a.left) > 0 && &b[0] == &a.left[0] {
		a.left = a.left[len(b):]
	}
	return b[:len(b):len(b)]
}
