package meter

// A segment is a stretch of code that is charged at one place: where it starts.
// Blocks behind a join that every execution of the segment reaches belong to it
// too.
type segment struct {
	kind  segKind
	cost  int
	reach int  // cost, and the bounds of unchecked functions that it calls
	check bool // whether the fuel is compared with zero here
	takes bool // of a loop: it has parameters
}

type segKind byte

const (
	segEntry segKind = iota // the function's
	segLoop                 // a loop's head
	segNext                 // behind a branch or join
)

// These bound how much runs unseen after the fuel has fallen below zero.
const (
	longest       = 2048 // a stretch without a check gets one
	longestTail   = 256  // so does the end of a function, as returns may add up
	longestCallee = 200  // a function that costs no more in all has no check
)

// open starts a segment at the current place.
func (w *walker) open(kind segKind) int {
	w.segments = append(w.segments, segment{kind: kind})
	id := len(w.segments) - 1
	w.edits = append(w.edits, edit{kind: editCharge, start: w.c.pos, end: w.c.pos, arg: uint32(id)})
	return id
}

// next starts a segment that only some executions of the one before reach.
func (w *walker) next() { w.current = w.open(segNext) }

// charge adds to the running segment's price.
func (w *walker) charge(cost int) {
	if w.current != dead {
		w.segments[w.current].cost += cost
		w.segments[w.current].reach += cost
	}
}

// split ends a segment that has grown so long that it would run unchecked for
// too long. It is called between instructions.
func (w *walker) split() {
	if w.current != dead && w.segments[w.current].reach >= longest {
		w.next()
	}
}

// placeChecks decides where the fuel is checked: at the entry, at loop heads,
// after every longest units of straight code, and, which it tells, at the end.
// An unchecked function leaves that to its callers.
func (w *walker) placeChecks(unchecked bool) (late bool) {
	since := 0
	for i := range w.segments {
		s := &w.segments[i]
		since += s.reach
		s.check = !unchecked && (s.kind != segNext || since >= longest)
		if s.check {
			since = s.reach
		}
	}
	return !unchecked && since >= longestTail && len(w.callees) > 0
}
