package meter

// An edit is a place in a body where the output differs from the input.
type edit struct {
	kind       editKind
	start, end int // the bytes it replaces; none for an insertion
	arg        uint32
}

type editKind byte

const (
	editCharge   editKind = iota // arg: segment
	editCall                     // arg: function
	editIndirect                 // an indirect call
	editReturn                   // arg: the label of the body
	editRefFunc                  // arg: function
	editBytes                    // charge by bytes
	editEntries                  // charge by table entries
	editGrow                     // charge by pages
)

// An emitter writes rewritten bodies.
//
// A function with a loop keeps the meter in a local of its own, loaded on entry
// and stored around calls and on exit: subtracting from a register costs a loop
// far less than a load and a store. Others work on the global.
type emitter struct {
	m       *module
	verdict verdict
	out     []byte
	local   bool   // the meter is in meterAt
	meterAt uint32 // local
	sizeAt  uint32 // local, holds the size of a bulk instruction
	refill  uint32 // function
	settle  uint32 // function, see settleBody
	global  uint32 // the meter
}

func newEmitter(m *module) *emitter {
	return &emitter{
		m:      m,
		refill: uint32(len(m.imports)),
		settle: uint32(m.functions() + 1),
		global: uint32(m.globals),
	}
}

// body rewrites the function that w has walked. The result is valid until the
// next call. blockType is that of a block with the function's results.
func (e *emitter) body(w *walker, v verdict, blockType []byte) []byte {
	// Returns add up, so a long way to the end gets a check as well.
	late := w.since >= longestTail && !v.unchecked
	e.out = e.out[:0]
	e.local = w.loops
	e.verdict = v
	e.locals(w)
	src := w.c.buf
	// The entry's charge is the first edit and stands outside of the wrapper.
	e.enter(w.segments[w.edits[0].arg])
	wrapped := v.counted || e.local || late
	if wrapped {
		e.op(0x02)
		e.out = append(e.out, blockType...)
	}
	at := w.bodyStart
	for _, ed := range w.edits[1:] {
		e.out = append(e.out, src[at:ed.start]...)
		at = ed.end
		e.edit(w, ed, src[ed.start:ed.end], wrapped)
	}
	e.out = append(e.out, src[at:]...)
	if wrapped {
		e.leave(late)
		e.op(0x0b)
	}
	return e.out
}

// locals copies the declarations and adds ours behind them.
func (e *emitter) locals(w *walker) {
	groups := (&cursor{buf: w.c.buf}).u32()
	own := uint32(w.locals)
	var extra []byte
	if e.local {
		e.meterAt = own
		own++
		groups++
		extra = append(extra, 1, byte(I64))
	}
	if w.sizes {
		e.sizeAt = own
		groups++
		extra = append(extra, 1, byte(I32))
	}
	e.out = appendU32(e.out, groups)
	e.out = append(e.out, w.c.buf[sizeU32(w.c.buf):w.bodyStart]...)
	e.out = append(e.out, extra...)
}

func (e *emitter) edit(w *walker, ed edit, original []byte, wrapped bool) {
	switch ed.kind {
	case editCharge:
		e.chargeSegment(w.segments[ed.arg])
	case editCall:
		e.save()
		e.opU32(0x10, e.m.remap(ed.arg))
		e.load()
	case editIndirect:
		e.save()
		e.out = append(e.out, original...)
		e.load()
	case editReturn:
		if wrapped {
			e.opU32(0x0c, ed.arg)
		} else {
			e.op(0x0f)
		}
	case editRefFunc:
		e.opU32(0xd2, e.m.remap(ed.arg))
	case editBytes:
		e.chargeSize(uint32(min(int64(e.m.memMax)<<16, 1<<32-1)), func() {
			e.constI64(bytesFree)
			e.op(0x88) // i64.shr_u
		})
	case editEntries:
		e.chargeSize(uint32(e.m.tableSum), func() {})
	case editGrow:
		e.chargeSize(uint32(e.m.memMax), func() {
			e.constI64(costPage)
			e.op(0x7e) // i64.mul
		})
	}
}

// save and load keep the global exact around a call.
func (e *emitter) save() {
	if e.local {
		e.opU32(0x20, e.meterAt)
		e.opU32(0x24, e.global)
	}
}

func (e *emitter) load() {
	if e.local {
		e.opU32(0x23, e.global)
		e.opU32(0x21, e.meterAt)
	}
}

func (e *emitter) op(code byte) { e.out = append(e.out, code) }

func (e *emitter) opU32(code byte, v uint32) { e.out = appendU32(append(e.out, code), v) }

func (e *emitter) constI32(v int32) { e.out = appendI64(append(e.out, 0x41), int64(v)) }

func (e *emitter) constI64(v int64) { e.out = appendI64(append(e.out, 0x42), v) }
