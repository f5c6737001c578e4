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
// A function with a loop keeps the fuel in a local of its own, loaded on entry
// and stored around calls and on exit: subtracting from a register costs a loop
// far less than a load and a store. Others work on the global.
type emitter struct {
	m       *module
	out     []byte
	local   bool   // the fuel is in fuelAt
	fuelAt  uint32 // local
	sizeAt  uint32 // local, holds the size of a bulk instruction
	refill  uint32 // function
	fuel    uint32 // global
	stack   uint32 // global
	wrapper []byte // block type of the body
}

func newEmitter(m *module) *emitter {
	return &emitter{m: m, refill: uint32(len(m.imports)), fuel: uint32(m.globals), stack: uint32(m.globals) + 1}
}

// body rewrites the function that w has walked. The result is valid until the
// next call. When counted, its frame takes frameBytes from the stack budget.
func (e *emitter) body(w *walker, counted bool, frameBytes int, wrapper []byte) []byte {
	w.settle()
	e.out = e.out[:0]
	e.local = w.loops
	e.locals(w)
	if counted {
		e.enter(frameBytes)
	}
	src := w.c.buf
	edits := w.edits
	// The entry's charge is the first edit and stands outside of the wrapper.
	e.entryCharge(w.segments[edits[0].arg])
	wrapped := counted || e.local
	if wrapped {
		e.op(0x02)
		e.out = append(e.out, wrapper...)
	}
	at := w.bodyStart
	for _, ed := range edits[1:] {
		e.out = append(e.out, src[at:ed.start]...)
		at = ed.end
		e.edit(w, ed, src[ed.start:ed.end], wrapped)
	}
	e.out = append(e.out, src[at:]...)
	if wrapped {
		if e.local {
			e.opU32(0x20, e.fuelAt)
			e.opU32(0x24, e.fuel)
		}
		if counted {
			e.opU32(0x23, e.stack)
			e.constI64(packStack(frameBytes, 1))
			e.op(0x7c) // i64.add
			e.opU32(0x24, e.stack)
		}
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
		e.fuelAt = own
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
		e.opU32(0x20, e.fuelAt)
		e.opU32(0x24, e.fuel)
	}
}

func (e *emitter) load() {
	if e.local {
		e.opU32(0x23, e.fuel)
		e.opU32(0x21, e.fuelAt)
	}
}

func (e *emitter) op(code byte) { e.out = append(e.out, code) }

func (e *emitter) opU32(code byte, v uint32) { e.out = appendU32(append(e.out, code), v) }

func (e *emitter) constI32(v int32) { e.out = appendI64(append(e.out, 0x41), int64(v)) }

func (e *emitter) constI64(v int64) { e.out = appendI64(append(e.out, 0x42), v) }
