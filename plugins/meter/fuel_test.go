package meter

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func mustRewrite(tb testing.TB, wasm []byte) []byte {
	tb.Helper()
	out, _, err := Rewrite(wasm, DefaultLimits())
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// Guests that never end by themselves are ended, on both engines, by the same
// fuel.
func TestStop(t *testing.T) {
	f := func(name string, b *builder) {
		t.Helper()
		out := mustRewrite(t, b.bytes())
		var spent []int64
		for _, e := range engines(t) {
			g := e.start(t, out).limited(2_000_000)
			_, err := g.call("run")
			if !errors.Is(err, errFuel) {
				t.Errorf("%s, %s: got %v, want %v", name, e.name, err, errFuel)
			}
			spent = append(spent, g.tank.granted)
		}
		if spent[0] != spent[1] {
			t.Errorf("%s: fuel is %d compiled and %d interpreted", name, spent[0], spent[1])
		}
	}
	run := func(locals []byte, code ...byte) *builder {
		return newBuilder().run("run", tVoid, locals, code...)
	}
	f("empty loop", run(nil, 0x03, 0x40, 0x0c, 0, 0x0b))
	f("br_if loop", run(nil, 0x03, 0x40, 0x41, 1, 0x0d, 0, 0x0b))
	f("br_table loop", run(nil, 0x03, 0x40, 0x41, 9, 0x0e, 1, 0, 0, 0x0b))
	f("loop left and entered again", run(nil, 0x03, 0x40, 0x03, 0x40, 0x0c, 1, 0x0b, 0x0b))
	f("loop with a parameter", run(nil, 0x41, 0, 0x03, tAlloc, 0x0c, 0, 0x0b, 0x1a))
	f("loop in unreachable looking code", run(nil, 0x02, 0x40, 0x0c, 0, 0x0b, 0x03, 0x40, 0x0c, 0, 0x0b))
	f("memory.fill", run(nil, 0x03, 0x40, 0x41, 0, 0x41, 0, 0x41, 0x80, 0x80, 4, 0xfc, 11, 0, 0x0c, 0, 0x0b))
	f("memory.copy", run(nil, 0x03, 0x40, 0x41, 0, 0x41, 0, 0x41, 0x80, 0x80, 4, 0xfc, 10, 0, 0, 0x0c, 0, 0x0b))
	f("memory.grow", run(nil, 0x03, 0x40, 0x41, 0, 0x40, 0, 0x1a, 0x0c, 0, 0x0b))
	f("failing memory.grow", run(nil, 0x03, 0x40, 0x41, 0x7f, 0x40, 0, 0x1a, 0x0c, 0, 0x0b))

	b := newBuilder()
	b.tables = [][]byte{{0x70, 0, 0x80, 0x80, 4}}
	self := b.fn(tVoid, nil)
	b.export("f", KindFunc, self)
	f("ref.func", b.run("run", tVoid, nil, 0x03, 0x40, 0xd2, byte(self), 0x1a, 0x0c, 0, 0x0b))
	b = newBuilder()
	b.tables = [][]byte{cat([]byte{0x70, 0}, u(1<<16))}
	f("table.fill", b.run("run", tVoid, nil, 0x03, 0x40, 0x41, 0, 0xd0, 0x70, 0x41, 0x80, 0x80, 4, 0xfc, 17, 0, 0x0c, 0, 0x0b))
	b = newBuilder()
	b.tables = [][]byte{{0x70, 0, 1}, cat([]byte{0x70, 0}, u(60_000))}
	f("table.fill of the second table", b.run("run", tVoid, nil, 0x03, 0x40, 0x41, 0, 0xd0, 0x70, 0x41, 0xe0, 0xd4, 3, 0xfc, 17, 1, 0x0c, 0, 0x0b))
	b = newBuilder()
	b.tables = [][]byte{cat([]byte{0x70, 0}, u(1<<16))}
	f("table.copy", b.run("run", tVoid, nil, 0x03, 0x40, 0x41, 0, 0x41, 0, 0x41, 0x80, 0x80, 4, 0xfc, 14, 0, 0, 0x0c, 0, 0x0b))

	// A loop in a function that is too cheap for a check on entry.
	b = newBuilder()
	loop := b.fn(tVoid, nil, 0x03, 0x40, 0x0c, 0, 0x0b)
	f("loop in a cheap function", b.run("run", tVoid, nil, 0x10, byte(loop)))

	// Calls without a loop: 2^40, each function calling the one before twice.
	b = newBuilder()
	last := b.fn(tVoid, nil)
	for range 40 {
		last = b.fn(tVoid, nil, 0x10, byte(last), 0x10, byte(last))
	}
	b.export("run", KindFunc, last)
	f("tree of calls", b)

	// The same through a table, to functions that look harmless.
	b = newBuilder()
	b.tables = [][]byte{{0x70, 0, 40}}
	for i := range 40 {
		code := []byte{}
		if i > 0 {
			code = cat([]byte{0x41}, s64(int64(i-1)), []byte{0x11, tVoid, 0, 0x41}, s64(int64(i-1)), []byte{0x11, tVoid, 0})
		}
		b.elems = append(b.elems, cat([]byte{0, 0x41}, s64(int64(i)), []byte{0x0b, 1}, u(b.fn(tVoid, nil, code...))))
	}
	b.export("run", KindFunc, 39)
	f("tree of indirect calls", b)
}

// What runs between two checks is bounded, however a module spreads it.
func TestOverdraft(t *testing.T) {
	f := func(name string, b *builder) {
		t.Helper()
		out := mustRewrite(t, b.bytes())
		for _, e := range engines(t) {
			g := e.start(t, out).limited(slice)
			_, err := g.call("run")
			if !errors.Is(err, errFuel) {
				t.Errorf("%s, %s: got %v, want %v", name, e.name, err, errFuel)
			}
			if g.tank.lowest < -2*longest {
				t.Errorf("%s, %s: fuel fell to %d", name, e.name, g.tank.lowest)
			}
		}
	}
	// forever repeats code, as much of it would take the compiler too long.
	forever := func(b *builder, code []byte) *builder {
		return b.run("run", tVoid, nil, cat([]byte{0x03, 0x40}, code, []byte{0x0c, 0, 0x0b})...)
	}
	f("straight code", forever(newBuilder(), rep(10_000, 0x41, 0, 0x1a)))
	f("straight branches", forever(newBuilder(), rep(3_000, 0x02, 0x40, 0x41, 0, 0x0d, 0, 0x0b)))
	b := newBuilder()
	leaf := b.fn(tVoid, nil, rep(90, 0x41, 0, 0x1a)...)
	f("calls of cheap functions", forever(b, rep(1000, 0x10, byte(leaf))))
	b = newBuilder()
	leaf = b.fn(tVoid, nil, cat(rep(40, 0x41, 0, 0x1a), []byte{0x03, 0x40, 0x0b}, rep(50, 0x41, 0, 0x1a))...)
	f("calls of cheap loops", forever(b, rep(1000, 0x10, byte(leaf))))
	b = newBuilder()
	b.tables = [][]byte{{0x70, 0, 1}}
	leaf = b.fn(tVoid, nil, rep(90, 0x41, 0, 0x1a)...)
	b.elems = append(b.elems, cat([]byte{0, 0x41, 0, 0x0b, 1}, u(leaf)))
	f("indirect calls of cheap functions", forever(b, rep(1000, 0x41, 0, 0x11, tVoid, 0)))
	b = newBuilder()
	last := b.fn(tVoid, nil)
	for range 100 {
		last = b.fn(tVoid, nil, cat([]byte{0x10}, u(last), rep(500, 0x41, 0, 0x1a))...)
	}
	f("returns", forever(b, cat([]byte{0x10}, u(last))))
}

// The way from the last check to the end of a function has one more when it is
// long, also when that code was paid for at its start.
func TestLateCheck(t *testing.T) {
	f := func(name string, want int, code ...byte) {
		t.Helper()
		b := newBuilder()
		self := b.fn(tVoid, nil, code...)
		b.export("self", KindFunc, self)
		m, err := parse(b.bytes(), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		w := newWalker(m)
		var graph callGraph
		for i := range m.bodies {
			if err := w.walk(i); err != nil {
				t.Fatal(err)
			}
			graph.add(w)
		}
		code, _, err = m.rewriteCode(w, &graph)
		if err != nil {
			t.Fatal(err)
		}
		// settle and the three functions of the ABI: the latter are unchecked.
		if got := bytes.Count(code, []byte{0x41, ReasonFuel, 0x10, 0}) - 1; got != want {
			t.Errorf("%s: %d checks, want %d", name, got, want)
		}
	}
	call := []byte{0x10, 0}
	f("call", 0, call...)
	f("short code and call", 0, cat(rep(50, 0x41, 0, 0x1a), call)...)
	f("long code and call", 1, cat(rep(150, 0x41, 0, 0x1a), call)...)
	f("call and long code", 1, cat(call, rep(150, 0x41, 0, 0x1a))...)
	f("loop and call", 1, cat([]byte{0x03, 0x40, 0x0b}, call)...)
	f("loop, call and long code", 2, cat([]byte{0x03, 0x40, 0x0b}, call, rep(150, 0x41, 0, 0x1a))...)
	f("very long code", 3, cat(rep(1500, 0x41, 0, 0x1a), call, rep(1500, 0x41, 0, 0x1a))...)
}

func TestStack(t *testing.T) {
	f := func(name string, b *builder, depth uint64, want error) {
		t.Helper()
		out := mustRewrite(t, b.bytes())
		for _, e := range engines(t) {
			g := e.start(t, out)
			_, err := g.call("run", depth)
			if !errors.Is(err, want) {
				t.Errorf("%s %d, %s: got %v, want %v", name, depth, e.name, err, want)
			}
			if err != nil {
				continue
			}
			// The budget is back: once more, and the rest is untouched.
			if _, err := g.call("run", depth); err != nil {
				t.Errorf("%s %d, %s, again: %v", name, depth, e.name, err)
			}
			if left := g.meter() - uint64(Fuel(g.meter())); left != uint64(DefaultLimits().budget()) {
				t.Errorf("%s, %s: the stack budget is %#x afterwards", name, e.name, left)
			}
		}
	}
	// down calls itself n times; exits differ in how they leave.
	down := func(locals []byte, exit ...byte) *builder {
		b := newBuilder()
		code := cat([]byte{0x20, 0, 0x45, 0x04, 0x40}, exit, []byte{0x0b, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0})
		return b.run("run", tAlloc, locals, code...)
	}
	ret := []byte{0x41, 0, 0x0f}
	f("return", down(nil, ret...), 1800, nil)
	f("return", down(nil, ret...), 1882, nil)
	f("return", down(nil, ret...), 1900, errStack)
	f("branch", down(nil, 0x41, 0, 0x0c, 1), 1800, nil)
	f("br_if", down(nil, 0x41, 0, 0x41, 1, 0x0d, 1, 0x1a), 1800, nil)
	f("br_table", down(nil, 0x41, 0, 0x41, 1, 0x0e, 0, 1), 1800, nil)
	f("endless", down(nil, ret...), 1<<31, errStack)
	f("10,000 locals", down(cat([]byte{1}, u(10_000), []byte{0x7e}), ret...), 11, nil)
	f("10,000 locals", down(cat([]byte{1}, u(10_000), []byte{0x7e}), ret...), 13, errStack)
	f("5,000 vectors", down(cat([]byte{1}, u(5_000), []byte{0x7b}), ret...), 13, errStack)
	f("loops", down(nil, cat([]byte{0x03, 0x40}, ret, []byte{0x0b})...), 1800, nil)

	// Several results need a type of their own for the wrapping block.
	b := newBuilder()
	b.run("run", tPair, nil, 0x20, 0, 0x45, 0x04, 0x40, 0x41, 1, 0x42, 2, 0x0f, 0x0b, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0)
	f("two results", b, 1800, nil)
	f("two results", b, 1900, errStack)

	// Indirect recursion, and a chain of functions that aren't recursive.
	b = newBuilder()
	b.tables = [][]byte{{0x70, 0, 1}}
	b.elems = [][]byte{{0, 0x41, 0, 0x0b, 1, 0}}
	b.run("run", tAlloc, nil, 0x20, 0, 0x45, 0x04, 0x40, 0x41, 0, 0x0f, 0x0b, 0x20, 0, 0x41, 1, 0x6b, 0x41, 0, 0x11, tAlloc, 0)
	f("indirect", b, 1800, nil)
	f("indirect", b, 1900, errStack)
	chain := func(n int) *builder {
		b := newBuilder()
		last := b.fn(tAlloc, nil, 0x20, 0)
		for range n - 1 {
			last = b.fn(tAlloc, nil, cat([]byte{0x20, 0, 0x10}, u(last))...)
		}
		b.export("run", KindFunc, last)
		return b
	}
	f("chain of 16", chain(16), 0, nil)
	f("chain of 1,800", chain(1800), 0, nil)
	f("chain of 1,900", chain(1900), 0, errStack)
}

// A block is charged when it is executed, in proportion to its instructions.
func TestProportion(t *testing.T) {
	b := newBuilder()
	// Counts down from the parameter; the odd ones run 100 more instructions.
	code := cat([]byte{0x03, 0x40, 0x20, 0, 0x41, 1, 0x71, 0x04, 0x40}, rep(50, 0x41, 0, 0x1a),
		[]byte{0x0b, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 0})
	b.run("run", tAlloc, nil, code...)
	out := mustRewrite(t, b.bytes())
	for _, e := range engines(t) {
		g := e.start(t, out)
		spent := func(n uint64) int64 {
			before := g.spent()
			if _, err := g.call("run", n); err != nil {
				t.Fatal(err)
			}
			return g.spent() - before
		}
		one, two, thousand := spent(1), spent(2), spent(1000)
		const even = 1 + 3 + 1 + 4 + 1
		if two-one != even {
			t.Errorf("%s: an even round costs %d, want %d", e.name, two-one, even)
		}
		if odd := spent(3) - two; odd != even+100 {
			t.Errorf("%s: an odd round costs %d, want %d", e.name, odd, even+100)
		}
		if want := two + 499*(2*even+100); thousand != want {
			t.Errorf("%s: 1000 rounds cost %d, want %d", e.name, thousand, want)
		}
	}
}

// What a branch jumps over isn't charged, whatever blocks it leaves.
func TestJumpedOver(t *testing.T) {
	f := func(name string, code ...byte) {
		t.Helper()
		out := mustRewrite(t, newBuilder().run("run", tAlloc, nil, cat(code, []byte{0x20, 0})...).bytes())
		for _, e := range engines(t) {
			g := e.start(t, out)
			var spent []int64
			for _, arg := range []uint64{1, 0} { // 1 jumps
				before := g.spent()
				if _, err := g.call("run", arg); err != nil {
					t.Fatal(err)
				}
				spent = append(spent, g.spent()-before)
			}
			if got := spent[1] - spent[0]; got != 100 {
				t.Errorf("%s, %s: 100 instructions cost %d", name, e.name, got)
			}
		}
	}
	hundred := rep(50, 0x41, 0, 0x1a)
	jump := func(label byte) []byte { return []byte{0x20, 0, 0x0d, label} }
	f("out of its block", cat([]byte{0x02, 0x40}, jump(0), hundred, []byte{0x0b})...)
	f("out of two blocks", cat([]byte{0x02, 0x40, 0x02, 0x40}, jump(1), []byte{0x0b}, hundred, []byte{0x0b})...)
	f("out of two targeted blocks", cat([]byte{0x02, 0x40, 0x02, 0x40, 0x41, 0, 0x0d, 0}, jump(1), []byte{0x0b}, hundred, []byte{0x0b})...)
	f("out of a loop", cat([]byte{0x02, 0x40, 0x03, 0x40}, jump(1), []byte{0x0b}, hundred, []byte{0x0b})...)
	f("out of an if", cat([]byte{0x02, 0x40, 0x41, 1, 0x04, 0x40}, jump(1), []byte{0x0b}, hundred, []byte{0x0b})...)
}

// Bulk instructions are charged by size before they run.
func TestSizes(t *testing.T) {
	b := newBuilder()
	b.memory = [][]byte{{0, 100}}
	b.tables = [][]byte{cat([]byte{0x70, 0}, u(60_000))}
	b.counted, b.data = true, [][]byte{cat([]byte{1}, u(64_000), make([]byte, 64_000))}
	b.elems = [][]byte{cat([]byte{5, 0x70}, u(20_000), rep(20_000, 0xd0, 0x70, 0x0b))}
	three := func(code ...byte) []byte { return cat([]byte{0x41, 0, 0x41, 0, 0x20, 0}, code, []byte{0x20, 0}) }
	b.run("fill", tAlloc, nil, three(0xfc, 11, 0)...)
	b.run("copy", tAlloc, nil, three(0xfc, 10, 0, 0)...)
	b.run("init", tAlloc, nil, three(0xfc, 8, 0, 0)...)
	b.run("table.copy", tAlloc, nil, three(0xfc, 14, 0, 0)...)
	b.run("table.init", tAlloc, nil, three(0xfc, 12, 0, 0)...)
	b.run("table.fill", tAlloc, nil, 0x41, 0, 0xd0, 0x70, 0x20, 0, 0xfc, 17, 0, 0x20, 0)
	b.run("grow", tAlloc, nil, 0x20, 0, 0x40, 0)
	out := mustRewrite(t, b.bytes())
	for _, e := range engines(t) {
		f := func(name string, n uint64, atLeast int64, trap string) {
			t.Helper()
			g := e.start(t, out)
			if _, err := g.call(name, 0); err != nil {
				t.Fatal(err)
			}
			base := g.spent()
			_, err := g.call(name, n)
			if trap == "" && err != nil || trap != "" && (err == nil || !strings.Contains(err.Error(), trap)) {
				t.Errorf("%s: %s %d: got %v, want %q", e.name, name, n, err, trap)
			}
			if got := g.spent() - 2*base; got < atLeast || got > 2*atLeast+slice/2 {
				t.Errorf("%s: %s %d cost %d, want %d", e.name, name, n, got, atLeast)
			}
		}
		f("fill", 6_000_000, 6_000_000>>bytesFree, "")
		f("copy", 6_000_000, 6_000_000>>bytesFree, "")
		f("init", 64_000, 64_000>>bytesFree, "")
		f("table.copy", 60_000, 60_000, "")
		f("table.init", 20_000, 20_000, "")
		f("table.fill", 60_000, 60_000, "")
		f("grow", 10, 10*costPage, "")
		// What can't be done costs no more than the attempt.
		f("grow", 0xffffffff, 0, "")
		f("fill", 0xffffffff, 0, "out of bounds memory access")
		f("copy", 0x7fffffff, 0, "out of bounds memory access")
		f("table.fill", 0x7fffffff, 0, "invalid table access")
	}
}

// A host function's charge is seen, in a function that keeps the fuel in a
// local too.
func TestHostCharge(t *testing.T) {
	b := newBuilder()
	b.imp("sluice", "log", tLog)
	call := []byte{0x41, 0, 0x41, 0, 0x41, 0, 0x10, 0}
	b.run("straight", tVoid, nil, call...)
	b.run("loop", tAlloc, nil, cat([]byte{0x03, 0x40}, call, []byte{0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x20, 0})...)
	out := mustRewrite(t, b.bytes())
	for _, e := range engines(t) {
		g := e.start(t, out)
		for _, c := range []struct {
			name  string
			args  []uint64
			calls int64
		}{{"straight", nil, 1}, {"loop", []uint64{7}, 7}} {
			g.tank.logPrice = 0
			before := g.spent()
			if _, err := g.call(c.name, c.args...); err != nil {
				t.Fatal(err)
			}
			free := g.spent() - before
			g.tank.logPrice = 5000
			before = g.spent()
			if _, err := g.call(c.name, c.args...); err != nil {
				t.Fatal(err)
			}
			if got := g.spent() - before; got != free+c.calls*5000 {
				t.Errorf("%s: %s cost %d, want %d", e.name, c.name, got, free+c.calls*5000)
			}
		}
	}
}
