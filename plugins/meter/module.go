package meter

import (
	"bytes"
	"encoding/binary"
)

// Section ids.
const (
	secCustom    = 0
	secType      = 1
	secImport    = 2
	secFunction  = 3
	secTable     = 4
	secMemory    = 5
	secGlobal    = 6
	secExport    = 7
	secStart     = 8
	secElement   = 9
	secCode      = 10
	secData      = 11
	secDataCount = 12
)

var sectionNames = [...]string{"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count"}

// sectionOrder ranks sections by where they must stand: the data count section
// comes between elements and code.
var sectionOrder = [...]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10}

// funcRefAt is a place in a section that holds a function index, which has to
// be remapped.
type funcRefAt struct {
	start, end int
	index      uint32
}

// module is a parsed module in terms of its own index spaces. Byte slices are
// views of the upload.
type module struct {
	lim       Limits
	types     []Signature
	imports   []Import
	funcs     []uint32 // type of each defined function
	tables    []ValueType
	tableSum  int
	memories  int
	memMin    int
	memMax    int
	globals   int
	exports   []Export
	elements  int
	bodies    [][]byte
	dataCount int // of the data count section, -1 without
	data      int
	hasV128   bool // in a type or global

	raw  [13][]byte // sections without their counts
	refs [13][]funcRefAt
	name []byte // the name section, unread
}

// parse reads a whole module and checks every index outside of code.
func parse(wasm []byte, lim Limits) (*module, error) {
	c := &cursor{buf: wasm, what: "module"}
	if head := c.take(8); !bytes.HasPrefix(wasm, []byte("\x00asm")) {
		return nil, reject("not a WebAssembly module; upload the .wasm file that the compiler wrote")
	} else if c.err != nil {
		return nil, c.err
	} else if v := binary.LittleEndian.Uint32(head[4:]); v != 1 {
		return nil, reject("WebAssembly binary version %d is not supported; build a core module (version 1), not a component", v)
	}
	m := &module{lim: lim, dataCount: -1, memMax: -1}
	last := 0
	for c.left() > 0 {
		id := c.u8()
		size := c.count("bytes in a section", len(wasm), 1)
		body := c.take(size)
		if c.err != nil {
			return nil, c.err
		}
		if int(id) >= len(sectionNames) {
			return nil, reject("module: section id %d is unknown; build for WebAssembly 2.0 without proposals", id)
		}
		s := &cursor{buf: body, what: sectionNames[id] + " section"}
		if id == secCustom {
			m.readCustom(s)
			if s.err != nil {
				return nil, s.err
			}
			continue
		}
		if sectionOrder[id] <= last {
			return nil, reject("module: the %s section is doubled or out of order", sectionNames[id])
		}
		last = sectionOrder[id]
		m.readSection(id, s)
		if err := s.done(); err != nil {
			return nil, err
		}
	}
	if len(m.funcs) != len(m.bodies) {
		return nil, reject("module: declares %d functions but has %d bodies", len(m.funcs), len(m.bodies))
	}
	if m.dataCount >= 0 && m.dataCount != m.data {
		return nil, reject("module: the data count section says %d segments, the data section has %d", m.dataCount, m.data)
	}
	return m, nil
}

func (m *module) readSection(id byte, c *cursor) {
	switch id {
	case secType:
		m.readTypes(c)
	case secImport:
		m.readImports(c)
	case secFunction:
		m.readFunctions(c)
	case secTable:
		m.readTables(c)
	case secMemory:
		m.readMemory(c)
	case secGlobal:
		m.readGlobals(c)
	case secExport:
		m.readExports(c)
	case secStart:
		c.fail("a start function would run before it can be metered; export _initialize instead")
	case secElement:
		m.readElements(c)
	case secDataCount:
		m.dataCount = int(c.u32())
	case secCode:
		m.readCode(c)
	case secData:
		m.readData(c)
	}
}

// readCustom keeps the first name section for later; all else is dropped.
func (m *module) readCustom(c *cursor) {
	title := c.name(len(c.buf))
	if c.err == nil && title == "name" && m.name == nil {
		m.name = c.buf[c.pos:]
	}
}

// functions is the size of the function index space.
func (m *module) functions() int { return len(m.imports) + len(m.funcs) }

// signature returns the type of a function of the index space.
func (m *module) signature(index uint32) Signature {
	if int(index) < len(m.imports) {
		return m.imports[index].Signature
	}
	return m.types[m.funcs[int(index)-len(m.imports)]]
}

// remap gives a function's index after refill was imported behind the guest's
// own imports.
func (m *module) remap(index uint32) uint32 {
	if int(index) < len(m.imports) {
		return index
	}
	return index + 1
}
