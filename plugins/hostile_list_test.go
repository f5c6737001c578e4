package plugins

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sluice/engine/fault"
	"sluice/plugins/plugintest"
)

// hostileList names each kind of module that must do no harm, and the case that
// holds it: a file and a piece of its text.
func hostileList() [][3]string {
	const (
		process = "hostile_test.go"
		upload  = "upload_test.go"
		chaos   = "chaos_test.go"
		refuse  = "meter/refuse_test.go"
		accept  = "meter/accept_test.go"
		calls   = "hostcalls_test.go"
		fuel    = "meter/fuel_test.go"
		here    = "hostile_list_test.go"
		http    = "../host/plugins_hostile_test.go"
		strain  = "../host/plugins_strain_test.go"
		trial   = "../host/plugins_import_test.go"
	)
	return [][3]string{
		{"infinite loop in _initialize", upload, `f("loop in _initialize"`},
		{"infinite loop in describe", upload, `f("loop in describe"`},
		{"infinite loop in open", process, `f("loop in open"`},
		{"infinite loop in alloc", process, `f("loop in alloc"`},
		{"infinite loop in process", process, `f("loop"`},
		{"loop of memory.fill", process, `f("memory.fill"`},
		{"loop of memory.copy", process, `f("memory.copy"`},
		{"loop of table.fill", here, `"table.fill"`},
		{"memory growth", process, `f("growth"`},
		{"memory growth by pages", process, `f("growth by one"`},
		{"deep recursion", process, `f("recursion"`},
		{"recursion with 10,000-local frames", process, `f("recursion with large frames"`},
		{"exponential tree of calls without a loop", process, `f("tree of calls"`},
		{"table.grow", upload, `f("table.grow"`},
		{"huge tables", refuse, `f("large table"`},
		{"many tables", refuse, `f("17 tables"`},
		{"large tables together", refuse, `f("large tables together"`},
		{"loop of table.fill in a second table", fuel, `f("table.fill of the second table"`},
		{"2^32-1 exports in 15 bytes", upload, `f("2^32-1 exports"`},
		{"2^32-1 of each other thing", refuse, `f("2^32-1 "+noun`},
		{"2^32-1 locals", refuse, `f("2^32-1 locals"`},
		{"2^33 locals in groups", refuse, `f("2^33 locals"`},
		{"out-of-range result", chaos, `f("result outside"`},
		{"out-of-range count of rows", chaos, `f("rows at the top"`},
		{"out-of-range cells", chaos, `f("cells at the top"`},
		{"out-of-range cell", chaos, `f("cell at the top"`},
		{"out-of-range source", chaos, `f("source at the top"`},
		{"out-of-range errors", chaos, `f("errors at the top"`},
		{"out-of-range row of an error", chaos, `f("error's row at the top"`},
		{"out-of-range column of an error", chaos, `f("error's column below none"`},
		{"out-of-range code and message", chaos, `f("message at the top"`},
		{"out-of-range region of alloc", chaos, `func TestChaosAlloc`},
		{"out-of-range answer of open", chaos, `func TestChaosOpen`},
		{"out-of-range pointer of a host call", process, `f("log outside"`},
		{"overlapping structures", chaos, `t.Errorf("overlapping`},
		{"unaligned structures", chaos, `f("cells unaligned"`},
		{"error storm", chaos, `f("error storm"`},
		{"whole memory as every cell", process, `f("whole memory in every cell"`},
		{"log flood", process, `f("log flood"`},
		{"forbidden imports", refuse, `f("path_open"`},
		{"start section", upload, `f("start section"`},
		{"missing exports", refuse, `f("no process"`},
		{"mistyped exports", refuse, `f("describe's kind"`},
		{"60,000 functions", refuse, `f("60,000 functions"`},
		{"a million nested blocks", refuse, `f("1,000,000 blocks"`},
		{"huge br_table", refuse, `f("large br_table"`},
		{"many large br_tables", here, `"br_tables"`},
		{"huge body", refuse, `f("large body"`},
		{"huge data and element segments", refuse, `f("many elements"`},
		{"300,000 data segments", here, `"data segments"`},
		{"truncated bytes", refuse, `func TestRefuseTruncated`},
		{"random bytes, through the whole upload", upload, `func FuzzUpload`},
		{"random bytes, through the meter", "meter/fuzz_test.go", `func Fuzz`},
		{"state kept from job to job", process, `func TestNoStateFromJobToJob`},
		{"a trap on one row of 100,000", process, `func TestGuiltyRowOfMany`},
		{"a loop on one row of many", process, `func TestSpinOnOneRowCostsOneRow`},
		{"a loop on every row", process, `func TestSpinOnEveryRow`},
		{"a global that rewriting would add", refuse, `f("write the meter"`},
		{"a function that rewriting would add", refuse, `f("call behind the end"`},
		{"a type that rewriting would add", refuse, `f("function's type"`},
		{"a 64 MB pointer chase", process, `f("pointer chase"`},
		{"a loop of ref.func", process, `f("ref.func"`},
		{"500 nested loops × 500 locals", upload, `func TestCompileBomb`},
		{"1,000-ary types", refuse, `f("1,000-ary type"`},
		{"a name section of 2^32-1 names", accept, `// 2^32-1 names`},
		{"5 MB function names, a trap a row", here, `func TestLongNamesOfTraps`},
		{"fd_write with 2^28 vectors", process, `f("fd_write of 2^28 vectors"`},
		{"random_get of all memory", process, `f("random_get of all memory"`},
		{"poll_oneoff with 2^32-1 subscriptions", process, `f("poll_oneoff of 2^32-1"`},
		{"fd_write of 1,024 empty vectors on one row", calls, `f("fd_write of 1,024 empty vectors"`},
		{"fd_write of 65,536 lines on one row", calls, `f("fd_write of 65,536 lines"`},
		{"random_get of 64 KiB on one row", calls, `f("random_get of 64 KiB"`},
		{"poll_oneoff of 1,024 on one row", calls, `f("poll_oneoff of 1,024"`},
		{"proc_exit", process, `f("proc_exit"`},
		{"an export named like the meter", upload, `f("fuel global"`},
		{"the meter's import", upload, `f("refill"`},
		{"a falling source", chaos, `f("falls"`},
		{"a slice that is owed by leaves", fuel, `func TestOverdraft`},
		{"native stack", fuel, `func TestStack`},
		{"a cache entry that was planted", upload, `func TestCacheIsAuthenticated`},
		{"memory of instances that trapped", upload, `func TestMemoryComesBack`},
		{"others while a tenant spins", "session_test.go", `func TestSpinningTenantLeavesRoom`},
		{"others' requests and the collector", strain, `func TestOthersBesideSpinningGuests`},
		{"all of a guest's ends, over HTTP", http, `func TestHostileModulesOverHTTP`},
		{"canceling a guest that spins", http, `func TestCancelSpinningJob`},
		{"each entry point that errs or traps", trial, `func TestPluginConfigAndRefusal`},
	}
}

