package meter

// A segment is a stretch of code that is charged at one place: where it starts.
// Blocks behind a join that every execution of the segment reaches belong to it
// too.
type segment struct {
	kind  segKind
	cost  int
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
	longestCallee = 200  // a function whose code costs no more has no check on entry
)

// open starts a segment at the current place.
func (w *walker) open(kind segKind) int {
	w.segments = append(w.segments, segment{kind: kind, check: kind != segNext})
	if kind != segNext {
		w.since = 0
	}
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
		w.since += cost
	}
}

// split gives a stretch that has grown too long a check. It is called between
// instructions. The length goes by where code stands, not by which segment
// pays for it: no way through the function without a check is longer.
func (w *walker) split() {
	if w.current != dead && w.since >= longest {
		w.next()
		w.segments[w.current].check = true
		w.since = 0
	}
}
