package meter

// imm says which immediates follow an opcode.
type imm byte

const (
	immNone imm = iota
	immBlock
	immLabel
	immTable // br_table
	immCall
	immIndirect
	immLocal
	immGlobal
	immTableIndex
	immMemarg
	immZero // memory.size and memory.grow: memory 0
	immI32
	immI64
	immF32
	immF64
	immSelect
	immRefType
	immFunc
	immMemargLane
	immLane
	immV128
	immBad
)

// An opcode's effect on the operand stack and its price. Block instructions,
// branches and calls have their own code.
type opcode struct {
	imm       imm
	pop, push int8
	cost      uint16
}

// Prices are in units of a cheap instruction, ~0.5 ns when compiled.
const (
	costEntry    = 6   // a function's frame
	costDivide   = 8   // integer and float division, square root
	costCall     = 2   // beside the callee's entry
	costIndirect = 6   // table, bounds and type check
	costSwitch   = 3   // br_table
	costLeave    = 500 // what leaves native code: ref.func, memory.grow
	costPage     = 16_384
	costBulk     = 40 // a bulk instruction's start
	localsFree   = 4  // locals per unit on entry
	bytesFree    = 3  // log2 of the bytes that a bulk instruction moves for a unit
)

// plainOps describes the one-byte opcodes.
func plainOps() (t [256]opcode) {
	for i := range t {
		t[i].imm = immBad
	}
	set := func(from, to int, kind imm, pop, push int8, cost uint16) {
		for i := from; i <= to; i++ {
			t[i] = opcode{kind, pop, push, cost}
		}
	}
	set(0x00, 0x00, immNone, 0, 0, 1) // unreachable
	set(0x01, 0x01, immNone, 0, 0, 0) // nop
	set(0x02, 0x03, immBlock, 0, 0, 0)
	set(0x04, 0x04, immBlock, 1, 0, 1)
	set(0x05, 0x05, immNone, 0, 0, 0) // else
	set(0x0b, 0x0b, immNone, 0, 0, 0) // end
	set(0x0c, 0x0c, immLabel, 0, 0, 1)
	set(0x0d, 0x0d, immLabel, 1, 0, 1)
	set(0x0e, 0x0e, immTable, 1, 0, costSwitch)
	set(0x0f, 0x0f, immNone, 0, 0, 1) // return
	set(0x10, 0x10, immCall, 0, 0, costCall)
	set(0x11, 0x11, immIndirect, 1, 0, costIndirect)
	set(0x1a, 0x1a, immNone, 1, 0, 1) // drop
	set(0x1b, 0x1b, immNone, 3, 1, 1) // select
	set(0x1c, 0x1c, immSelect, 3, 1, 1)
	set(0x20, 0x20, immLocal, 0, 1, 1)
	set(0x21, 0x21, immLocal, 1, 0, 1)
	set(0x22, 0x22, immLocal, 1, 1, 1)
	set(0x23, 0x23, immGlobal, 0, 1, 1)
	set(0x24, 0x24, immGlobal, 1, 0, 1)
	set(0x25, 0x25, immTableIndex, 1, 1, 2) // table.get
	set(0x26, 0x26, immTableIndex, 2, 0, 2) // table.set
	set(0x28, 0x35, immMemarg, 1, 1, 1)     // loads
	set(0x36, 0x3e, immMemarg, 2, 0, 1)     // stores
	set(0x3f, 0x3f, immZero, 0, 1, 1)       // memory.size
	set(0x40, 0x40, immZero, 1, 1, 0)       // memory.grow, charged by size
	set(0x41, 0x41, immI32, 0, 1, 1)
	set(0x42, 0x42, immI64, 0, 1, 1)
	set(0x43, 0x43, immF32, 0, 1, 1)
	set(0x44, 0x44, immF64, 0, 1, 1)
	set(0x45, 0x45, immNone, 1, 1, 1) // i32.eqz
	set(0x46, 0x4f, immNone, 2, 1, 1)
	set(0x50, 0x50, immNone, 1, 1, 1) // i64.eqz
	set(0x51, 0x66, immNone, 2, 1, 1)
	set(0x67, 0x69, immNone, 1, 1, 1) // i32 clz ctz popcnt
	set(0x6a, 0x78, immNone, 2, 1, 1)
	set(0x79, 0x7b, immNone, 1, 1, 1) // i64 clz ctz popcnt
	set(0x7c, 0x8a, immNone, 2, 1, 1)
	set(0x8b, 0x91, immNone, 1, 1, 2) // f32 unary
	set(0x92, 0x98, immNone, 2, 1, 2)
	set(0x99, 0x9f, immNone, 1, 1, 2) // f64 unary
	set(0xa0, 0xa6, immNone, 2, 1, 2)
	set(0xa7, 0xbf, immNone, 1, 1, 2) // conversions
	set(0xc0, 0xc4, immNone, 1, 1, 1) // sign extension
	set(0xd0, 0xd0, immRefType, 0, 1, 1)
	set(0xd1, 0xd1, immNone, 1, 1, 1) // ref.is_null
	set(0xd2, 0xd2, immFunc, 0, 1, costLeave)
	// Integer division and remainder, float division, square root.
	for _, op := range []int{0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82, 0x91, 0x95, 0x9f, 0xa3} {
		t[op].cost = costDivide
	}
	return t
}
