package plugintest

// opcode says how an instruction is written: its bytes, its immediates, and what
// stands behind them. Loads and stores have their alignment, 0, in code.
type opcode struct {
	code       []byte
	immediates string
	after      []byte
}

// opcodes lists the instructions that tests need.
func opcodes() map[string]opcode {
	list := map[string]opcode{
		"block": {[]byte{0x02}, "b", nil}, "loop": {[]byte{0x03}, "b", nil}, "if": {[]byte{0x04}, "b", nil},
		"br": {[]byte{0x0c}, "u", nil}, "br_if": {[]byte{0x0d}, "u", nil}, "br_table": {[]byte{0x0e}, "t", nil}, "call": {[]byte{0x10}, "f", nil},
		"call_indirect": {[]byte{0x11}, "u", []byte{0}}, "ref.func": {[]byte{0xd2}, "f", nil},
		"local.get": {[]byte{0x20}, "u", nil}, "local.set": {[]byte{0x21}, "u", nil}, "local.tee": {[]byte{0x22}, "u", nil},
		"global.get": {[]byte{0x23}, "u", nil}, "global.set": {[]byte{0x24}, "u", nil},
		"i32.const": {[]byte{0x41}, "s", nil}, "i64.const": {[]byte{0x42}, "s", nil}, "f64.const": {[]byte{0x44}, "d", nil},
		"i32.load": {[]byte{0x28, 0}, "m", nil}, "i64.load": {[]byte{0x29, 0}, "m", nil},
		"i32.load8_u": {[]byte{0x2d, 0}, "m", nil}, "i32.store": {[]byte{0x36, 0}, "m", nil},
		"i64.store": {[]byte{0x37, 0}, "m", nil}, "i32.store8": {[]byte{0x3a, 0}, "m", nil},
		"memory.size": {[]byte{0x3f, 0}, "", nil}, "memory.grow": {[]byte{0x40, 0}, "", nil},
		"memory.fill": {[]byte{0xfc, 0x0b, 0}, "", nil}, "memory.copy": {[]byte{0xfc, 0x0a, 0, 0}, "", nil},
		"table.grow": {[]byte{0xfc, 0x0f, 0}, "", nil}, "table.fill": {[]byte{0xfc, 0x11, 0}, "", nil},
	}
	for name, code := range map[string]byte{
		"unreachable": 0x00, "nop": 0x01, "else": 0x05, "end": 0x0b, "return": 0x0f, "drop": 0x1a, "select": 0x1b,
		"i32.eqz": 0x45, "i32.eq": 0x46, "i32.ne": 0x47, "i32.lt_s": 0x48, "i32.lt_u": 0x49, "i32.gt_u": 0x4b,
		"i32.ge_u": 0x4f, "i32.add": 0x6a, "i32.sub": 0x6b, "i32.mul": 0x6c, "i32.div_u": 0x6e, "i32.rem_u": 0x70,
		"i32.and": 0x71, "i32.or": 0x72, "i32.shl": 0x74, "i32.shr_u": 0x76,
		"i64.add": 0x7c, "i64.or": 0x84, "i64.shl": 0x86, "i32.wrap_i64": 0xa7, "i64.extend_i32_u": 0xad,
	} {
		list[name] = opcode{code: []byte{code}}
	}
	return list
}
