package plugins

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"sluice/engine/batch"
	"sluice/plugins/plugintest"
)

// wasiImports is every function that the sandbox has, as imports.
func wasiImports() []plugintest.Import {
	var list []plugintest.Import
	for _, f := range wasiFuncs() {
		imp := plugintest.Import{Module: "wasi_snapshot_preview1", Name: f.name, Results: "i32"}
		for _, p := range f.params {
			imp.Params += map[rune]string{'w': "i32 ", 'd': "i64 "}[p]
		}
		if f.call == nil {
			imp.Results = ""
		}
		list = append(list, imp)
	}
	return list
}

// dump answers 0x900 to 0x930 after it has run body, whose result is at 0x900.
func dump(body string) []byte {
	return plugintest.Guest{Imports: wasiImports(), Data: []plugintest.Data{
		{At: 0x940, Bytes: plugintest.Words(0x980, 6, 0x986, 3)}, // vectors
		{At: 0x980, Bytes: "hello\nyou"},
		{At: 0xa00, Bytes: string(subscription(7, 0, 1_000_000, 0)) + string(subscription(8, 0, 5_000_000, 0)) + string(subscription(9, 1, 0, 0))},
	}, Process: "i32.const 0x900 " + body + ` i32.store 0
		local.get 0 i32.load 8 i32.const 0x900 i32.store 0
		local.get 0 i32.load 8 i32.const 0x30 i32.store 4` + plugintest.EchoProcess}.Bytes()
}

// subscription is one of poll_oneoff: a clock's (kind 0) or that to read standard
// input.
func subscription(user uint64, kind byte, timeout uint64, flags uint16) []byte {
	b := make([]byte, subscriptionSize)
	binary.LittleEndian.PutUint64(b, user)
	b[offKind] = kind
	binary.LittleEndian.PutUint64(b[offTimeout:], timeout)
	binary.LittleEndian.PutUint16(b[offClockFlags:], flags)
	return b
}

func TestWASI(t *testing.T) {
	run := func(body string) (words []uint32, log []LogLine) {
		t.Helper()
		s := mustDirect(t, dump(body), nil, "a")
		out, in := &batch.Batch{}, rowsOf([]string{"x"})
		if _, err := s.Process(t.Context(), in, out); err != nil || len(in.Faults) > 0 {
			t.Fatal(body, err, faults(in))
		}
		b := out.Bytes(out.Row(0)[0])
		for i := 0; i < len(b); i += 4 {
			words = append(words, binary.LittleEndian.Uint32(b[i:]))
		}
		log, _ = s.log.Lines()
		return words, log
	}
	f := func(body string, want errno, more ...uint32) {
		t.Helper()
		got, _ := run(body)
		if fmt.Sprint(got[:1+len(more)]) != fmt.Sprint(append([]uint32{uint32(want)}, more...)) {
			t.Errorf("%s: %d", body, got)
		}
	}
	f("call $sched_yield", errnoSuccess)
	f("i32.const 0x904 i32.const 0x908 call $args_sizes_get", errnoSuccess, 0, 0)
	f("i32.const 0x904 i32.const -4 call $args_sizes_get", errnoFault)
	f("i32.const 0x904 i32.const 0x908 call $environ_sizes_get", errnoSuccess, 0, 0)
	f("i32.const 0 i32.const 0 call $environ_get", errnoSuccess)
	f("i32.const 3 i32.const 0x904 call $fd_prestat_get", errnoBadf)
	f("i32.const 3 i32.const 0x904 i32.const 1 call $fd_prestat_dir_name", errnoBadf)
	f("i32.const 0 i32.const 0x940 i32.const 1 i32.const 0x904 call $fd_read", errnoSuccess, 0)
	f("i32.const 1 i32.const 0x940 i32.const 1 i32.const 0x904 call $fd_read", errnoBadf)
	f("i32.const 1 i32.const 0x940 i32.const 2 i32.const 0x904 call $fd_write", errnoSuccess, 9)
	f("i32.const 0 i32.const 0x940 i32.const 2 i32.const 0x904 call $fd_write", errnoBadf)
	f("i32.const 1 i32.const 65530 i32.const 2 i32.const 0x904 call $fd_write", errnoFault)
	f("i32.const 1 i32.const 0x940 i32.const 1025 i32.const 0x904 call $fd_write", errnoInval)
	f("i32.const 1 i64.const 0 i32.const 0 i32.const 0x908 call $fd_seek", errnoSpipe)
	f("i32.const 9 call $fd_close", errnoBadf)
	f("i32.const 1 i32.const 0x904 call $fd_fdstat_get", errnoSuccess, charDevice)
	f("i32.const 4 i32.const 0x904 call $fd_fdstat_get", errnoBadf)
	f("i32.const 1 i32.const 65500 call $fd_filestat_get", errnoFault)
	f("i32.const 4 i32.const 0x904 call $clock_res_get", errnoInval)
	f("i32.const 9 i64.const 0 i32.const 0x908 call $clock_time_get", errnoInval)
	f("i32.const 65530 i32.const 8 call $random_get", errnoFault)
	f("i32.const 0xa00 i32.const 0x904 i32.const 0 i32.const 0x928 call $poll_oneoff", errnoInval)
	f("i32.const 0xa00 i32.const 65500 i32.const 2 i32.const 0x928 call $poll_oneoff", errnoFault)
	// Two timeouts: the earlier one fires, and the clock is where it says.
	f("i32.const 0xa00 i32.const 0xb00 i32.const 2 i32.const 0x904 call $poll_oneoff i32.const 1 i64.const 0 i32.const 0x908 call $clock_time_get i32.or",
		errnoSuccess, 1, 1_001_000, 0)
	// With a file there is nothing to wait for.
	f("i32.const 0xa00 i32.const 0xb00 i32.const 3 i32.const 0x904 call $poll_oneoff i32.const 1 i64.const 0 i32.const 0x908 call $clock_time_get i32.or",
		errnoSuccess, 1, 1_000, 0)

	if _, log := run("i32.const 2 i32.const 0x940 i32.const 2 i32.const 0x904 call $fd_write"); fmt.Sprint(log) != "[{warn hello} {warn you}]" {
		t.Errorf("log %v", log)
	}
}

