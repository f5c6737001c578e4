package meter

// A subtree of calls that can't recurse and is this small needn't be counted:
// the budget keeps room for one at any time.
const (
	slackFrames = 16
	slackBytes  = 16 << 10
)

// frameOverhead is what a frame takes beside its values: return address, saved
// registers, the engine's own words.
const frameOverhead = 64

// need is the stack that a function and all that it calls take at most.
type need struct {
	frames, bytes int
}

// A callGraph finds the functions whose whole subtree of calls is bounded and
// small, so that they do without the stack bound's instructions.
type callGraph struct {
	frame   []int    // bytes of each function's own frame
	opaque  []bool   // calls indirectly
	callees []uint32 // of all functions, one after the other
	ends    []int    // where each function's callees end
}

func (g *callGraph) add(w *walker) {
	slot := 8
	if w.vectors {
		slot = 16
	}
	g.frame = append(g.frame, frameOverhead+slot*(w.locals+len(w.sig.Results)+w.highest))
	g.opaque = append(g.opaque, w.indirect)
	g.callees = append(g.callees, w.callees...)
	g.ends = append(g.ends, len(g.callees))
}

func (g *callGraph) calls(f int) []uint32 {
	start := 0
	if f > 0 {
		start = g.ends[f-1]
	}
	return g.callees[start:g.ends[f]]
}

// counted says for each function whether it must count its frame. It visits
// callees first, with a stack of its own since chains may be long. A function
// met while it is being visited is on a cycle and stays counted.
func (g *callGraph) counted() []bool {
	const fresh, open, closed = 0, 1, 2
	n := len(g.frame)
	counted := make([]bool, n)
	state := make([]byte, n)
	next := make([]int, n)
	needs := make([]need, n)
	var path []int
	for root := range n {
		if state[root] != fresh {
			continue
		}
		path = append(path[:0], root)
		state[root] = open
		for len(path) > 0 {
			f := path[len(path)-1]
			if callees := g.calls(f); next[f] < len(callees) {
				c := int(callees[next[f]])
				switch state[c] {
				case fresh:
					state[c] = open
					path = append(path, c)
					continue // come back to this callee when it is closed
				case open:
					counted[f] = true
				case closed:
					counted[f] = counted[f] || counted[c]
					needs[f].frames = max(needs[f].frames, needs[c].frames)
					needs[f].bytes = max(needs[f].bytes, needs[c].bytes)
				}
				next[f]++
				continue
			}
			needs[f].frames++
			needs[f].bytes += g.frame[f]
			if g.opaque[f] || needs[f].frames > slackFrames || needs[f].bytes > slackBytes {
				counted[f] = true
			}
			state[f] = closed
			path = path[:len(path)-1]
		}
	}
	return counted
}

// The stack global holds two budgets: bytes in its upper half, frames in its
// lower one. An entry takes from both; either sign bit says that one is used up.
const stackSigns = -1<<63 | 1<<31

func packStack(bytes, frames int) int64 { return int64(bytes)<<32 + int64(frames) }

func (m *module) stackBudget() int64 {
	return packStack(m.lim.MaxStackBytes-slackBytes, m.lim.MaxStackFrames-slackFrames)
}