func TestHostileListIsHeld(t *testing.T) {
	files := map[string]string{}
	for _, entry := range hostileList() {
		what, file, piece := entry[0], entry[1], entry[2]
		if _, read := files[file]; !read {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			files[file] = string(text)
		}
		least := 1
		if file == "hostile_list_test.go" {
			least = 2 // the entry itself
		}
		if strings.Count(files[file], piece) < least {
			t.Errorf("%s: %s has no %s", what, file, piece)
		}
	}
}

// A module whose frames have names of megabytes, and a trap on every row: each
// row's message is short, and so is the time.
func TestLongNamesOfTraps(t *testing.T) {
	long := strings.Repeat("n", 5<<20)
	wasm := plugintest.Guest{Names: true, Process: "call $" + long + " i32.const 0",
		More: []plugintest.Func{{Name: long, Body: "unreachable"}}}.Bytes()
	if len(wasm) < 5<<20 {
		t.Fatalf("the name is not there: %d bytes", len(wasm))
	}
	limits := DefaultLimits()
	limits.MaxTraps = 1 << 30
	s := mustDirect(t, wasm, &limits, "a")
	rows := make([][]string, 64)
	for i := range rows {
		rows[i] = []string{"x"}
	}
	_, problems, err := process(s, rowsOf(rows...))
	if err != nil || strings.Count(problems, "plugin_trap the plugin trapped: unreachable in nnn") != 64 || len(problems) > 64*250 {
		t.Errorf("%d bytes of problems, %v: %.300s", len(problems), err, problems)
	}
}

func TestLargeSections(t *testing.T) {
	b := box(t, nil)
	f := func(name string, guest plugintest.Guest, want ...string) {
		t.Helper()
		_, err := b.Check(context.Background(), guest.Bytes())
		ok := err == nil && len(want) == 0
		for _, w := range want {
			ok = ok || err != nil && fault.CodeOf(err) == fault.PluginInvalid && strings.Contains(err.Error(), w)
		}
		if !ok {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := b.Check(context.Background(), plugintest.Guest{}.Bytes()); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	data := func(n int) []plugintest.Data {
		list := make([]plugintest.Data, n)
		for i := range list {
			list[i] = plugintest.Data{At: 0x4000, Bytes: "x"}
		}
		return list
	}
	f("data segments", plugintest.Guest{Data: data(300_000)}, "data segments are over the limit of 200000")
	f("100,000 data segments", plugintest.Guest{Data: data(100_000)})

	// Tables of branches, each to a block of its own: their compiler's memory is a
	// thousand times their size.
	var branches strings.Builder
	const depth = 5000
	branches.WriteString(strings.Repeat("block void ", depth))
	for range 40 {
		branches.WriteString("block void local.get 0 br_table 0")
		for i := range 15_000 {
			branches.WriteString("," + itoa(i%depth))
		}
		branches.WriteString(" end ")
	}
	b.modules.compiler.cpu = 3 * time.Second // which is not for the empty guest below
	f("br_tables", plugintest.Guest{Process: branches.String() + strings.Repeat("end ", depth) + "i32.const 0"},
		"compiling the module takes more than", "compiling the module needs more than", "over the limit")

	f("table.fill", plugintest.Guest{Table: 60_000, Init: "loop void i32.const 0 ref.func $process i32.const 60000 table.fill br 0 end"},
		"_initialize does not end")
}
