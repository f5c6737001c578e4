package meter

// funcIndex reads a function index and notes its place for remapping.
func (m *module) funcIndex(c *cursor, sec byte, base int) {
	start := c.pos
	index := c.u32()
	if c.err == nil && int64(index) >= int64(m.functions()) {
		c.fail("names function %d of %d", index, m.functions())
	}
	if c.err != nil {
		return
	}
	m.refs[sec] = append(m.refs[sec], funcRefAt{start - base, c.pos - base, index})
}

// constExpr reads an initialiser: one constant. The only globals it could read
// are imported ones, of which there are none.
func (m *module) constExpr(c *cursor, sec byte, base int) {
	switch op := c.u8(); {
	case c.err != nil:
	case op == 0x41:
		c.signed(32)
	case op == 0x42:
		c.signed(64)
	case op == 0x43:
		c.take(4)
	case op == 0x44:
		c.take(8)
	case op == 0xd0:
		refType(c)
	case op == 0xd2:
		m.funcIndex(c, sec, base)
	case op == 0xfd:
		if sub := c.u32(); c.err == nil && sub != 12 {
			c.fail("an initialiser is no constant")
		}
		c.take(16)
	case op == 0x23:
		c.fail("an initialiser reads a global; use a constant")
	default:
		c.fail("an initialiser is no constant")
	}
	if end := c.u8(); c.err == nil && end != 0x0b {
		c.fail("an initialiser has more than one instruction; build without the extended-const proposal")
	}
}

func refType(c *cursor) ValueType {
	t := ValueType(c.u8())
	if c.err == nil && !t.isRef() {
		c.fail("0x%02x is no reference type", byte(t))
	}
	return t
}

func (m *module) tableIndex(c *cursor) {
	if t := c.u32(); c.err == nil && int64(t) >= int64(len(m.tables)) {
		c.fail("names table %d of %d", t, len(m.tables))
	}
}

func (m *module) readElements(c *cursor) {
	m.elements = c.count("element segments", m.lim.MaxElements, 3)
	start, room := c.pos, m.lim.MaxElementItems
	for range m.elements {
		flags := c.u32()
		if c.err == nil && flags > 7 {
			c.fail("segment flags 0x%02x are unknown", flags)
		}
		passive, explicit, exprs := flags&1 != 0, flags&2 != 0, flags&4 != 0
		switch {
		case passive:
		case explicit:
			m.tableIndex(c)
		case c.err == nil && len(m.tables) == 0:
			c.fail("names table 0 of 0")
		}
		if !passive {
			m.constExpr(c, secElement, start)
		}
		switch {
		case !passive && !explicit: // function references by default
		case exprs:
			refType(c)
		default:
			if kind := c.u8(); c.err == nil && kind != 0 {
				c.fail("element kind 0x%02x is unknown", kind)
			}
		}
		items := c.count("elements", room, 1)
		room -= items
		for i := 0; i < items && c.err == nil; i++ {
			if exprs {
				m.constExpr(c, secElement, start)
			} else {
				m.funcIndex(c, secElement, start)
			}
		}
		if c.err != nil {
			return
		}
	}
	m.raw[secElement] = c.buf[start:]
}

func (m *module) readData(c *cursor) {
	m.data = c.count("data segments", m.lim.MaxDataSegments, 2)
	for range m.data {
		flags := c.u32()
		if c.err == nil && flags > 2 {
			c.fail("segment flags 0x%02x are unknown", flags)
		}
		if flags == 2 {
			if mem := c.u32(); c.err == nil && mem != 0 {
				c.fail("names memory %d; only one memory is supported", mem)
			}
		}
		if c.err == nil && flags != 1 && m.memories == 0 {
			c.fail("names memory 0 of 0")
		}
		if flags != 1 {
			m.constExpr(c, secData, 0)
		}
		c.take(c.count("data bytes", len(c.buf), 1))
		if c.err != nil {
			return
		}
	}
	m.raw[secData] = c.buf
}
