package meter

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kitchenNames is a name section as section bytes.
func kitchenNames() []byte {
	names := vec(cat(u(0), str("log")), cat(u(1), str("first")), cat(u(2), str("bad\x00\xff\u00e9")))
	return section(secCustom, cat(str("name"), []byte{0}, u(4), str("mod"), []byte{1}, u(len(names)), names))
}

// kitchenSink is a module with something in each section.
func kitchenSink() []byte {
	b := newBuilder()
	b.imp("sluice", "log", tLog)
	b.tables = [][]byte{{0x70, 1, 4, 9}}
	b.memory = [][]byte{{1, 1, 0x80, 0x80, 4}}
	b.globals = [][]byte{{0x7f, 1, 0x41, 5, 0x0b}, {0x70, 0, 0xd2, 1, 0x0b}}
	b.counted = true
	b.data = [][]byte{cat([]byte{0, 0x41, 8, 0x0b}, str("abc")), cat([]byte{1}, str("def"))}
	first := b.fn(tI32, nil, 0x41, 7)
	second := b.fn(tI32, nil, 0x41, 9)
	b.elems = [][]byte{{0, 0x41, 0, 0x0b, 2, byte(first), byte(second)}, {1, 0, 1, byte(second)},
		{5, 0x70, 1, 0xd2, byte(first), 0x0b}, {3, 0, 1, byte(first)}}
	b.run("direct", tI32, nil, 0x10, byte(first), 0x10, byte(second), 0x6a)
	b.run("indirect", tI32, nil, 0x41, 1, 0x11, tI32, 0)
	b.run("reference", tI32, nil, 0x41, 3, 0xd2, byte(second), 0x26, 0, 0x41, 3, 0x11, tI32, 0)
	b.run("global", tI32, nil, 0x41, 3, 0x23, 1, 0x26, 0, 0x41, 3, 0x11, tI32, 0)
	b.run("init", tI32, nil, 0x41, 2, 0x41, 0, 0x41, 1, 0xfc, 12, 2, 0, 0x41, 2, 0x11, tI32, 0)
	b.run("data", tI32, nil, 0x41, 16, 0x41, 0, 0x41, 3, 0xfc, 8, 1, 0, 0x41, 16, 0x28, 0, 0)
	return append(b.bytes(), kitchenNames()...)
}

