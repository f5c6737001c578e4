package meter

func (m *module) readTypes(c *cursor) {
	n := c.count("types", m.lim.MaxTypes, 3)
	m.types = make([]Signature, 0, n)
	for range n {
		if form := c.u8(); c.err == nil && form != 0x60 {
			c.fail("type form 0x%02x is not a function; build without the GC proposal", form)
		}
		sig := Signature{Params: m.readTypeList(c, "parameters"), Results: m.readTypeList(c, "results")}
		if c.err != nil {
			return
		}
		m.types = append(m.types, sig)
	}
	m.raw[secType] = c.buf[sizeU32(c.buf):]
}

func (m *module) readTypeList(c *cursor, noun string) []ValueType {
	n := c.count(noun, m.lim.MaxParams, 1)
	list := make([]ValueType, 0, n)
	for range n {
		list = append(list, m.valueType(c))
	}
	return list
}

func (m *module) valueType(c *cursor) ValueType {
	t := c.valueType()
	m.hasV128 = m.hasV128 || t == V128
	return t
}

func (c *cursor) valueType() ValueType {
	t := ValueType(c.u8())
	if c.err == nil && !t.valid() {
		c.fail("value type 0x%02x is unknown; build for WebAssembly 2.0 without proposals", byte(t))
	}
	return t
}

func (m *module) readImports(c *cursor) {
	n := c.count("imports", m.lim.MaxImports, 4)
	m.imports = make([]Import, 0, n)
	for range n {
		imp := Import{Module: c.name(m.lim.MaxNameBytes), Name: c.name(m.lim.MaxNameBytes)}
		kind := c.u8()
		if c.err != nil {
			return
		}
		if kind != byte(KindFunc) {
			c.fail("%s.%s is no function; define memory, tables and globals in the module itself", printable(imp.Module), printable(imp.Name))
			return
		}
		t := c.u32()
		if c.err == nil && int64(t) >= int64(len(m.types)) {
			c.fail("%s.%s has type %d of %d", printable(imp.Module), printable(imp.Name), t, len(m.types))
		}
		if c.err != nil {
			return
		}
		imp.Signature = m.types[t]
		if err := checkImport(imp); err != nil {
			c.err = err
			return
		}
		m.imports = append(m.imports, imp)
	}
	m.raw[secImport] = c.buf[sizeU32(c.buf):]
}

func (m *module) readFunctions(c *cursor) {
	n := c.count("functions", m.lim.MaxFunctions, 1)
	m.funcs = make([]uint32, 0, n)
	for i := range n {
		t := c.u32()
		if c.err == nil && int64(t) >= int64(len(m.types)) {
			c.fail("function %d has type %d of %d", len(m.imports)+i, t, len(m.types))
		}
		if c.err != nil {
			return
		}
		m.funcs = append(m.funcs, t)
	}
	m.raw[secFunction] = c.buf[sizeU32(c.buf):]
}

func (m *module) readTables(c *cursor) {
	n := c.count("tables", m.lim.MaxTables, 3)
	for range n {
		t := m.valueType(c)
		if c.err == nil && !t.isRef() {
			c.fail("a table of %s", t)
		}
		flags := c.u8()
		if c.err == nil && flags > 1 {
			c.fail("a table with limit flags 0x%02x; build without the threads and memory64 proposals", flags)
		}
		min := c.u32()
		if flags == 1 {
			if max := c.u32(); c.err == nil && max < min {
				c.fail("a table's maximum %d is below its minimum %d", max, min)
			}
		}
		if c.err == nil && int64(m.tableSum)+int64(min) > int64(m.lim.MaxTableEntries) {
			c.fail("%d table entries are over the limit of %d", int64(m.tableSum)+int64(min), m.lim.MaxTableEntries)
		}
		if c.err != nil {
			return
		}
		m.tableSum += int(min)
		m.tables = append(m.tables, t)
	}
	m.raw[secTable] = c.buf
}

func (m *module) readMemory(c *cursor) {
	m.memories = c.count("memories", 1, 2)
	for range m.memories {
		flags := c.u8()
		if c.err == nil && flags > 1 {
			c.fail("limit flags 0x%02x; build without shared or 64-bit memory", flags)
		}
		min, max := c.u32(), uint32(m.lim.MaxMemoryPages)
		if flags == 1 {
			max = c.u32()
		}
		switch {
		case c.err != nil:
		case max > 1<<16 || min > 1<<16:
			c.fail("more than 65536 pages of memory")
		case int64(min) > int64(m.lim.MaxMemoryPages):
			c.fail("starts with %d pages of memory, over the limit of %d (--plugin-memory); lower the initial memory", min, m.lim.MaxMemoryPages)
		case max < min:
			c.fail("the maximum of %d pages is below the minimum of %d", max, min)
		}
		m.memMin, m.memMax = int(min), int(max)
		if m.memMax > m.lim.MaxMemoryPages {
			m.memMax = m.lim.MaxMemoryPages
		}
	}
}

func (m *module) readGlobals(c *cursor) {
	m.globals = c.count("globals", m.lim.MaxGlobals, 4)
	start := c.pos
	for range m.globals {
		m.valueType(c)
		if mut := c.u8(); c.err == nil && mut > 1 {
			c.fail("mutability 0x%02x is unknown", mut)
		}
		m.constExpr(c, secGlobal, start)
		if c.err != nil {
			return
		}
	}
	m.raw[secGlobal] = c.buf[start:]
}

func (m *module) readExports(c *cursor) {
	n := c.count("exports", m.lim.MaxExports, 3)
	m.exports = make([]Export, 0, n)
	seen := make(map[string]bool, n)
	for range n {
		e := Export{Name: c.name(m.lim.MaxNameBytes), Kind: Kind(c.u8()), index: c.u32()}
		if c.err == nil && e.Kind > KindGlobal {
			c.fail("%s is of unknown kind 0x%02x", printable(e.Name), byte(e.Kind))
		}
		if c.err != nil {
			return
		}
		space := [...]int{m.functions(), len(m.tables), m.memories, m.globals}[e.Kind]
		if int64(e.index) >= int64(space) {
			c.fail("%s is %s %d of %d", printable(e.Name), e.Kind, e.index, space)
			return
		}
		if seen[e.Name] {
			c.fail("%s is exported twice", printable(e.Name))
			return
		}
		seen[e.Name] = true
		if e.Kind == KindFunc {
			e.Signature = m.signature(e.index)
		}
		m.exports = append(m.exports, e)
	}
}

func (m *module) readCode(c *cursor) {
	n := c.count("function bodies", m.lim.MaxFunctions, 3)
	m.bodies = make([][]byte, 0, n)
	for i := range n {
		size := c.count("bytes in a body", len(c.buf), 1)
		if size > m.lim.MaxBodyBytes {
			c.fail("function %d has %d bytes, over the limit of %d; split it up", len(m.imports)+i, size, m.lim.MaxBodyBytes)
		}
		body := c.take(size)
		if c.err != nil {
			return
		}
		m.bodies = append(m.bodies, body)
	}
}

// sizeU32 is the length of the LEB128 number that b starts with.
func sizeU32(b []byte) int {
	for i, x := range b {
		if x < 0x80 {
			return i + 1
		}
	}
	return len(b)
}
