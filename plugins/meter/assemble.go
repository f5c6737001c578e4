package meter

// typeTable collects the types that rewriting needs beyond the module's own.
type typeTable struct {
	m      *module
	added  []byte
	count  int
	blocks map[string]int // results to type index
	refill int            // type index
	settle int            // type index
}

func newTypeTable(m *module) *typeTable {
	t := &typeTable{m: m, blocks: make(map[string]int)}
	t.refill = t.add(Signature{[]ValueType{I64, I32}, []ValueType{I64}})
	t.settle = t.add(Signature{[]ValueType{I64}, []ValueType{I64}})
	return t
}

func (t *typeTable) add(sig Signature) int {
	t.added = append(t.added, 0x60)
	t.added = append(appendU32(t.added, uint32(len(sig.Params))), typeBytes(sig.Params)...)
	t.added = append(appendU32(t.added, uint32(len(sig.Results))), typeBytes(sig.Results)...)
	t.count++
	return len(t.m.types) + t.count - 1
}

// blockType encodes the type of a block without parameters.
func (t *typeTable) blockType(results []ValueType) []byte {
	switch len(results) {
	case 0:
		return []byte{0x40}
	case 1:
		return []byte{byte(results[0])}
	}
	key := string(typeBytes(results))
	index, ok := t.blocks[key]
	if !ok {
		index = t.add(Signature{Results: results})
		t.blocks[key] = index
	}
	return appendI64(nil, int64(index))
}

// assemble writes the module with its sections in order.
func (m *module) assemble(code []byte, types *typeTable, names []byte) []byte {
	out := make([]byte, 0, len(code)+len(m.raw[secData])+len(names)+1<<16)
	out = append(out, "\x00asm\x01\x00\x00\x00"...)
	section := func(id byte, parts ...[]byte) {
		n := 0
		for _, p := range parts {
			n += len(p)
		}
		out = appendU32(append(out, id), uint32(n))
		for _, p := range parts {
			out = append(out, p...)
		}
	}
	num := func(n int) []byte { return appendU32(nil, uint32(n)) }

	section(secType, num(len(m.types)+types.count), m.raw[secType], types.added)
	refill := append(appendName(appendName(nil, ImportModule), ImportRefill), byte(KindFunc))
	section(secImport, num(len(m.imports)+1), m.raw[secImport], appendU32(refill, uint32(types.refill)))
	section(secFunction, num(len(m.funcs)+1), m.raw[secFunction], num(types.settle))
	if m.raw[secTable] != nil {
		section(secTable, m.raw[secTable])
	}
	if m.memories > 0 {
		section(secMemory, []byte{1, 1}, num(m.memMin), num(m.memMax))
	}
	section(secGlobal, num(m.globals+1), m.remapped(secGlobal), globalI64(m.lim.budget()))
	section(secExport, num(len(m.exports)+1), m.exportList())
	if m.raw[secElement] != nil {
		section(secElement, num(m.elements), m.remapped(secElement))
	}
	if m.dataCount >= 0 {
		section(secDataCount, num(m.dataCount))
	}
	section(secCode, code)
	if m.raw[secData] != nil {
		section(secData, m.raw[secData])
	}
	section(secCustom, names)
	return out
}

// globalI64 is a mutable i64 global.
func globalI64(init int64) []byte {
	return append(appendI64([]byte{byte(I64), 1, 0x42}, init), 0x0b)
}

// remapped copies a section and gives function indices their new values.
func (m *module) remapped(id byte) []byte {
	src := m.raw[id]
	out := make([]byte, 0, len(src)+len(m.refs[id]))
	at := 0
	for _, ref := range m.refs[id] {
		out = append(out, src[at:ref.start]...)
		out = appendU32(out, m.remap(ref.index))
		at = ref.end
	}
	return append(out, src[at:]...)
}

func (m *module) exportList() []byte {
	var b []byte
	for _, e := range m.exports {
		index := e.index
		if e.Kind == KindFunc {
			index = m.remap(index)
		}
		b = appendU32(append(appendName(b, e.Name), byte(e.Kind)), index)
	}
	return appendU32(append(appendName(b, GlobalMeter), byte(KindGlobal)), uint32(m.globals))
}
