package plugins

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/plugins/plugintest"
)

// spin never ends; each turn does what is in it.
func spin(turn string) string {
	return "loop void " + turn + " br 0 end unreachable"
}

// settled fails unless every place and every instance came back.
func settled(t *testing.T, b *Sandbox, instances int) {
	t.Helper()
	b.gate.mu.Lock()
	free, shares := b.gate.free, len(b.gate.shares)
	b.gate.mu.Unlock()
	b.instances.mu.Lock()
	room := b.instances.room + len(b.instances.idle)
	b.instances.mu.Unlock()
	if free != 2 || shares != 0 || room != instances {
		t.Errorf("%d places free, %d tenants in the gate, room for %d instances", free, shares, room)
	}
}

func TestHostileProcess(t *testing.T) {
	nested := func(n int) string { // n nested loops that each run for ever
		return strings.Repeat("loop void ", n) + "br 0 " + strings.Repeat("end ", n) + "unreachable"
	}
	wasi := func(name, params string) []plugintest.Import {
		return []plugintest.Import{{Module: "wasi_snapshot_preview1", Name: name, Params: params, Results: "i32"}}
	}
	// A guest that burns fuel fails the row that it was given; the reason is one of
	// the two, because both bounds are right where loads are slow.
	const fuel, late = "out of fuel", "ran for more than"
	f := func(name string, guest plugintest.Guest, want ...string) {
		t.Helper()
		limits := DefaultLimits()
		if !slices.Contains(want, late) {
			limits.BatchTime = time.Minute // on a slow machine fuel takes longer than a batch has
		}
		s := mustDirect(t, guest.Bytes(), &limits, "a")
		_, problems, err := process(s, rowsOf([]string{"x"}))
		if err != nil {
			problems += err.Error()
		}
		ok := false
		for _, w := range want {
			ok = ok || strings.Contains(problems, w)
		}
		if !ok {
			t.Errorf("%s: %q", name, problems)
		}
		settled(t, s.box, 4)
	}
	f("loop", plugintest.Guest{Process: spin("")}, fuel)
	f("500 loops", plugintest.Guest{Process: nested(500)}, fuel)
	f("memory.fill", plugintest.Guest{Memory: 512, Process: spin("i32.const 0 i32.const 1 i32.const 0x2000000 memory.fill")}, fuel, late)
	f("memory.copy", plugintest.Guest{Memory: 512, Process: spin("i32.const 0 i32.const 64 i32.const 0x1000000 memory.copy")}, fuel, late)
	f("growth", plugintest.Guest{Process: spin("i32.const 16 memory.grow drop")}, fuel, late)
	f("growth by one", plugintest.Guest{Process: "loop void i32.const 1 memory.grow i32.const -1 i32.ne br_if 0 end unreachable"}, "unreachable", fuel)
	f("ref.func", plugintest.Guest{Table: 2, Process: spin("ref.func $process drop")}, fuel, late)
	f("recursion", plugintest.Guest{Process: "local.get 0 call $process"}, "stack overflow")
	f("recursion with large frames", plugintest.Guest{Process: "local.get 0 call $process", Locals: strings.Repeat("i64 ", 10_000)}, "stack overflow")
	f("tree of calls", plugintest.Guest{Process: "local.get 0 call $tree0 local.get 0", More: tree(40)}, fuel)
	f("pointer chase", plugintest.Guest{Memory: 1000, Locals: "i32", Process: `loop void
		local.get 1 i32.const 1103515245 i32.mul i32.const 12345 i32.add local.set 1
		local.get 1 i32.const 0x3ffffff i32.and i32.const 62000000 i32.rem_u i32.load8_u 0 local.get 1 i32.add local.set 1
		br 0 end unreachable`}, fuel, late)
	f("log flood", plugintest.Guest{Imports: []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}},
		Process: spin("i32.const 1 i32.const 0 i32.const 1024 call $log")}, fuel, late)
	f("log outside", plugintest.Guest{Imports: []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}},
		Process: "i32.const 1 i32.const 65530 i32.const 10 call $log i32.const 0"}, "sluice.log was given 10 bytes at 65530, outside of memory")
	f("fd_write of 2^28 vectors", plugintest.Guest{Imports: wasi("fd_write", "i32 i32 i32 i32"),
		Process: spin("i32.const 1 i32.const 0 i32.const 0x10000000 i32.const 0 call $fd_write drop")}, fuel, late)
	f("random_get of all memory", plugintest.Guest{Memory: 900, Imports: wasi("random_get", "i32 i32"),
		Process: spin("i32.const 0 i32.const 58000000 call $random_get drop")}, fuel, late)
	f("poll_oneoff of 2^32-1", plugintest.Guest{Imports: wasi("poll_oneoff", "i32 i32 i32 i32"),
		Process: spin("i32.const 0 i32.const 0 i32.const -1 i32.const 0 call $poll_oneoff drop")}, fuel, late)
	f("poll_oneoff of 1,000", plugintest.Guest{Imports: wasi("poll_oneoff", "i32 i32 i32 i32"),
		Process: spin("i32.const 0 i32.const 0 i32.const 1000 i32.const 0 call $poll_oneoff drop")}, fuel, late)
	f("proc_exit", plugintest.Guest{Imports: []plugintest.Import{{Module: "wasi_snapshot_preview1", Name: "proc_exit", Params: "i32"}},
		Process: "i32.const 0 call $proc_exit i32.const 0"}, "exited with code 0")
	f("whole memory in every cell", plugintest.Guest{Memory: 900, Process: `
		i32.const 0x800 i32.const 1 i32.store 0 i32.const 0x804 i32.const 0x900 i32.store 0
		i32.const 0x900 i32.const 0 i32.store 0 i32.const 0x904 i32.const 58000000 i32.store 0 i32.const 0x800`}, "the result has more than 16777216 bytes")
}

