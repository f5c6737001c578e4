package plugins

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"sluice/engine/fault"
	"sluice/plugins/meter"
	"sluice/plugins/plugintest"
)

func TestCheckReports(t *testing.T) {
	b := box(t, nil)
	guest := plugintest.Guest{
		Answer:   `{"columns":["name","domain","website","industry","city","country","phone","custom.employees"]}`,
		Describe: "i64.const 0x90000000000f",
		Data:     []plugintest.Data{{At: 0x9000, Bytes: `{"name":"echo"}`}},
		Imports:  []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}},
		Init:     "i32.const 2 i32.const 0x9000 i32.const 15 call $log",
	}
	got, err := b.Check(context.Background(), guest.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Describe) != `{"name":"echo"}` || got.Rows != 16 || got.Answered != 16 || got.Problem != "" ||
		len(got.Columns) != 8 || got.Fuel <= 0 || got.NativeBytes == 0 || got.Functions != 5 || len(got.Log) == 0 || got.Log[0].Level != "warn" {
		t.Errorf("%+v", got)
	}

	// What goes wrong on made-up rows is reported, not refused.
	got, err = b.Check(context.Background(), plugintest.Guest{Answer: `{"error":"no Website"}`}.Bytes())
	if err != nil || got.Problem != "no Website" {
		t.Errorf("%+v %v", got, err)
	}
	got, err = b.Check(context.Background(), plugintest.Guest{Process: "unreachable"}.Bytes())
	if err != nil || !strings.HasPrefix(got.Problem, "the plugin trapped on more than 3 rows; ") {
		t.Errorf("%+v %v", got, err)
	}
}

func TestRefusedUploads(t *testing.T) {
	compiled := 0
	b := box(t, func(c *Config) { c.Events.Compiled = func(time.Duration, error) { compiled++ } })
	f := func(name string, wasm []byte, want string) {
		t.Helper()
		_, err := b.Check(context.Background(), wasm)
		if fault.CodeOf(err) != fault.PluginInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		before := compiled
		_, again := b.Check(context.Background(), wasm)
		if again == nil || problem(again) != problem(err) {
			t.Errorf("%s: the second time %v", name, again)
		}
		if compiled != before {
			t.Errorf("%s: the refusal was not remembered", name)
		}
	}
	header := "\x00asm\x01\x00\x00\x00"
	f("nothing", nil, "")
	f("text", []byte("hello"), "")
	f("a header", []byte(header), "")
	f("2^32-1 exports", []byte(header+"\x07\x05\xff\xff\xff\xff\x0f"), "")
	f("loop in _initialize", plugintest.Guest{Init: spin("")}.Bytes(), "_initialize does not end within 50000000 units of fuel")
	f("loop in describe", plugintest.Guest{Describe: spin("")}.Bytes(), "sluice_v1_describe does not end within 50000000 units of fuel")
	f("invalid types", plugintest.Guest{Process: "i64.const 1"}.Bytes(), "the module is not valid")
	f("start section", append(plugintest.Guest{}.Bytes(), 8, 1, 0), "")
	f("table.grow", plugintest.Guest{Table: 3, Init: "ref.func $process i32.const 1 table.grow drop"}.Bytes(), "")
	f("path_open", plugintest.Guest{Imports: []plugintest.Import{{Module: "wasi_snapshot_preview1", Name: "path_open", Params: "i32"}}}.Bytes(), "path_open")
	f("fuel global", plugintest.Guest{Globals: []plugintest.Global{{Type: "i64", Mutable: true, Export: "sluice_meter"}}}.Bytes(), "sluice_meter")
	f("refill", plugintest.Guest{Imports: []plugintest.Import{{Module: "sluice_meter", Name: "refill", Params: "i64 i32", Results: "i64"}}}.Bytes(), "sluice_meter")
	f("out-of-range global", plugintest.Guest{Process: "i64.const 9 global.set 1 i32.const 0"}.Bytes(), "")
	f("out-of-range function", plugintest.Guest{Process: "call 3 i32.const 0"}.Bytes(), "")
	f("memory over the limit", plugintest.Guest{Memory: 1025}.Bytes(), "")
}

func TestCompileBomb(t *testing.T) {
	compiled := 0
	b := box(t, func(c *Config) {
		c.ChildCPU = 2 * time.Second
		c.Events.Compiled = func(time.Duration, error) { compiled++ }
	})
	wasm := bomb(500, 500)
	began := time.Now()
	_, err := b.Check(context.Background(), wasm)
	if fault.CodeOf(err) != fault.PluginInvalid || !strings.Contains(err.Error(), "compiling the module takes more than 2s") {
		t.Fatalf("after %v: %v", time.Since(began), err)
	}
	t.Logf("%d bytes, refused after %v: %v", len(wasm), time.Since(began), err)
	if _, err := b.Check(context.Background(), wasm); fault.CodeOf(err) != fault.PluginInvalid || compiled != 1 {
		t.Errorf("compiled %d times: %v", compiled, err)
	}
	b.modules.compiler.cpu = testChildCPU
	if _, err := b.Check(context.Background(), plugintest.Guest{Names: true}.Bytes()); err != nil {
		t.Errorf("the next upload: %v", err)
	}
}

// bomb is a function of loops within loops, each of which changes every local: the
// compiler's work is about their product, squared.
func bomb(loops, locals int) []byte {
	var body strings.Builder
	for i := range loops {
		body.WriteString("loop void ")
		for j := range 2 {
			n := itoa((i*2+j)%locals + 1)
			body.WriteString("local.get " + n + " i32.const 1 i32.add local.set " + n + " ")
		}
	}
	for i := range loops {
		body.WriteString("local.get " + itoa(i%locals+1) + " br_if 0 end ")
	}
	body.WriteString("i32.const 0")
	return plugintest.Guest{Process: body.String(), Locals: strings.Repeat("i32 ", locals)}.Bytes()
}

