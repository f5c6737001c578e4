package meter

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// withoutCustom drops custom sections, which wazero refuses for reasons that
// don't concern us.
func withoutCustom(wasm []byte) []byte {
	out := append([]byte(nil), wasm[:8]...)
	c := &cursor{buf: wasm, pos: 8}
	for c.left() > 0 {
		start := c.pos
		id := c.u8()
		c.take(int(c.u32()))
		if id != secCustom {
			out = append(out, wasm[start:c.pos]...)
		}
	}
	return out
}

// Any bytes are refused, or rewritten in the same way twice to a module that
// wazero accepts if and only if it accepts the original.
func FuzzRewrite(f *testing.F) {
	f.Add(newBuilder().bytes())
	f.Add(kitchenSink())
	for seed := range uint64(8) {
		f.Add(generate(seed))
	}
	f.Add(newBuilder().run("v", tVoid, nil, cat([]byte{0xfd, 12}, make([]byte, 16), []byte{0xfd, 0x53, 0x1a})...).bytes())
	f.Fuzz(checkRewrite)
}

// FuzzBody has its input as the code of one function in a module that has
// something to use in each index space.
func FuzzBody(f *testing.F) {
	for seed := range uint64(8) {
		g := &generator{r: rand.New(rand.NewPCG(seed, 2))}
		g.block(0x02, 0x40)
		g.expr(3)
		f.Add(g.code)
	}
	f.Add(cat([]byte{0xfd, 12}, make([]byte, 16), []byte{0xfd, 0x53}))
	f.Add([]byte{0x20, 0, 0x0f, 0x00, 0x03, tAlloc, 0x0c, 0, 0x0b})
	f.Add([]byte{0x20, 0, 0x10, 3, 0x1a, 0x0b})
	f.Fuzz(func(t *testing.T, code []byte) {
		b := newBuilder()
		b.imp("sluice", "log", tLog)
		b.tables = [][]byte{{0x70, 0, 4}}
		b.globals = [][]byte{{0x7f, 1, 0x41, 5, 0x0b}, {0x7e, 1, 0x42, 5, 0x0b}}
		b.counted, b.data = true, [][]byte{cat([]byte{1}, str("abc"))}
		b.elems = [][]byte{{1, 0, 1, 1}}
		b.run("run", tAlloc, []byte{2, 2, 0x7f, 1, 0x7b}, code...)
		checkRewrite(t, b.bytes())
	})
}

func checkRewrite(t *testing.T, wasm []byte) {
	lim := lax()
	lim.MaxMemoryPages = 1 << 10
	out, err := rewriteAny(wasm, lim)
	if err != nil {
		if out != nil {
			t.Fatalf("an error and a module: %v", err)
		}
		return
	}
	if again, err := rewriteAny(wasm, lim); err != nil || !bytes.Equal(out, again) {
		t.Fatalf("a second time: %v", err)
	}
	e := engines(t)[1]
	_, before := e.rt.CompileModule(t.Context(), withoutCustom(wasm))
	_, after := e.rt.CompileModule(t.Context(), out)
	if (before == nil) != (after == nil) {
		t.Fatalf("before rewriting %v, afterwards %v", before, after)
	}
}
