package meter

// vectorOps describes the opcodes behind the 0xFD prefix: what WebAssembly 2.0
// calls vector instructions. Prices are those of scalar ones and a bit more, as
// some take several machine instructions.
func vectorOps() (t [256]opcode) {
	for i := range t {
		t[i].imm = immBad
	}
	set := func(from, to int, kind imm, pop, push int8) {
		for i := from; i <= to; i++ {
			t[i] = opcode{kind, pop, push, 2}
		}
	}
	unary := func(from, to int) { set(from, to, immNone, 1, 1) }
	binary := func(from, to int) { set(from, to, immNone, 2, 1) }

	set(0, 10, immMemarg, 1, 1)  // loads, extending and splatting
	set(11, 11, immMemarg, 2, 0) // store
	set(12, 12, immV128, 0, 1)   // const
	set(13, 13, immV128, 2, 1)   // shuffle: 16 lane numbers
	binary(14, 14)               // swizzle
	unary(15, 20)                // splat
	for _, lane := range []struct{ op, pop int }{{21, 1}, {22, 1}, {23, 2}, {24, 1}, {25, 1}, {26, 2},
		{27, 1}, {28, 2}, {29, 1}, {30, 2}, {31, 1}, {32, 2}, {33, 1}, {34, 2}} {
		set(lane.op, lane.op, immLane, int8(lane.pop), 1) // extract and replace
	}
	binary(35, 76) // comparisons
	unary(77, 77)  // not
	binary(78, 81)
	set(82, 82, immNone, 3, 1) // bitselect
	unary(83, 83)              // any_true
	set(84, 87, immMemargLane, 2, 1)
	set(88, 91, immMemargLane, 2, 0)
	set(92, 93, immMemarg, 1, 1) // load32_zero, load64_zero
	unary(94, 95)                // demote, promote

	unary(96, 100) // i8x16
	binary(101, 102)
	unary(103, 106) // f32x4 rounding
	binary(107, 115)
	unary(116, 117) // f64x2.ceil, floor
	binary(118, 121)
	unary(122, 122) // f64x2.trunc
	binary(123, 123)
	unary(124, 129) // i16x8
	binary(130, 130)
	unary(131, 132)
	binary(133, 134)
	unary(135, 138)
	binary(139, 147)
	unary(148, 148) // f64x2.nearest
	binary(149, 153)
	binary(155, 159)
	unary(160, 161) // i32x4
	unary(163, 164)
	unary(167, 170)
	binary(171, 174)
	binary(177, 177)
	binary(181, 186)
	binary(188, 191)
	unary(192, 193) // i64x2
	unary(195, 196)
	unary(199, 202)
	binary(203, 206)
	binary(209, 209)
	binary(213, 223)
	unary(224, 225) // f32x4
	unary(227, 227)
	binary(228, 235)
	unary(236, 237) // f64x2
	unary(239, 239)
	binary(240, 247)
	unary(248, 255) // conversions
	for _, op := range []int{227, 231, 239, 243} {
		t[op].cost = 2 * costDivide
	}
	return t
}
