package meter

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// A generator writes random valid functions on four i32 locals, a memory page
// and a global that ends whatever runs for too long.
type generator struct {
	r     *rand.Rand
	code  []byte
	depth int // open blocks, all without results
	funcs int // that may be called
}

const genLocals = 4

func (g *generator) emit(b ...byte) { g.code = append(g.code, b...) }

func (g *generator) i32(n int32) { g.code = append(append(g.code, 0x41), s64(int64(n))...) }

// tick takes a step from the global and traps when there's none left.
func (g *generator) tick() {
	g.emit(0x23, 0, 0x41, 1, 0x6b, 0x24, 0, 0x23, 0, 0x45, 0x04, 0x40, 0x00, 0x0b)
}

// address leaves one within the first page.
func (g *generator) address(depth int) {
	g.expr(depth)
	g.i32(0xfff)
	g.emit(0x71)
}

func (g *generator) expr(depth int) {
	kind := g.r.IntN(10)
	if depth <= 0 {
		kind %= 3
	}
	switch kind {
	case 0:
		g.i32(int32(g.r.Uint32()))
	case 1, 2:
		g.emit(0x20, byte(g.r.IntN(genLocals)))
	case 3, 4:
		g.expr(depth - 1)
		g.expr(depth - 1)
		ops := []byte{0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x46, 0x48, 0x6d, 0x70}
		g.emit(ops[g.r.IntN(len(ops))])
	case 5:
		g.address(depth - 1)
		g.emit(0x2d, 0, 0)
	case 6:
		g.expr(depth - 1)
		g.expr(depth - 1)
		g.expr(depth - 1)
		g.emit(0x1b)
	case 7:
		g.expr(depth - 1)
		g.emit(0x04, 0x7f)
		g.expr(depth - 1)
		g.emit(0x05)
		g.expr(depth - 1)
		g.emit(0x0b)
	case 8: // a block left with a value
		g.emit(0x02, 0x7f)
		g.expr(depth - 1)
		g.expr(depth - 1)
		g.emit(0x0d, 0, 0x1a)
		g.expr(depth - 1)
		g.emit(0x0b)
	case 9: // a loop with a parameter that runs once
		g.expr(depth - 1)
		g.emit(0x03, tAlloc, 0x41, 3, 0x6a, 0x0b)
	}
}

func (g *generator) block(open ...byte) {
	g.emit(open...)
	g.depth++
	if open[0] == 0x03 {
		g.tick()
	}
	for range g.r.IntN(5) {
		g.stmt()
	}
	if open[0] == 0x04 && g.r.IntN(2) == 0 {
		g.emit(0x05)
		g.stmt()
	}
	g.depth--
	g.emit(0x0b)
}

func (g *generator) stmt() {
	kind := g.r.IntN(16)
	if len(g.code) > 4000 || g.depth > 8 {
		kind %= 4
	}
	switch kind {
	case 0, 1:
		g.expr(3)
		g.emit(0x21, byte(g.r.IntN(genLocals)))
	case 2:
		g.address(2)
		g.expr(2)
		g.emit(0x3a, 0, 0)
	case 3:
		g.emit(0x01)
	case 4, 5:
		g.block(0x02, 0x40)
	case 6, 7:
		g.block(0x03, 0x40)
	case 8, 9:
		g.expr(2)
		g.block(0x04, 0x40)
	case 10: // out of some block, or the function
		g.expr(2)
		g.expr(2)
		g.emit(0x0d, byte(g.r.IntN(g.depth+1)))
		g.emit(0x1a)
	case 11:
		g.expr(1)
		g.expr(2)
		g.emit(0x0e, 2)
		for range 3 { // the function's label would need a value
			g.emit(byte(g.r.IntN(g.depth)))
		}
	case 12:
		g.expr(2)
		g.emit(0x0f)
	case 13:
		if g.funcs > 0 {
			g.expr(2)
			g.emit(0x10, byte(g.r.IntN(g.funcs)), 0x21, byte(g.r.IntN(genLocals)))
		}
	case 14:
		g.address(1)
		g.expr(1)
		g.address(1)
		g.emit(0xfc, 11, 0)
	case 15:
		g.expr(1)
		g.emit(0x0d, byte(g.r.IntN(g.depth)))
	}
}

func generate(seed uint64) []byte {
	g := &generator{r: rand.New(rand.NewPCG(seed, 1))}
	b := newBuilder()
	b.memory = [][]byte{{0, 2}}
	b.globals = [][]byte{{0x7f, 1, 0x41, 0xe0, 0xd4, 3, 0x0b}} // 60,000 steps
	b.export("steps", KindGlobal, 0)
	for g.funcs = range 5 {
		g.code, g.depth = nil, 0
		g.tick()
		// The outermost block has no result, so that branches need no value.
		g.block(0x02, 0x40)
		g.expr(3)
		b.fn(tAlloc, []byte{1, genLocals - 1, 0x7f}, g.code...)
	}
	b.export("run", KindFunc, 4)
	return b.bytes()
}

func compareGenerated(t *testing.T, both []engine, seed uint64) {
	wasm := generate(seed)
	out, _, err := Rewrite(wasm, DefaultLimits())
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	fuel := make(map[string]int64)
	for _, e := range both {
		plain, metered := e.start(t, wasm), e.start(t, out)
		for _, arg := range []uint64{0, 1, 77} {
			want, werr := plain.call("run", arg)
			got, gerr := metered.call("run", arg)
			if trapName(werr) != trapName(gerr) || werr == nil && got[0] != want[0] {
				t.Fatalf("seed %d, %s: run(%d) is %v, %v, unmetered %v, %v", seed, e.name, arg, got, gerr, want, werr)
			}
			a, _ := plain.mod.Memory().Read(0, 1<<16)
			b, _ := metered.mod.Memory().Read(0, 1<<16)
			if string(a) != string(b) || plain.mod.ExportedGlobal("steps").Get() != metered.mod.ExportedGlobal("steps").Get() {
				t.Fatalf("seed %d, %s: run(%d) leaves another memory or global", seed, e.name, arg)
			}
			if gerr != nil {
				break
			}
			if left := metered.meter() - uint64(Fuel(metered.meter())); left != uint64(DefaultLimits().budget()) {
				t.Fatalf("seed %d, %s: the stack budget is %#x after run(%d)", seed, e.name, left, arg)
			}
		}
		fuel[e.name] = metered.spent()
		plain.mod.Close(plain.ctx)
		metered.mod.Close(metered.ctx)
	}
	if fuel["compiler"] != fuel["interpreter"] {
		t.Fatalf("seed %d: fuel differs: %v", seed, fuel)
	}
}

// trapName is the first line of an error: what follows names functions.
func trapName(err error) string {
	if err == nil {
		return ""
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return first
}

func TestGenerated(t *testing.T) {
	for start := uint64(0); start < 600; start += 100 {
		both := engines(t) // they keep what they compiled
		for seed := range uint64(100) {
			compareGenerated(t, both, start+seed)
		}
	}
}

func FuzzGenerated(f *testing.F) {
	f.Add(uint64(12345))
	f.Fuzz(func(t *testing.T, seed uint64) { compareGenerated(t, engines(t), seed) })
}