func TestCacheIsAuthenticated(t *testing.T) {
	dir := t.TempDir()
	at := func(c *Config) { c.Dir = dir }
	wasm := plugintest.Guest{}.Bytes()
	run := func() (compiled int) {
		b := box(t, func(c *Config) {
			at(c)
			c.Events.Compiled = func(time.Duration, error) { compiled++ }
		})
		s := open(t, b, wasm, "a")
		if got, _, err := process(s, rowsOf([]string{"x"})); got != "0: 0\"x\"\n" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		return compiled
	}
	entryPath := func() string {
		files, _ := filepath.Glob(filepath.Join(dir, "cache", "*.plugin"))
		if len(files) != 1 {
			t.Fatalf("cache holds %v", files)
		}
		return files[0]
	}
	if n := run(); n != 1 {
		t.Fatalf("compiled %d times at first", n)
	}
	if n := run(); n != 0 {
		t.Errorf("compiled %d times with a good cache", n)
	}
	good, err := os.ReadFile(entryPath())
	if err != nil {
		t.Fatal(err)
	}
	damage := map[string]func() []byte{
		"native code": func() []byte { d := bytes.Clone(good); d[len(d)-200] ^= 1; return d },
		"head":        func() []byte { d := bytes.Clone(good); d[cacheHeader+3] ^= 1; return d },
		"lengths":     func() []byte { d := bytes.Clone(good); d[40] ^= 1; return d },
		"sum":         func() []byte { d := bytes.Clone(good); d[10] ^= 1; return d },
		"cut short":   func() []byte { return good[:len(good)/2] },
		"empty":       func() []byte { return nil },
	}
	for name, make := range damage {
		if err := os.WriteFile(entryPath(), make(), 0o600); err != nil {
			t.Fatal(err)
		}
		if n := run(); n != 1 {
			t.Errorf("%s: compiled %d times", name, n)
		}
	}

	// An entry of another module, signed by us, under this one's name.
	b := box(t, at)
	other := plugintest.Guest{Answer: `{"columns":["name"]}`}.Bytes()
	open(t, b, other, "a")
	c := b.modules.compiler.cache
	planted, err := os.ReadFile(c.path(Hash(other)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.path(Hash(wasm)), planted, 0o600); err != nil {
		t.Fatal(err)
	}
	if e := c.get(Hash(wasm)); e != nil {
		t.Error("the entry of another module was taken")
	}
	// Somebody else's key.
	if err := os.WriteFile(filepath.Join(dir, "cache", "key"), bytes.Repeat([]byte{1}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := run(); n != 1 {
		t.Errorf("another key: compiled %d times", n)
	}
	info, err := os.Stat(filepath.Join(dir, "cache", "key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v %v", info, err)
	}
}

func TestCacheEvicts(t *testing.T) {
	c, err := openCache(t.TempDir(), 10_000, DefaultLimits().meter())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := c.put(itoa(i), &entry{Refused: "no", native: make([]byte, 2000)}); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(c.dir, "*.plugin"))
	if len(files) > 5 || c.get("19") == nil {
		t.Errorf("%d files, the last %v", len(files), c.get("19"))
	}
}

func TestMemoryComesBack(t *testing.T) {
	limits := DefaultLimits()
	wasm := plugintest.Guest{Memory: 900, Process: "i32.const 0 i32.const 1 i32.const 58000000 memory.fill unreachable"}.Bytes()
	s := mustDirect(t, wasm, &limits, "a")
	resident := func() int64 {
		debug.FreeOSMemory()
		data, err := os.ReadFile("/proc/self/statm")
		if err != nil {
			t.Fatal(err)
		}
		var size, pages int64
		fields := strings.Fields(string(data))
		for i, at := range []*int64{&size, &pages} {
			for _, c := range fields[i] {
				*at = *at*10 + int64(c-'0')
			}
		}
		return pages * int64(os.Getpagesize())
	}
	before := resident()
	for range 8 {
		if _, problems, err := process(s, rowsOf([]string{"x"})); err != nil || !strings.Contains(problems, "unreachable") {
			t.Fatal(problems, err)
		}
	}
	if grown := resident() - before; grown > 64<<20 {
		t.Errorf("8 traps left %d MB", grown>>20)
	}
}

// A machine on which the interpreter is slow says nothing about the module.
func TestSlowInterpreter(t *testing.T) {
	limits := DefaultLimits()
	metered, _, err := meter.Rewrite(plugintest.Guest{Process: spin("")}.Bytes(), limits.meter())
	if err != nil {
		t.Fatal(err)
	}
	reply, err := tryModule(context.Background(), metered, childRequest{Limits: limits}, time.Nanosecond)
	if err != nil || reply.Refused != "" || !strings.HasPrefix(reply.Report.Problem, "the plugin trapped") {
		t.Errorf("%+v %v", reply, err)
	}
}

func FuzzUpload(f *testing.F) {
	f.Add(plugintest.Guest{}.Bytes())
	f.Add(guiltyGuest("unreachable"))
	f.Add(counter())
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x07\x05\xff\xff\xff\xff\x0f"))
	limits := DefaultLimits()
	limits.FuelPerBatch, limits.FuelPerRow, limits.FuelStart = 100_000, 100_000, 100_000
	f.Fuzz(func(t *testing.T, wasm []byte) {
		metered, _, err := meter.Rewrite(wasm, limits.meter())
		if err != nil {
			return
		}
		reply, err := tryModule(context.Background(), metered, childRequest{Limits: limits}, interpretTime)
		if err != nil || reply.Report == nil && reply.Refused == "" {
			t.Error("neither a report nor a refusal")
		}
	})
}
