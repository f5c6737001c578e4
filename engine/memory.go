package engine

import (
	"errors"
	"io"
	"sync"
)

// memoryBlock is the size of a memory's blocks but for its last.
const memoryBlock = 64 << 10

// memory holds the bytes of an upload, in blocks: one piece that grows would be
// copied on its way, and each copy is fresh memory, whose first touch costs most of
// what receiving an upload costs.
type memory [][]byte

// memoryBlocks are blocks that are not in use.
var memoryBlocks = sync.Pool{New: func() any { return new([memoryBlock]byte) }}

func (m *memory) add(p []byte) {
	for len(p) > 0 {
		last := len(*m) - 1
		if last < 0 || len((*m)[last]) == memoryBlock {
			*m = append(*m, nil)
			last++
			if last > 0 || len(p) >= memoryBlock { // a small upload takes what it needs
				(*m)[last] = memoryBlocks.Get().(*[memoryBlock]byte)[:0]
			}
		}
		n := min(len(p), memoryBlock-len((*m)[last]))
		(*m)[last] = append((*m)[last], p[:n]...)
		p = p[n:]
	}
}

func (m memory) size() int {
	if len(m) == 0 {
		return 0
	}
	return (len(m)-1)*memoryBlock + len(m[len(m)-1])
}

// WriteTo implements io.WriterTo.
func (m memory) WriteTo(w io.Writer) (total int64, err error) {
	for _, b := range m {
		n, err := w.Write(b)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// ReadAt implements io.ReaderAt.
func (m memory) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("engine: read before the upload's begin")
	}
	for n < len(p) {
		i, at := int(off/memoryBlock), int(off%memoryBlock)
		if i >= len(m) || at >= len(m[i]) {
			return n, io.EOF
		}
		c := copy(p[n:], m[i][at:])
		n += c
		off += int64(c)
	}
	return n, nil
}

// free leaves the blocks to others: nobody may read them any more.
func (m *memory) free() {
	for _, b := range *m {
		if cap(b) == memoryBlock {
			memoryBlocks.Put((*[memoryBlock]byte)(b[:memoryBlock]))
		}
	}
	*m = nil
}
