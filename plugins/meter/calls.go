package meter

// call handles call: the index is checked against the module's own functions
// and remapped in the plan.
func (w *walker) call(start int, op opcode) {
	f := w.c.u32()
	if w.c.err == nil && int64(f) >= int64(w.m.functions()) {
		w.c.fail("calls function %d of %d", f, w.m.functions())
	}
	if w.c.err != nil {
		return
	}
	w.edits = append(w.edits, edit{kind: editCall, start: start, end: w.c.pos, arg: f})
	w.apply(w.m.signature(f))
	w.charge(int(op.cost))
	if n := int(f) - len(w.m.imports); n >= 0 && w.current != dead {
		w.callees = append(w.callees, uint32(n))
		if w.verdicts != nil {
			w.since += w.verdicts[n].bound
		}
	}
}

func (w *walker) callIndirect(start int, op opcode) {
	t := w.c.u32()
	w.m.tableIndex(&w.c)
	if w.c.err == nil && int64(t) >= int64(len(w.m.types)) {
		w.c.fail("an indirect call has type %d of %d", t, len(w.m.types))
	}
	if w.c.err != nil {
		return
	}
	w.edits = append(w.edits, edit{kind: editIndirect, start: start, end: w.c.pos})
	w.indirect = w.indirect || w.current != dead
	w.pop(int(op.pop))
	w.apply(w.m.types[t])
	w.charge(int(op.cost))
	if w.current != dead {
		w.since += longestCallee // whichever it is, it has a check or costs no more
	}
}

func (w *walker) apply(sig Signature) {
	w.pop(len(sig.Params))
	w.push(len(sig.Results))
}

func (w *walker) refFunc(start int, op opcode) {
	f := w.c.u32()
	if w.c.err == nil && int64(f) >= int64(w.m.functions()) {
		w.c.fail("refers to function %d of %d", f, w.m.functions())
	}
	w.edits = append(w.edits, edit{kind: editRefFunc, start: start, end: w.c.pos, arg: f})
	w.effect(op)
}

// prefixed handles the instructions behind 0xFC.
func (w *walker) prefixed(start int) {
	switch sub := w.c.u32(); sub {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating truncation
		w.effect(opcode{pop: 1, push: 1, cost: 3})
	case 8: // memory.init
		w.dataIndex()
		w.memoryZero(1)
		w.sized(start, editBytes)
	case 9: // data.drop
		w.dataIndex()
		w.charge(2)
	case 10: // memory.copy
		w.memoryZero(2)
		w.sized(start, editBytes)
	case 11: // memory.fill
		w.memoryZero(1)
		w.sized(start, editBytes)
	case 12: // table.init
		w.elementIndex()
		w.m.tableIndex(&w.c)
		w.sized(start, editEntries)
	case 13: // elem.drop
		w.elementIndex()
		w.charge(2)
	case 14: // table.copy
		w.m.tableIndex(&w.c)
		w.m.tableIndex(&w.c)
		w.sized(start, editEntries)
	case 15:
		w.c.fail("table.grow is not allowed; give the table its final size")
	case 16: // table.size
		w.m.tableIndex(&w.c)
		w.effect(opcode{push: 1, cost: 1})
	case 17: // table.fill
		w.m.tableIndex(&w.c)
		w.sized(start, editEntries)
	default:
		w.c.fail("unknown instruction 0xfc %d; build for WebAssembly 2.0 without proposals", sub)
	}
}

func (w *walker) memoryZero(times int) {
	w.needMemory()
	for range times {
		if b := w.c.u8(); w.c.err == nil && b != 0 {
			w.c.fail("names memory %d; only one memory is supported", b)
		}
	}
}

func (w *walker) dataIndex() {
	if i := w.c.u32(); w.c.err == nil && int64(i) >= int64(w.m.dataCount) {
		w.c.fail("names data segment %d of %d in the data count section", i, max(w.m.dataCount, 0))
	}
}

func (w *walker) elementIndex() {
	if i := w.c.u32(); w.c.err == nil && int64(i) >= int64(w.m.elements) {
		w.c.fail("names element segment %d of %d", i, w.m.elements)
	}
}

// sized plans the charge for an instruction whose topmost operand says how much
// it does. The charge goes before it and leaves the operands as they are.
func (w *walker) sized(start int, kind editKind) {
	if w.c.err != nil {
		return
	}
	if w.current != dead {
		w.sizes = true
		w.edits = append(w.edits, edit{kind: kind, start: start, end: start})
	}
	if kind == editGrow {
		w.charge(costLeave)
		return
	}
	w.charge(costBulk)
	w.pop(3)
}