// tree is n functions that each call the next one twice.
func tree(n int) []plugintest.Func {
	var list []plugintest.Func
	for i := range n {
		f := plugintest.Func{Name: fmt.Sprint("tree", i), Params: "i32"}
		if i+1 < n {
			f.Body = fmt.Sprintf("local.get 0 call $tree%d local.get 0 call $tree%d", i+1, i+1)
		}
		list = append(list, f)
	}
	return list
}

func TestHostileStart(t *testing.T) {
	f := func(name string, guest plugintest.Guest, want string) {
		t.Helper()
		limits := DefaultLimits()
		s, err := direct(t, guest.Bytes(), &limits, "a")
		if fault.CodeOf(err) != fault.ImportFailed || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		_ = s
	}
	f("loop in _initialize", plugintest.Guest{Init: spin("")}, "the plugin trapped while it was opened: out of fuel in $3")
	f("loop in open", plugintest.Guest{Open: spin("")}, "the plugin trapped while it was opened: out of fuel in $1")
	f("loop in alloc", plugintest.Guest{Alloc: spin("")}, "the plugin trapped while it was opened: out of fuel in $0")
}

// guiltyGuest does what is given on rows whose first cell begins with "!".
func guiltyGuest(what string) []byte { return guilty(what).Bytes() }

func guilty(what string) plugintest.Guest {
	return plugintest.Guest{Locals: "i32 i32", Names: true, Process: `
		local.get 0 i32.load 8 local.set 1
		local.get 1 local.get 0 i32.load 0 local.get 0 i32.load 4 i32.mul i32.const 8 i32.mul i32.add local.set 2
		block void loop void
			local.get 1 local.get 2 i32.ge_u br_if 1
			local.get 1 i32.load 4 if void
				local.get 1 i32.load 0 i32.load8_u 0 i32.const 33 i32.eq if void ` + what + ` end
			end
			local.get 1 local.get 0 i32.load 4 i32.const 8 i32.mul i32.add local.set 1
			br 0
		end end` + plugintest.EchoProcess, More: []plugintest.Func{{Name: "explode", Body: "unreachable"}}}
}

func TestGuiltyRowOfMany(t *testing.T) {
	const rows = 100_000
	s := mustDirect(t, guiltyGuest("call $explode"), nil, "a")
	in, out := &batch.Batch{}, &batch.Batch{}
	in.Reset(1)
	for i := range rows {
		in.Rows = append(in.Rows, batch.Row{Number: uint64(i + 1)})
		value := fmt.Sprint("row ", i)
		if i == 71_234 {
			value = "!"
		}
		in.Cells = append(in.Cells, in.Append(batch.Text, []byte(value)))
	}
	if _, err := s.Process(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	if got, want := faults(in), "71234 -1 plugin_trap the plugin trapped: unreachable in explode < process\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(out.Source) != rows-1 || string(out.Bytes(out.Row(71_234)[0])) != "row 71235" {
		t.Errorf("%d rows answered", len(out.Source))
	}
	for i := 1; i < len(out.Source); i++ {
		if out.Source[i] <= out.Source[i-1] {
			t.Fatalf("source falls at %d", i)
		}
	}
}

func TestSpinOnOneRowCostsOneRow(t *testing.T) {
	limits := DefaultLimits()
	limits.FuelPerBatch = 20_000_000
	s := mustDirect(t, guiltyGuest(spin("")), &limits, "a")
	rows := make([][]string, 64)
	for i := range rows {
		rows[i] = []string{"fine"}
	}
	rows[40] = []string{"!"}
	answer, problems, err := process(s, rowsOf(rows...))
	if err != nil || problems != "40 -1 plugin_trap the plugin trapped: out of fuel in process\n" || strings.Count(answer, "\n") != 63 {
		t.Errorf("%q %v, %d answered", problems, err, strings.Count(answer, "\n"))
	}
	if fuel, _, _ := s.Fuel(); fuel > 3*limits.FuelPerBatch {
		t.Errorf("%d units of fuel for one batch and its retries", fuel)
	}
}

