package meter

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/engine/fault"
)

// header is the start of every module.
const header = "\x00asm\x01\x00\x00\x00"

func TestRefuse(t *testing.T) {
	f := func(name string, module []byte, want string) {
		t.Helper()
		start := time.Now()
		out, info, err := Rewrite(module, DefaultLimits())
		if out != nil || info != nil || err == nil {
			t.Errorf("%s: accepted, want %q", name, want)
			return
		}
		e, ok := err.(*fault.Error)
		if !ok || e.Code != fault.PluginInvalid || e.Message != want {
			t.Errorf("%s:\n got %v\nwant %s", name, err, want)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
	}
	build := func(change func(b *builder)) []byte {
		b := newBuilder()
		change(b)
		return b.bytes()
	}
	code := func(code ...byte) []byte {
		return build(func(b *builder) { b.fn(tVoid, nil, code...) })
	}
	raw := func(sections ...[]byte) []byte { return append([]byte(header), cat(sections...)...) }
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f} // 2^32-1

	// The file.
	f("empty", nil, "not a WebAssembly module; upload the .wasm file that the compiler wrote")
	f("text", []byte("(module)"), "not a WebAssembly module; upload the .wasm file that the compiler wrote")
	f("magic only", []byte("\x00asm"), "module: the module ends too early; upload the whole file")
	f("component", []byte("\x00asm\x0d\x00\x01\x00"), "WebAssembly binary version 65549 is not supported; build a core module (version 1), not a component")
	f("too large", make([]byte, 8<<20+1), "module: 8388609 bytes are over the limit of 8388608 (--plugin-max-module-bytes); strip it or leave out dependencies (Go: -ldflags=-s)")
	f("nothing in it", []byte(header), "export: the memory must be exported under the name memory")
	f("half a module", newBuilder().bytes()[:60], "module: declares 3 bytes in a section, more than its 2 bytes can hold")
	f("section 13", raw([]byte{13, 0}), "module: section id 13 is unknown; build for WebAssembly 2.0 without proposals")
	f("order", raw(section(secFunction, u(0)), section(secType, u(0))), "module: the type section is doubled or out of order")
	f("twice", raw(section(secType, u(0)), section(secType, u(0))), "module: the type section is doubled or out of order")
	f("rest in section", raw(section(secType, []byte{0, 0})), "type section: 1 bytes too many at its end")
	f("start", raw(section(secStart, u(0))), "start section: a start function would run before it can be metered; export _initialize instead")
	f("custom without name", raw(section(secCustom, nil)), "custom section: the module ends too early; upload the whole file")

	// Counts that only claim to be.
	for id, noun := range map[byte]string{secType: "types", secImport: "imports", secFunction: "functions", secTable: "tables",
		secMemory: "memories", secGlobal: "globals", secExport: "exports", secElement: "element segments", secCode: "function bodies", secData: "data segments"} {
		f("2^32-1 "+noun, raw(section(id, huge)), sectionNames[id]+" section: declares 4294967295 "+noun+", more than its 0 bytes can hold")
	}
	f("2^32-1 bytes", raw([]byte{1}, huge), "module: declares 4294967295 bytes in a section, more than its 0 bytes can hold")
	f("2^32-1 locals", build(func(b *builder) { b.fn(tVoid, cat(u(1), huge, []byte{0x7f})) }), "function 0: 4294967295 locals are over the limit of 20000; split the function up")
	f("2^33 locals", build(func(b *builder) { b.fn(tVoid, cat(u(3), rep(3, cat(huge, []byte{0x7f})...))) }), "function 0: 4294967295 locals are over the limit of 20000; split the function up")
	f("2^32-1 groups of locals", build(func(b *builder) { b.fn(tVoid, huge) }), "function 0: declares 4294967295 groups of locals, more than its 1 bytes can hold")
	f("2^32-1 targets", code(cat([]byte{0x41, 0, 0x0e}, huge)...), "function 0: declares 4294967295 branch targets, more than its 1 bytes can hold")
	f("2^32-1 parameters", raw(section(secType, cat([]byte{1, 0x60}, huge))), "type section: declares 4294967295 parameters, more than its 0 bytes can hold")
	f("number too long", raw([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x1f}), "module: a number does not fit 32 bits")
	f("number endless", raw([]byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}), "module: a number does not fit 32 bits")
	f("i32 too long", code(0x41, 0xff, 0xff, 0xff, 0xff, 0x17, 0x1a), "function 0: a number does not fit 32 bits")
	f("i64 too long", code(0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x1a), "function 0: a number does not fit 64 bits")

	// Caps.
	f("1,000-ary type", build(func(b *builder) { b.types = append(b.types, cat([]byte{0x60}, u(1000), rep(1000, 0x7f), u(0))) }), "type section: 1000 parameters are over the limit of 128")
	f("129 results", build(func(b *builder) { b.types = append(b.types, cat([]byte{0x60}, u(0), u(129), rep(129, 0x7f))) }), "type section: 129 results are over the limit of 128")
	f("60,000 functions", build(func(b *builder) {
		for range 60_000 {
			b.fn(tVoid, nil)
		}
	}), "function section: 60003 functions are over the limit of 50000")
	f("1,000,000 blocks", code(cat(rep(300_000, 0x02, 0x40), rep(300_000, 0x0b))...), "function 0: blocks are nested deeper than 10000; split the function up")
	f("large body", code(rep(1<<20, 0x01)...), "code section: function 0 has 1048578 bytes, over the limit of 1048576; split it up")
	f("large br_table", code(cat([]byte{0x41, 0, 0x0e}, u(20_001), make([]byte, 20_002))...), "function 0: 20001 branch targets are over the limit of 20000")
	f("second memory", build(func(b *builder) { b.memory = append(b.memory, []byte{0, 1}) }), "memory section: 2 memories are over the limit of 1")
	f("17 tables", build(func(b *builder) { b.tables = slices.Repeat([][]byte{{0x70, 0, 1}}, 17) }), "table section: 17 tables are over the limit of 16")
	f("large tables together", build(func(b *builder) { b.tables = slices.Repeat([][]byte{cat([]byte{0x70, 0}, u(30_000))}, 3) }),
		"table section: 90000 table entries are over the limit of 65536")
	f("large table", build(func(b *builder) { b.tables = [][]byte{cat([]byte{0x70, 0}, u(65_537))} }), "table section: 65537 table entries are over the limit of 65536")
	f("large memory", build(func(b *builder) { b.memory = [][]byte{cat([]byte{0}, u(1025))} }), "memory section: starts with 1025 pages of memory, over the limit of 1024 (--plugin-memory); lower the initial memory")
	f("memory over 4 GiB", build(func(b *builder) { b.memory = [][]byte{cat([]byte{0}, u(65_537))} }), "memory section: more than 65536 pages of memory")
	f("falling memory", build(func(b *builder) { b.memory = [][]byte{{1, 2, 1}} }), "memory section: the maximum of 1 pages is below the minimum of 2")
	f("shared memory", build(func(b *builder) { b.memory = [][]byte{{3, 1, 1}} }), "memory section: limit flags 0x03; build without shared or 64-bit memory")
	f("64-bit memory", build(func(b *builder) { b.memory = [][]byte{{4, 1}} }), "memory section: limit flags 0x04; build without shared or 64-bit memory")

	// Imports and exports.
	imp := func(module, name string, typ int) []byte {
		return build(func(b *builder) { b.imp(module, name, typ) })
	}
	f("path_open", imp("wasi_snapshot_preview1", "path_open", tVoid), "import wasi_snapshot_preview1.path_open is not allowed; plugins have no files, so remove what opens them")
	f("sock_send", imp("wasi_snapshot_preview1", "sock_send", tVoid), "import wasi_snapshot_preview1.sock_send is not allowed; plugins have no network, so remove what uses it")
	f("abort", imp("env", "abort", tVoid), "import env.abort is not allowed; build AssemblyScript with --use abort=")
	f("gojs", imp("gojs", "runtime.ticks", tVoid), "import gojs.runtime.ticks is not allowed; build with GOOS=wasip1 GOARCH=wasm -buildmode=c-shared")
	f("foreign", imp("env", "\x1b[2J\xc3\xa4", tVoid), `import env.\x1b[2Jä is not allowed; only sluice.log and basic wasi_snapshot_preview1 functions are`)
	f("refill", imp(ImportModule, ImportRefill, tVoid), "import sluice_meter.refill is not allowed; only sluice.log and basic wasi_snapshot_preview1 functions are")
	f("sluice.fuel", imp("sluice", "fuel", tVoid), "import sluice.fuel is not allowed; the only function of that module is log")
	f("log's type", imp("sluice", "log", tVoid), "import sluice.log has type () -> (); it must be (i32, i32, i32) -> ()")
	f("fd_write's type", imp("wasi_snapshot_preview1", "fd_write", tLog), "import wasi_snapshot_preview1.fd_write has type (i32, i32, i32) -> (); it must be (i32, i32, i32, i32) -> (i32)")
	for kind, rest := range map[byte]string{1: "\x70\x00\x01", 2: "\x00\x01", 3: "\x7f\x00"} {
		f("no function", raw(section(secImport, vec(cat(str("env"), str("x"), []byte{kind}, []byte(rest))))), "import section: env.x is no function; define memory, tables and globals in the module itself")
	}
	f("bad name", raw(section(secImport, vec([]byte("\x01\xff\x01a\x00\x00")))), "import section: a name is not valid UTF-8")
	f("long name", build(func(b *builder) { b.export(strings.Repeat("x", 1025), KindFunc, 0) }), "export section: 1025 name bytes are over the limit of 1024")
	f("_start", build(func(b *builder) { b.run("_start", tVoid, nil) }), "export: _start makes it a command; build a library that exports _initialize (Go: -buildmode=c-shared, AssemblyScript: --exportStart _initialize)")
	f("named like the meter", build(func(b *builder) {
		b.globals = [][]byte{{0x7e, 1, 0x42, 0, 0x0b}}
		b.export(GlobalMeter, KindGlobal, 0)
	}), "export: sluice_meter is not part of the ABI; names that start with sluice are reserved")
	f("sluice_v2_open", build(func(b *builder) { b.run("sluice_v2_open", tVoid, nil) }), "export: sluice_v2_open is not part of the ABI; names that start with sluice are reserved")
	f("exported twice", build(func(b *builder) { b.run("a", tVoid, nil).run("a", tVoid, nil) }), "export section: a is exported twice")
	f("_initialize's type", build(func(b *builder) { b.run("_initialize", tI32, nil, 0x41, 0) }), "export: _initialize has type () -> (i32); it must be () -> ()")
	f("describe's kind", build(func(b *builder) { b.export("sluice_v1_describe", KindMemory, 0) }), "export: sluice_v1_describe is a memory; it must be a function of type () -> (i64)")
	abi := func(from, to string) []byte { return bytes.Replace(newBuilder().bytes(), []byte(from), []byte(to), 1) }
	f("no process", abi("sluice_v1_process", "ssuice_v1_process"), "export: sluice_v1_process is missing; export it with type (i32) -> (i32)")
	f("no open", abi("sluice_v1_open", "ssuice_v1_open"), "export: sluice_v1_open is missing; export it with type (i32, i32) -> (i64)")
	f("no alloc", abi("sluice_v1_alloc", "ssuice_v1_alloc"), "export: sluice_v1_alloc is missing; export it with type (i32) -> (i32)")
	f("no memory", abi("memory", "memori"), "export: the memory must be exported under the name memory")
	f("memory is a function", abi("memory\x02", "memory\x00"), "export: the memory must be exported under the name memory")
	f("an import as alloc", build(func(b *builder) {
		b.imp("wasi_snapshot_preview1", "sched_yield", tI32)
		b.types[tAlloc] = b.types[tI32]
	}), "export: sluice_v1_alloc has type () -> (i32); it must be (i32) -> (i32)")

	// Indices that would become right once the rewriter has added its own.
	f("read the meter", code(0x23, 0, 0x1a), "function 0: names global 0 of 0")
	f("write the meter", code(0x42, 0, 0x24, 0), "function 0: names global 0 of 0")
	f("call behind the end", code(0x10, 4), "function 0: calls function 4 of 4")
	f("refer behind the end", code(0xd2, 4, 0x1a), "function 0: refers to function 4 of 4")
	f("export behind the end", build(func(b *builder) { b.export("x", KindFunc, 3) }), "export section: x is function 3 of 3")
	f("export the meter", build(func(b *builder) { b.export("x", KindGlobal, 0) }), "export section: x is global 0 of 0")
	f("export a table", build(func(b *builder) { b.export("x", KindTable, 0) }), "export section: x is table 0 of 0")
	f("export of kind 4", build(func(b *builder) { b.export("x", 4, 0) }), "export section: x is of unknown kind 0x04")
	f("element behind the end", build(func(b *builder) {
		b.tables = [][]byte{{0x70, 0, 1}}
		b.elems = [][]byte{{0, 0x41, 0, 0x0b, 1, 3}}
	}), "element section: names function 3 of 3")
	f("many elements", build(func(b *builder) {
		b.elems = [][]byte{cat([]byte{1, 0}, u(150_000), make([]byte, 150_000)), cat([]byte{1, 0}, u(60_000), make([]byte, 60_000))}
	}), "element section: 60000 elements are over the limit of 50000")
	f("initialiser behind the end", build(func(b *builder) { b.globals = [][]byte{{0x70, 0, 0xd2, 3, 0x0b}} }), "global section: names function 3 of 3")
	f("initialiser reads a global", build(func(b *builder) { b.globals = [][]byte{{0x7f, 0, 0x23, 0, 0x0b}} }), "global section: an initialiser reads a global; use a constant")
	f("long initialiser", build(func(b *builder) { b.globals = [][]byte{{0x7f, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b}} }), "global section: an initialiser has more than one instruction; build without the extended-const proposal")
	f("function's type", build(func(b *builder) { b.fn(tCount, nil) }), "function section: function 0 has type 8 of 8")
	f("block's type", code(0x02, tCount, 0x0b), "function 0: a block has type 8 of 8")
	f("block's negative type", code(0x02, 0x60, 0x0b), "function 0: a block has type -32 of 8")
	f("indirect call's type", build(func(b *builder) {
		b.tables = [][]byte{{0x70, 0, 1}}
		b.fn(tVoid, nil, 0x41, 0, 0x11, tCount, 0)
	}), "function 0: an indirect call has type 8 of 8")
	f("indirect call's table", code(0x41, 0, 0x11, 0, 0), "function 0: names table 0 of 0")
	f("local", build(func(b *builder) { b.fn(tVoid, []byte{1, 1, 0x7f}, 0x20, 1, 0x1a) }), "function 0: names local 1 of 1")
	f("label", code(0x02, 0x40, 0x0c, 2, 0x0b), "function 0: a branch goes to label 2 of 2")
	f("label in a table", code(0x41, 0, 0x0e, 1, 0, 7), "function 0: a branch goes to label 7 of 1")
	f("data segment", code(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0), "function 0: names data segment 0 of 0 in the data count section")
	f("element segment", code(0xfc, 13, 0), "function 0: names element segment 0 of 0")

	// Code.
	f("table.grow", build(func(b *builder) {
		b.tables = [][]byte{{0x70, 0, 1}}
		b.fn(tVoid, nil, 0xd0, 0x70, 0x41, 1, 0xfc, 15, 0, 0x1a)
	}), "function 0: table.grow is not allowed; give the table its final size")
	f("atomics", code(0xfe, 0, 2, 0), "function 0: unknown instruction 0xfe; build for WebAssembly 2.0 without proposals")
	f("tail call", code(0x12, 0), "function 0: unknown instruction 0x12; build for WebAssembly 2.0 without proposals")
	f("relaxed SIMD", code(0xfd, 0x80, 2), "function 0: unknown vector instruction 256; build without the relaxed-simd proposal")
	f("reserved SIMD", code(0xfd, 0x9a, 1), "function 0: unknown vector instruction 154; build without the relaxed-simd proposal")
	f("0xfc 18", code(0xfc, 18), "function 0: unknown instruction 0xfc 18; build for WebAssembly 2.0 without proposals")
	f("no end", code(0x02, 0x40), "function 0: the module ends too early; upload the whole file")
	f("code behind the end", code(0x0b, 0x01), "function 0: 2 bytes too many at its end")
	f("else without if", code(0x05), "function 0: an else without if")
	f("second else", code(0x41, 0, 0x04, 0x40, 0x05, 0x05, 0x0b), "function 0: an else without if")
	f("too few operands", code(0x1a), "function 0: an instruction takes more operands than there are")
	f("operands of the outer block", code(0x41, 0, 0x02, 0x40, 0x1a, 0x0b), "function 0: an instruction takes more operands than there are")
	f("operands left over", code(0x41, 0), "function 0: a block leaves 1 operands where its type says 0")
	f("missing result", code(0x02, 0x7f, 0x0b, 0x1a), "function 0: a block leaves 0 operands where its type says 1")
	f("too few bodies", raw(section(secType, vec([]byte("\x60\x00\x00"))), section(secFunction, []byte{1, 0})), "module: declares 1 functions but has 0 bodies")
	f("wrong data count", raw(section(secDataCount, u(3))), "module: the data count section says 3 segments, the data section has 0")
	f("memory 1", code(0x3f, 1, 0x1a), "function 0: names memory 1; only one memory is supported")
	f("multi-memory", code(0x41, 0, 0x28, 0x42, 0, 0, 0x1a), "function 0: alignment 2^66 is too large")
}

func TestRefuseGrowing(t *testing.T) {
	lim := DefaultLimits()
	lim.MaxOutputBytes = 2000
	b := newBuilder()
	b.fn(tVoid, nil, rep(200, 0x03, 0x40, 0x0b)...)
	_, _, err := Rewrite(b.bytes(), lim)
	const want = "plugin_invalid: module: it grows to over 2000 bytes when metered; leave out dependencies"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Every prefix of a module is refused, and none makes the parser panic.
func TestRefuseTruncated(t *testing.T) {
	whole := kitchenSink()
	if _, _, err := Rewrite(whole, DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, _, err := Rewrite(whole[:n], DefaultLimits()); err == nil && n < len(whole)-len(kitchenNames()) {
			t.Errorf("a prefix of %d bytes is accepted", n)
		}
	}
}
