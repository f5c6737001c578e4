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

// A verdict says how a function is metered beyond its own code.
type verdict struct {
	counted    bool // its frame is taken from the stack budget
	unchecked  bool // it charges, but leaves the check to its callers
	frameBytes int
	bound      int // of an unchecked function: the most that it runs unseen
}

// stack is what a counted function takes from the meter.
func (v verdict) stack() int64 {
	if !v.counted {
		return 0
	}
	return stackPart(v.frameBytes, 1)
}

// need is what a function and all that it calls take at most.
type need struct {
	frames, bytes, cost int
}

// A callGraph finds the functions whose whole subtree of calls is bounded and
// small, so that they do without the stack bound's instructions or the check.
type callGraph struct {
	frame   []int    // bytes of each function's own frame
	cost    []int    // of all its code run once: no more runs between the checks of loops
	opaque  []bool   // calls indirectly
	callees []uint32 // of all functions, one after the other
	ends    []int    // where each function's callees end
}

func (g *callGraph) add(w *walker) {
	slot, cost := 8, 0
	if w.vectors {
		slot = 16
	}
	for _, s := range w.segments {
		cost += s.cost
	}
	if w.sizes { // what moves memory is faster when it looks first
		cost = longestCallee + 1
	}
	g.frame = append(g.frame, frameOverhead+slot*(w.locals+len(w.sig.Results)+w.highest))
	g.cost = append(g.cost, cost)
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

// verdicts judges all functions. It visits callees first, with a stack of its
// own since chains may be long. A function that is met while it is being
// visited is on a cycle, and whoever calls it is counted.
func (g *callGraph) verdicts() []verdict {
	const fresh, open, closed = 0, 1, 2
	n := len(g.frame)
	result := make([]verdict, n)
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
					result[f].counted = true
				case closed:
					result[f].counted = result[f].counted || result[c].counted
					needs[f].include(needs[c])
				}
				next[f]++
				continue
			}
			result[f] = g.judge(f, &needs[f], result[f].counted)
			state[f] = closed
			path = path[:len(path)-1]
		}
	}
	return result
}

func (n *need) include(callee need) {
	n.frames = max(n.frames, callee.frames)
	n.bytes = max(n.bytes, callee.bytes)
	n.cost = min(n.cost+callee.cost, longestCallee+1)
}

func (g *callGraph) judge(f int, n *need, counted bool) verdict {
	n.frames++
	n.bytes += g.frame[f]
	n.cost = min(n.cost+g.cost[f], longestCallee+1)
	v := verdict{frameBytes: g.frame[f]}
	v.counted = counted || g.opaque[f] || n.frames > slackFrames || n.bytes > slackBytes
	if !v.counted && n.cost <= longestCallee {
		v.unchecked, v.bound = true, n.cost
	}
	return v
}
