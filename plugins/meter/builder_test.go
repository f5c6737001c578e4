package meter

// A builder assembles modules byte by byte, also ones that are wrong in one
// place. It starts with a module that keeps to the ABI and does nothing.
type builder struct {
	types   [][]byte
	imports [][]byte
	funcs   []builtFunc
	tables  [][]byte
	memory  [][]byte
	globals [][]byte
	exports [][]byte
	elems   [][]byte
	data    [][]byte
	counted bool // write a data count section
	custom  [][]byte
	bare    bool // without the ABI's functions
}

type builtFunc struct {
	typ          int
	locals, code []byte
}

// Types that every built module has.
const (
	tVoid     = iota // () -> ()
	tAlloc           // (i32) -> (i32)
	tOpen            // (i32, i32) -> (i64)
	tI64             // () -> (i64)
	tI32             // () -> (i32)
	tLog             // (i32, i32, i32) -> ()
	tPair            // (i32) -> (i32, i64)
	tUnaryI64        // (i64) -> (i64)
	tCount
)

func newBuilder() *builder {
	b := &builder{memory: [][]byte{{0, 1}}}
	for _, t := range []string{"\x60\x00\x00", "\x60\x01\x7f\x01\x7f", "\x60\x02\x7f\x7f\x01\x7e", "\x60\x00\x01\x7e",
		"\x60\x00\x01\x7f", "\x60\x03\x7f\x7f\x7f\x00", "\x60\x01\x7f\x02\x7f\x7e", "\x60\x01\x7e\x01\x7e"} {
		b.types = append(b.types, []byte(t))
	}
	return b
}

// fn adds a function and returns its index; imports come before. Code ends
// without its last end.
func (b *builder) fn(typ int, locals []byte, code ...byte) int {
	b.funcs = append(b.funcs, builtFunc{typ, locals, code})
	return len(b.imports) + len(b.funcs) - 1
}

// run adds an exported function.
func (b *builder) run(name string, typ int, locals []byte, code ...byte) *builder {
	b.export(name, KindFunc, b.fn(typ, locals, code...))
	return b
}

func (b *builder) imp(module, name string, typ int) {
	b.imports = append(b.imports, cat(str(module), str(name), []byte{0}, u(typ)))
}

func (b *builder) export(name string, kind Kind, index int) {
	b.exports = append(b.exports, cat(str(name), []byte{byte(kind)}, u(index)))
}

func (b *builder) bytes() []byte {
	funcs, exports := b.funcs, b.exports
	if !b.bare {
		first := len(b.imports) + len(funcs)
		funcs = append(funcs[:len(funcs):len(funcs)], builtFunc{tAlloc, nil, []byte{0x20, 0}},
			builtFunc{tOpen, nil, []byte{0x42, 0}}, builtFunc{tAlloc, nil, []byte{0x20, 0}})
		exports = append(exports[:len(exports):len(exports)], cat(str("memory"), []byte{2, 0}))
		for i, name := range []string{"sluice_v1_alloc", "sluice_v1_open", "sluice_v1_process"} {
			exports = append(exports, cat(str(name), []byte{0}, u(first+i)))
		}
	}
	var types, bodies [][]byte
	for _, f := range funcs {
		types = append(types, u(f.typ))
		locals := f.locals
		if locals == nil {
			locals = []byte{0}
		}
		body := cat(locals, f.code, []byte{0x0b})
		bodies = append(bodies, cat(u(len(body)), body))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	add := func(id byte, items [][]byte) {
		if len(items) > 0 {
			out = append(out, section(id, vec(items...))...)
		}
	}
	add(secType, b.types)
	add(secImport, b.imports)
	add(secFunction, types)
	add(secTable, b.tables)
	add(secMemory, b.memory)
	add(secGlobal, b.globals)
	add(secExport, exports)
	add(secElement, b.elems)
	if b.counted {
		out = append(out, section(secDataCount, u(len(b.data)))...)
	}
	add(secCode, bodies)
	add(secData, b.data)
	for _, c := range b.custom {
		out = append(out, section(secCustom, c)...)
	}
	return out
}

func section(id byte, body []byte) []byte {
	return cat([]byte{id}, u(len(body)), body)
}

func vec(items ...[]byte) []byte {
	return cat(u(len(items)), cat(items...))
}

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func u(n int) []byte { return appendU32(nil, uint32(n)) }

func s64(n int64) []byte { return appendI64(nil, n) }

func str(s string) []byte { return appendName(nil, s) }

func rep(n int, code ...byte) []byte {
	var out []byte
	for range n {
		out = append(out, code...)
	}
	return out
}
