package plugins

import (
	"strings"
	"testing"

	"sluice/plugins/plugintest"
)

// A trap names the guest's own functions, with the numbers that they have in the
// module as uploaded, and none that the meter added.
func TestTrapNames(t *testing.T) {
	f := func(g plugintest.Guest, want string) {
		t.Helper()
		_, problems, err := process(mustDirect(t, g.Bytes(), nil, "a"), rowsOf([]string{"x"}))
		if want = "0 -1 plugin_trap the plugin trapped: " + want + "\n"; problems != want || err != nil {
			t.Errorf("got  %q\nwant %q, %v", problems, want, err)
		}
	}
	const again = "local.get 0 call $process"
	f(plugintest.Guest{Process: again}, "stack overflow in $2 < $2 < $2 < $2")
	f(plugintest.Guest{Process: again, Names: true}, "stack overflow in process < process < process < process")
	log := []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}}
	f(plugintest.Guest{Process: again, Imports: log}, "stack overflow in $3 < $3 < $3 < $3")
	// Where the fuel ends in a function's entry, it is settled by an added one too.
	burn := strings.Repeat("local.get 0 i32.const 8 i32.div_u local.set 0 ", 40)
	twice := plugintest.Guest{Names: true, Process: "call $down i32.const 0", More: []plugintest.Func{{Name: "down", Locals: "i32",
		Body: burn + "global.get 0 i32.const 1 i32.add global.set 0 global.get 0 i32.const 12 i32.lt_u if void call $down call $down end " +
			"global.get 0 i32.const 1 i32.sub global.set 0"}}}
	limits := DefaultLimits()
	limits.FuelPerRow, limits.FuelPerBatch = 100_000, 100_000
	_, problems, _ := process(mustDirect(t, twice.Bytes(), &limits, "a"), rowsOf([]string{"x"}))
	if !strings.Contains(problems, "out of fuel in down < down") {
		t.Errorf("%q", problems)
	}
	// The guest may call its own functions as it likes.
	f(plugintest.Guest{Names: true, Process: "call $refill i32.const 0", More: []plugintest.Func{{Name: "refill", Body: "unreachable"}}},
		"unreachable in refill < process")
}