// TestSpinOnFewRows holds that rows which nobody judged do not end the job.
func TestSpinOnFewRows(t *testing.T) {
	limits := DefaultLimits()
	limits.FuelPerBatch, limits.BatchTime = 20_000_000, time.Minute
	s := mustDirect(t, guiltyGuest(spin("")), &limits, "a")
	rows := make([][]string, 2000)
	for i := range rows {
		rows[i] = []string{"fine"}
		if i%400 == 200 {
			rows[i] = []string{"!"}
		}
	}
	answer, problems, err := process(s, rowsOf(rows...))
	failed := strings.Count(problems, " plugin_trap ")
	if err != nil || failed <= limits.MaxTraps || strings.Count(answer, "\n")+failed != len(rows) {
		t.Errorf("%d failed, %d answered: %v", failed, strings.Count(answer, "\n"), err)
	}
	if guilty := strings.Count(problems, "out of fuel in process"); guilty < 2 || guilty > 5 {
		t.Errorf("%d rows found guilty", guilty)
	}
}

// TestSpinOnEveryRow holds that calls come to an end whether or not one of their
// rows is found guilty.
func TestSpinOnEveryRow(t *testing.T) {
	const calls = 4
	f := func(name string, wasm []byte, guilty int) {
		t.Helper()
		limits := DefaultLimits()
		limits.FuelPerBatch, limits.BatchTime, limits.MaxTraps = 20_000_000, time.Minute, max(1, guilty)*calls-1
		s := mustDirect(t, wasm, &limits, "a")
		rows := make([][]string, 64)
		for i := range rows {
			rows[i] = []string{"!"}
		}
		for range calls - 1 {
			_, problems, err := process(s, rowsOf(rows...))
			if n := strings.Count(problems, "out of fuel in process"); err != nil || n != guilty || !strings.Contains(problems, "is used up") {
				t.Fatalf("%s: %d rows guilty: %q %v", name, n, problems, err)
			}
		}
		_, _, err := process(s, rowsOf(rows...))
		want := fmt.Sprintf("import_failed: the plugin trapped on more than %d rows (--plugin-max-traps); the last: the plugin trapped", limits.MaxTraps)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: past the limit: %v", name, err)
		}
		if fuel, _, _ := s.Fuel(); fuel > (2*calls+1)*limits.FuelPerBatch {
			t.Errorf("%s: %d units of fuel for %d batches and their retries", name, fuel, calls)
		}
	}
	f("each row", guiltyGuest(spin("")), 8)
	f("two rows together", plugintest.Guest{Names: true, Process: "local.get 0 i32.load 0 i32.const 1 i32.gt_u if void " +
		spin("") + " end" + plugintest.EchoProcess}.Bytes(), 0)
}

func TestSlowGuestFailsTheJob(t *testing.T) {
	limits := DefaultLimits()
	limits.BatchTime = 5 * time.Millisecond
	limits.FuelPerBatch, limits.FuelPerRow = 1<<40, 1<<40
	s := mustDirect(t, guiltyGuest(spin("")), &limits, "a")
	_, _, err := process(s, rowsOf([]string{"!"}))
	want := "import_failed: the plugin ran for more than 5ms on one batch; make it touch less memory, or raise the limit of a batch's time (--plugin-batch-time): out of time"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	settled(t, s.box, 4)
}

func TestCancel(t *testing.T) {
	limits := DefaultLimits()
	limits.FuelPerBatch, limits.FuelPerRow, limits.BatchTime = 1<<40, 1<<40, 10*time.Minute
	s := mustDirect(t, guiltyGuest(spin("")), &limits, "a")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Process(ctx, rowsOf([]string{"!"}), &batch.Batch{})
	if err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	settled(t, s.box, 4)
}

// counter answers how many calls its instance has had, as a digit.
func counter() []byte {
	return plugintest.Guest{Globals: []plugintest.Global{{Type: "i32", Mutable: true, Value: 48}}, Process: `
		global.get 1 i32.const 1 i32.add global.set 1
		i32.const 0x900 global.get 1 i32.store8 0
		local.get 0 i32.load 8 i32.const 0x900 i32.store 0
		local.get 0 i32.load 8 i32.const 1 i32.store 4` + plugintest.EchoProcess}.Bytes()
}

func TestNoStateFromJobToJob(t *testing.T) {
	limits := DefaultLimits()
	wasm := counter()
	m := metered(t, wasm, limits)
	b := &Sandbox{limits: limits, events: Events{}.withDefaults(), gate: newGate(2), instances: newPool(4)}
	for range 3 {
		s, err := openIn(t, b, m, "acme", jobOf(wasm, "a"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"0: 0\"1\"\n", "0: 0\"2\"\n"} {
			if got, _, err := process(s, rowsOf([]string{"x"})); got != want || err != nil {
				t.Errorf("got %q, want %q, %v", got, want, err)
			}
		}
		if err := s.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}
