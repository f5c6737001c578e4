package meter

// A segment is a stretch of code that is charged at one place: where it starts.
// Blocks behind a join that every execution of the segment reaches belong to it
// too.
type segment struct {
	kind  segKind
	cost  int
	check bool // whether the fuel is compared with zero here
}

type segKind byte

const (
	segEntry segKind = iota // the function's
	segLoop                 // a loop's head
	segNext                 // behind a branch or join
)

// longest is the price at which a stretch without a check gets one: it bounds
// how far the fuel falls below zero unseen.
const longest = 8192

// open starts a segment at the current place.
func (w *walker) open(kind segKind) int {
	w.segments = append(w.segments, segment{kind: kind, check: kind != segNext})
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
	}
}

// split ends a segment that has grown so long that it would run unchecked for
// too long. It is called between instructions.
func (w *walker) split() {
	if w.current != dead && w.segments[w.current].cost >= longest {
		w.next()
	}
}

// settle decides where the fuel is checked: at the entry, at loop heads, and
// after every longest units of straight code.
func (w *walker) settle() {
	since := 0
	for i := range w.segments {
		s := &w.segments[i]
		since += s.cost
		s.check = s.kind != segNext || since >= longest
		if s.check {
			since = 0
		}
	}
}
