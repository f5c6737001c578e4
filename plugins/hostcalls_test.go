package plugins

import (
	"strings"
	"testing"
	"time"

	"sluice/plugins/plugintest"
)

// A guest that calls the host for ever on one row runs out of fuel long before its
// batch runs out of time, so that it costs that row alone.
func TestHostCallsCostOneRow(t *testing.T) {
	f := func(name, turn, data string) {
		t.Helper()
		g := guilty(spin(turn))
		g.Memory, g.Imports = 4, append(wasiImports(), plugintest.Import{Module: "sluice", Name: "log", Params: "i32 i32 i32"})
		g.Data = []plugintest.Data{{At: 0x900, Bytes: plugintest.Words(0x10000, 65_536)}, {At: 0x10000, Bytes: data}}
		limits := DefaultLimits()
		limits.BatchTime *= testSlowdown
		rows := make([][]string, 16)
		for i := range rows {
			rows[i] = []string{"fine"}
		}
		rows[11] = []string{"!"}
		s := mustDirect(t, g.Bytes(), &limits, "a")
		answer, problems, err := process(s, rowsOf(rows...))
		alone := strings.HasPrefix(problems, "11 -1 plugin_trap the plugin trapped: out of fuel") && strings.Count(problems, "\n") == 1
		if err != nil || !alone || strings.Count(answer, "\n") != 15 {
			t.Errorf("%s: %q %v, %d answered", name, problems, err, strings.Count(answer, "\n"))
		}
		if _, _, ran := s.Fuel(); ran > limits.BatchTime/2 {
			t.Errorf("%s: it ran for %v of %v", name, ran, limits.BatchTime)
		}
	}
	const vectors = "i32.const 2 i32.const 0x10000 i32.const 1024 i32.const 0x908 call $fd_write drop"
	const text = "i32.const 2 i32.const 0x900 i32.const 1 i32.const 0x908 call $fd_write drop"
	f("sched_yield", "call $sched_yield drop", "")
	f("fd_write of 1,024 empty vectors", vectors, "")
	f("fd_write of 1,024 vectors", vectors, strings.Repeat(plugintest.Words(0x10000, 1), 1024))
	f("fd_write of 65,536 lines", text, strings.Repeat("\n", 65_536))
	f("fd_write of short lines", text, strings.Repeat("x\n", 32_768))
	f("fd_write of last words", text, strings.Repeat("panic: "+strings.Repeat("\xff", 120)+"\n", 512))
	f("random_get of 8 bytes", "i32.const 0x10000 i32.const 8 call $random_get drop", "")
	f("random_get of 64 KiB", "i32.const 0x10000 i32.const 65536 call $random_get drop", "")
	f("poll_oneoff of 1", "i32.const 0x10000 i32.const 0x20000 i32.const 1 i32.const 0x908 call $poll_oneoff drop", "")
	f("poll_oneoff of 1,024", "i32.const 0x10000 i32.const 0x20000 i32.const 1024 i32.const 0x908 call $poll_oneoff drop",
		strings.Repeat(string(subscription(1, 0, uint64(time.Second), flagAbsolute)), 1024))
	f("log", "i32.const 3 i32.const 0x10000 i32.const 1024 call $log", strings.Repeat("\xff", 1024))
}
