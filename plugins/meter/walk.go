package meter

import "sluice/engine/fault"

// A frame is an open block of the function being walked. Frame 0 is the body.
type frame struct {
	op       byte // 0x02 block, 0x03 loop, 0x04 if, 0x05 if with else
	base     int  // operand height below the block's parameters
	params   int
	results  int
	opener   int  // the segment that was running at its opening, or dead
	targeted bool // some branch goes to its label
	thenLive bool // the arm before else reaches the end
	escape   int  // outermost frame that a branch within goes to
}

// dead marks code that is never reached.
const dead = -1

// A walker checks one function body and plans its rewriting. It is reused from
// function to function.
type walker struct {
	m      *module
	plain  [256]opcode
	vector [256]opcode

	c         cursor
	index     int // of the function
	sig       Signature
	locals    int // parameters included
	bodyStart int // where the code starts behind the locals
	frames    []frame
	height    int // of the operand stack
	highest   int
	vectors   bool // handles v128
	loops     bool
	indirect  bool
	sizes     bool      // has instructions that are charged by an operand
	callees   []uint32  // defined functions that it calls, as often as it does
	verdicts  []verdict // of all functions, once known
	segments  []segment
	current   int // the running segment, or dead
	since     int // the most that runs from the last check to here
	edits     []edit
}

func newWalker(m *module) *walker {
	return &walker{m: m, plain: plainOps(), vector: vectorOps()}
}

// walk goes through function i of the defined ones. The plan it leaves is
// valid until the next call.
func (w *walker) walk(i int) *fault.Error {
	w.index = len(w.m.imports) + i
	w.sig = w.m.types[w.m.funcs[i]]
	w.c = cursor{buf: w.m.bodies[i], what: "function " + itoa(w.index)}
	w.frames = w.frames[:0]
	w.segments = w.segments[:0]
	w.edits = w.edits[:0]
	w.callees = w.callees[:0]
	w.height, w.highest = 0, 0
	w.vectors, w.loops, w.indirect, w.sizes = w.m.hasV128, false, false, false
	w.readLocals()
	w.bodyStart = w.c.pos
	w.frames = append(w.frames, frame{op: 0x02, results: len(w.sig.Results), opener: dead})
	w.current = w.open(segEntry)
	w.charge(costEntry + (w.locals-len(w.sig.Params))/localsFree)
	for len(w.frames) > 0 && w.c.err == nil {
		w.step()
	}
	return w.c.done()
}

func (w *walker) readLocals() {
	total := int64(len(w.sig.Params))
	groups := w.c.count("groups of locals", len(w.c.buf), 2)
	for range groups {
		total += int64(w.c.u32())
		w.vectors = w.c.valueType() == V128 || w.vectors
		if w.c.err == nil && total > int64(w.m.lim.MaxLocals) {
			w.c.fail("%d locals are over the limit of %d; split the function up", total, w.m.lim.MaxLocals)
		}
		if w.c.err != nil {
			return
		}
	}
	w.locals = int(total)
}

// step handles one instruction.
func (w *walker) step() {
	w.split()
	start := w.c.pos
	code := w.c.u8()
	switch code {
	case 0xfc:
		w.prefixed(start)
		return
	case 0xfd:
		w.vectors = true
		sub := w.c.u32()
		if w.c.err == nil && (sub > 255 || w.vector[sub].imm == immBad) {
			w.c.fail("unknown vector instruction %d; build without the relaxed-simd proposal", sub)
			return
		}
		w.plainStep(w.vector[sub&255])
		return
	}
	op := w.plain[code]
	switch op.imm {
	case immBad:
		if w.c.err == nil {
			w.c.fail("unknown instruction 0x%02x; build for WebAssembly 2.0 without proposals", code)
		}
	case immBlock:
		w.pop(int(op.pop))
		w.charge(int(op.cost))
		w.openBlock(code)
	case immLabel:
		w.pop(int(op.pop))
		w.charge(int(op.cost))
		w.branch(w.c.u32())
		if code == 0x0c {
			w.diverge()
		} else if w.current != dead {
			w.next()
		}
	case immTable:
		w.pop(1)
		w.charge(int(op.cost))
		w.branchTable()
		w.diverge()
	case immCall:
		w.call(start, op)
	case immIndirect:
		w.callIndirect(start, op)
	case immFunc:
		w.refFunc(start, op)
	case immNone:
		switch code {
		case 0x05:
			w.elseArm()
		case 0x0b:
			w.closeBlock()
		case 0x00:
			w.charge(int(op.cost))
			w.diverge()
		case 0x0f:
			w.charge(int(op.cost))
			w.edits = append(w.edits, edit{kind: editReturn, start: start, end: w.c.pos, arg: uint32(len(w.frames) - 1)})
			w.branch(uint32(len(w.frames) - 1))
			w.diverge()
		default:
			w.plainStep(op)
		}
	case immZero:
		if b := w.c.u8(); w.c.err == nil && b != 0 {
			w.c.fail("names memory %d; only one memory is supported", b)
		}
		w.needMemory()
		if code == 0x40 {
			w.sized(start, editGrow)
		}
		w.effect(op)
	default:
		w.plainStep(op)
	}
}

// plainStep reads the immediates of an instruction without control flow.
func (w *walker) plainStep(op opcode) {
	switch op.imm {
	case immLocal:
		if i := w.c.u32(); int64(i) >= int64(w.locals) {
			w.c.fail("names local %d of %d", i, w.locals)
		}
	case immGlobal:
		if i := w.c.u32(); int64(i) >= int64(w.m.globals) {
			w.c.fail("names global %d of %d", i, w.m.globals)
		}
	case immTableIndex:
		w.m.tableIndex(&w.c)
	case immMemarg, immMemargLane:
		w.needMemory()
		if align := w.c.u32(); align > 4 {
			w.c.fail("alignment 2^%d is too large", align)
		}
		w.c.u32()
		if op.imm == immMemargLane {
			w.c.u8()
		}
	case immLane:
		w.c.u8()
	case immI32:
		w.c.signed(32)
	case immI64:
		w.c.signed(64)
	case immF32:
		w.c.take(4)
	case immF64:
		w.c.take(8)
	case immV128:
		w.c.take(16)
	case immRefType:
		refType(&w.c)
	case immSelect:
		if n := w.c.u32(); w.c.err == nil && n != 1 {
			w.c.fail("select with %d types", n)
		}
		w.vectors = w.c.valueType() == V128 || w.vectors
	}
	w.effect(op)
}

func (w *walker) needMemory() {
	if w.c.err == nil && w.m.memories == 0 {
		w.c.fail("uses memory 0 of 0")
	}
}

func (w *walker) effect(op opcode) {
	w.pop(int(op.pop))
	w.push(int(op.push))
	w.charge(int(op.cost))
}

func (w *walker) push(n int) {
	w.height += n
	w.highest = max(w.highest, w.height)
}

func (w *walker) pop(n int) {
	if w.c.err != nil {
		return
	}
	top := &w.frames[len(w.frames)-1]
	if w.height -= n; w.height < top.base {
		if w.current != dead {
			w.c.fail("an instruction takes more operands than there are")
		}
		w.height = top.base // unreachable code has any operands it likes
	}
}
