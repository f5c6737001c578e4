package meter

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

// blockType reads a block's type as numbers of parameters and results.
func (w *walker) blockType() (params, results int) {
	if w.c.left() > 0 {
		switch b := w.c.buf[w.c.pos]; {
		case b == 0x40:
			w.c.pos++
			return 0, 0
		case ValueType(b).valid():
			w.c.pos++
			w.vectors = w.vectors || ValueType(b) == V128
			return 0, 1
		}
	}
	t := w.c.signed(33)
	if w.c.err == nil && (t < 0 || t >= int64(len(w.m.types))) {
		w.c.fail("a block has type %d of %d", t, len(w.m.types))
	}
	if w.c.err != nil {
		return 0, 0
	}
	return len(w.m.types[t].Params), len(w.m.types[t].Results)
}

func (w *walker) openBlock(op byte) {
	if len(w.frames) > w.m.lim.MaxNesting {
		w.c.fail("blocks are nested deeper than %d; split the function up", w.m.lim.MaxNesting)
		return
	}
	f := frame{op: op, opener: w.current, escape: len(w.frames)}
	f.params, f.results = w.blockType()
	w.pop(f.params)
	f.base = w.height
	w.push(f.params)
	w.frames = append(w.frames, f)
	switch {
	case w.current == dead:
	case op == 0x03:
		w.loops = true
		w.current = w.open(segLoop)
		w.segments[w.current].takes = f.params > 0
		w.charge(1)
	case op == 0x04:
		w.next()
	}
}

// branch notes a branch to a label. Frames within the target are left by it
// other than through their end.
func (w *walker) branch(label uint32) {
	if w.c.err != nil {
		return
	}
	if int64(label) >= int64(len(w.frames)) {
		w.c.fail("a branch goes to label %d of %d", label, len(w.frames))
		return
	}
	if w.current == dead {
		return
	}
	target := len(w.frames) - 1 - int(label)
	w.frames[target].targeted = true
	top := &w.frames[len(w.frames)-1]
	top.escape = min(top.escape, target)
}

func (w *walker) branchTable() {
	n := w.c.count("branch targets", w.m.lim.MaxBrTable, 1)
	for i := 0; i <= n && w.c.err == nil; i++ {
		w.branch(w.c.u32())
	}
}

// diverge ends the reachable code of a block.
func (w *walker) diverge() {
	w.current = dead
	if n := len(w.frames); n > 0 {
		w.height = w.frames[n-1].base
	}
}

func (w *walker) checkResults(f *frame) {
	if w.c.err == nil && w.current != dead && w.height != f.base+f.results {
		w.c.fail("a block leaves %d operands where its type says %d", w.height-f.base, f.results)
	}
}

func (w *walker) elseArm() {
	f := &w.frames[len(w.frames)-1]
	if f.op != 0x04 {
		w.c.fail("an else without if")
		return
	}
	w.checkResults(f)
	f.op = 0x05
	f.thenLive = w.current != dead
	w.height = f.base + f.params
	w.current = dead
	if f.opener != dead {
		w.next()
	}
}

// closeBlock decides which segment the code behind a block belongs to.
func (w *walker) closeBlock() {
	depth := len(w.frames) - 1
	f := w.frames[depth]
	w.checkResults(&f)
	w.frames = w.frames[:depth]
	w.height = f.base
	w.push(f.results)
	if depth == 0 {
		return
	}
	parent := &w.frames[depth-1]
	// A branch that leaves this block but not its parent is no escape there.
	parent.escape = min(parent.escape, f.escape)
	escapes := f.escape < depth
	live := w.current != dead
	switch f.op {
	case 0x02:
		live = live || f.targeted
	case 0x04:
		live = true
	case 0x05:
		live = live || f.thenLive || f.targeted
	}
	switch {
	case f.opener == dead || !live:
		w.current = dead
	case !escapes:
		// Whoever came in comes out here, or traps: one price for both sides.
		w.current = f.opener
	case f.op == 0x02 && !f.targeted:
		// Only the running segment gets here.
	default:
		w.next()
	}
}