func TestDeterministic(t *testing.T) {
	wasm := dump(`i32.const 0x904 i32.const 8 call $random_get
		i32.const 0 i64.const 0 i32.const 0x910 call $clock_time_get i32.or`)
	limits := DefaultLimits()
	m := metered(t, wasm, limits)
	box := &Sandbox{limits: limits, events: Events{}.withDefaults(), gate: newGate(2), instances: newPool(4)}
	run := func(change func(*Job)) (string, int64) {
		job := jobOf(wasm, "a")
		change(&job)
		s, err := openIn(t, box, m, "acme", job)
		if err != nil {
			t.Fatal(err)
		}
		one, _, err := process(s, rowsOf([]string{"x"}))
		if err != nil {
			t.Fatal(err)
		}
		two, _, err := process(s, rowsOf([]string{"x"}))
		if err != nil || one == two {
			t.Errorf("%q twice, %v", one, err)
		}
		fuel, _, _ := s.Fuel()
		return one + two, fuel
	}
	same, fuel := run(func(*Job) {})
	if again, fuelAgain := run(func(j *Job) { j.ID = "other" }); again != same || fuelAgain != fuel {
		t.Errorf("%q with %d fuel and %q with %d", same, fuel, again, fuelAgain)
	}
	if other, _ := run(func(j *Job) { j.Seed++ }); other == same {
		t.Error("another seed, the same random numbers")
	}
	if other, _ := run(func(j *Job) { j.Clock++ }); other == same {
		t.Error("another clock, the same time")
	}
}

func TestLogIsBounded(t *testing.T) {
	limits := DefaultLimits()
	limits.LogLines, limits.LogBytes = 3, 1500
	l := newLog(limits)
	l.add(9, []byte(strings.Repeat("a", 2000))) // 1,024 are kept
	l.add(0, []byte("\xff"))
	l.add(1, []byte(strings.Repeat("b", 600)))
	l.add(1, []byte("c"))
	l.add(1, []byte("d"))
	lines, dropped := l.Lines()
	if len(lines) != 3 || dropped != 2 || lines[0].Level != "error" || len(lines[0].Text) != 1024 || lines[1].Text != "\uFFFD" || lines[2].Text != "c" {
		t.Errorf("%v, %d dropped", lines, dropped)
	}
}