func TestRemapping(t *testing.T) {
	in := kitchenSink()
	nameless := in[:len(in)-len(kitchenNames())] // wazero refuses names that aren't UTF-8
	out, info, err := Rewrite(in, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{"direct": 16, "indirect": 9, "reference": 9, "global": 7, "init": 7, "data": 0x666564}
	for _, e := range engines(t) {
		plain, metered := e.start(t, nameless), e.start(t, out)
		for name, n := range want {
			for _, g := range []*guest{plain, metered} {
				if got, err := g.call(name); err != nil || got[0] != n {
					t.Errorf("%s: %s is %v, %v, want %d", e.name, name, got, err, n)
				}
			}
		}
	}
	if info.MemoryMaxPages != 1024 || info.MemoryMinPages != 1 {
		t.Errorf("memory is %d to %d pages, want 1 to 1024", info.MemoryMinPages, info.MemoryMaxPages)
	}
	got := *info
	got.Exports = got.Exports[6:9]
	for i := range got.Exports {
		got.Exports[i].index = 0
	}
	wantInfo := Info{
		Imports: []Import{{"sluice", "log", Signature{Params: []ValueType{I32, I32, I32}, Results: []ValueType{}}}},
		Exports: []Export{
			{Name: "memory", Kind: KindMemory},
			{Name: "sluice_v1_alloc", Signature: Signature{[]ValueType{I32}, []ValueType{I32}}},
			{Name: "sluice_v1_open", Signature: Signature{[]ValueType{I32, I32}, []ValueType{I64}}},
		},
		MemoryMinPages: 1, MemoryMaxPages: 1024, TableEntries: 4, Functions: 11, Globals: 2, DataSegments: 2, NamedFunctions: 3,
	}
	if diff := cmp.Diff(wantInfo, got, cmp.AllowUnexported(Export{})); diff != "" {
		t.Error(diff)
	}
}

// Several tables are the module's own affair: each instruction finds its own one,
// on both engines, for the same fuel.
func TestTables(t *testing.T) {
	b := newBuilder()
	b.tables = [][]byte{{0x70, 0, 3}, {0x70, 1, 2, 2}, {0x6f, 0, 5}}
	seven := b.fn(tI32, nil, 0x41, 7)
	b.fn(tI32, nil, 0x41, 9)
	b.elems = [][]byte{cat([]byte{2, 1, 0x41, 0, 0x0b, 0, 2}, u(seven), u(seven+1)), cat([]byte{1, 0, 1}, u(seven))}
	call := func(table, entry byte) []byte { return []byte{0x41, entry, 0x11, tI32, table} }
	add := []byte{0x6a}
	b.run("run", tI32, nil, cat(
		[]byte{0x41, 1, 0x41, 0, 0x41, 2, 0xfc, 14, 0, 1}, // table.copy: 1 and 2 of the first are the second
		[]byte{0x41, 0, 0x41, 0, 0x41, 1, 0xfc, 12, 1, 0}, // table.init: 0 of the first is seven
		call(1, 0), call(1, 1), add, call(0, 0), add, call(0, 2), add,
		[]byte{0xfc, 16, 0}, add, []byte{0xfc, 16, 1}, add, []byte{0xfc, 16, 2}, add, // table.size
		[]byte{0x41, 4, 0x25, 2, 0xd1}, add)...) // table.get, ref.is_null
	b.run("behind", tI32, nil, call(1, 2)...)
	out, info, err := Rewrite(b.bytes(), DefaultLimits())
	if err != nil || info.TableEntries != 10 {
		t.Fatalf("%+v, %v", info, err)
	}
	var spent []int64
	for _, e := range engines(t) {
		g := e.start(t, out)
		if got, err := g.call("run"); err != nil || got[0] != 7+9+7+9+3+2+5+1 {
			t.Errorf("%s: %v, %v", e.name, got, err)
		}
		spent = append(spent, g.spent())
		if _, err := g.call("behind"); err == nil {
			t.Errorf("%s: an entry behind the second table's end was called", e.name)
		}
	}
	if spent[0] != spent[1] {
		t.Errorf("fuel is %d compiled and %d interpreted", spent[0], spent[1])
	}
}

func TestMemoryMaximum(t *testing.T) {
	f := func(memory []byte, wantMin, wantMax int) {
		t.Helper()
		b := newBuilder()
		b.memory = [][]byte{memory}
		b.run("grow", tAlloc, nil, 0x20, 0, 0x40, 0)
		out, info, err := Rewrite(b.bytes(), DefaultLimits())
		if err != nil || info.MemoryMinPages != wantMin || info.MemoryMaxPages != wantMax {
			t.Fatalf("got %+v, %v", info, err)
		}
		for _, e := range engines(t) {
			g := e.start(t, out)
			if got, err := g.call("grow", uint64(wantMax-wantMin)); err != nil || int(got[0]) != wantMin {
				t.Errorf("%s: growing to the maximum gives %v, %v", e.name, got, err)
			}
			if got, err := g.call("grow", 1); err != nil || int32(got[0]) != -1 {
				t.Errorf("%s: growing over the maximum gives %v, %v", e.name, got, err)
			}
		}
	}
	f([]byte{0, 1}, 1, 1024)
	f([]byte{1, 0, 20}, 0, 20)
	f([]byte{1, 1, 0x80, 0x80, 4}, 1, 1024)
}

func TestNames(t *testing.T) {
	// decode gives index=name of the rebuilt section.
	decode := func(m *module) map[uint32]string {
		payload, _ := m.nameMap()
		c := &cursor{buf: payload, what: "test"}
		if c.name(10) != "name" || c.u8() != 1 || int(c.u32()) != c.left() {
			t.Fatalf("bad section % x", payload)
		}
		got := make(map[uint32]string)
		for n := c.u32(); n > 0; n-- {
			i := c.u32()
			got[i] = c.name(1000)
		}
		if err := c.done(); err != nil {
			t.Fatal(err)
		}
		return got
	}
	// The functions that are added have names whatever the guest's have.
	f := func(names []byte, want map[uint32]string) {
		t.Helper()
		m := &module{imports: make([]Import, 1), funcs: make([]uint32, 3), name: names}
		want = maps.Clone(want)
		want[1], want[5] = "sluice_meter.refill", "sluice_meter.settle"
		if diff := cmp.Diff(want, decode(m)); diff != "" {
			t.Error(diff)
		}
	}
	sub := func(items ...[]byte) []byte { body := vec(items...); return cat([]byte{1}, u(len(body)), body) }
	item := func(i int, s string) []byte { return cat(u(i), str(s)) }
	none := map[uint32]string{}

	f(nil, none)
	f(sub(), none)
	f(sub(item(0, "log"), item(1, "a"), item(3, "c")), map[uint32]string{0: "log", 2: "a", 4: "c"})
	f(sub(item(2, "b\n\x01\xffé")), map[uint32]string{3: "b???é"})
	f(sub(item(1, string(rep(300, 'x')))), map[uint32]string{2: string(rep(256, 'x'))})
	f(sub(item(1, string(rep(200, 0xc3, 0xa9)))), map[uint32]string{2: string(rep(128, 0xc3, 0xa9))})
	f(sub(item(2, "b"), item(1, "a")), map[uint32]string{3: "b"})
	f(sub(item(4, "beyond")), none)
	f(cat([]byte{0}, u(2), str("m"), sub(item(1, "a"))), map[uint32]string{2: "a"})
	// 2^32-1 names, and a length of 2^32-1 for one.
	f([]byte{1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f}, none)
	f(cat([]byte{1, 10}, u(2), item(1, "a"), u(2), []byte{0xff, 0xff, 0xff, 0xff, 0x0f}), map[uint32]string{2: "a"})
	f([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f}, none)
}

func TestNamesBounded(t *testing.T) {
	var items [][]byte
	for i := range 20_000 {
		items = append(items, cat(u(i), str(string(rep(300, 'n')))))
	}
	body := vec(items...)
	m := &module{funcs: make([]uint32, 20_000), name: cat([]byte{1}, u(len(body)), body)}
	payload, named := m.nameMap()
	if len(payload) > maxNameBytes+64 || named < 3000 {
		t.Errorf("%d names in %d bytes", named, len(payload))
	}
}
