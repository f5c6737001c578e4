package meter

import (
	"bytes"
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
	f.Fuzz(func(t *testing.T, wasm []byte) {
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
	})
}
