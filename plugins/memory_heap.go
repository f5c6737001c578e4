package plugins

// heapMemory is a guest's memory on Go's heap, where it cannot be mapped.
type heapMemory struct {
	most uint64
	all  []byte
}

func (m *heapMemory) Reallocate(size uint64) []byte {
	if size > m.most {
		return nil
	}
	if size > uint64(cap(m.all)) {
		grown := make([]byte, size, min(m.most, size+size/2))
		copy(grown, m.all)
		m.all = grown
	}
	m.all = m.all[:size]
	return m.all
}

func (m *heapMemory) Free() { m.all = nil }
