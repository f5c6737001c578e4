package conform

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/engine/leaktest"
	"sluice/plugins"
	"sluice/plugins/conform/chaos"
	"sluice/plugins/plugintest"
	"sluice/plugins/sandboxtest"
)

const childArg = "-conform.child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		plugintest.BecomeChild()
		os.Exit(plugins.CompileChild(os.Stdin, os.Stdout, os.Stderr))
	}
	remove := plugintest.BuildChild()
	code := leaktest.Run(m)
	remove()
	os.Exit(code)
}

func check(t *testing.T, b *plugins.Sandbox, wasm []byte, o Options) *Report {
	t.Helper()
	r, err := Check(t.Context(), b, wasm, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The examples hold the whole ABI.
func TestExamplesConform(t *testing.T) {
	b := sandboxtest.Open(t, childArg)
	f := func(name string, wasm []byte, columns, config string) {
		t.Helper()
		o := Options{Config: json.RawMessage(config)}
		if columns != "" {
			o.Columns = strings.Split(columns, ",")
		}
		began := time.Now()
		r := check(t, b, wasm, o)
		t.Logf("%s in %v", name, time.Since(began))
		if !r.OK() || !slices.Equal(r.Passed, Checks()) {
			t.Errorf("%s:\n%s", name, r)
		}
	}
	committed := func(name string) []byte {
		wasm, err := os.ReadFile(filepath.Join("../examples", name, name+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		return wasm
	}
	f("cleaner", committed("cleaner"), "", "")
	f("hubspot", committed("hubspot"), "Record ID,Company name,Company Domain Name,Industry,City,Country/Region,Phone Number,Number of Employees", "")
	f("salesforce", committed("salesforce"), "Id,Name,Website,Industry,BillingCity,BillingCountry,Phone,NumberOfEmployees", "")
	f("chaos", chaos.Module(), "", "")
	f("rules", plugintest.BuildGo(t, "../examples/rules"), "", `{"rules":[{"column":"Name","required":true}]}`)
	f("goguest", plugintest.BuildGo(t, "../testdata/goguest"), "Company,Website", "")
}

// Each way to break the ABI is found by the check that is for it, with what to
// change.
func TestFindings(t *testing.T) {
	b := sandboxtest.Open(t, childArg)
	echo := `{"columns":["name","domain","website","industry","city","country","phone","custom.employees"]}`
	f := func(name string, g plugintest.Guest, step, problem, advice string) {
		t.Helper()
		if g.Answer == "" {
			g.Answer = echo
		}
		r := check(t, b, g.Bytes(), Options{})
		for _, found := range r.Findings {
			if found.Check == step && strings.Contains(found.Problem, problem) && strings.Contains(found.Advice, advice) {
				return
			}
		}
		t.Errorf("%s: want %s: %s: %s, got\n%s", name, step, problem, advice, r)
	}
	counter := []plugintest.Global{{Type: "i32", Mutable: true}}
	f("unaligned alloc", plugintest.Guest{Alloc: "i32.const 0x2004"}, "open",
		"sluice_v1_alloc answered 8196, which is not a multiple of 8", "multiple of 8")
	f("no memory", plugintest.Guest{Alloc: "i32.const 0x2000 i32.const 0 local.get 0 i32.const 60000 i32.lt_u select"}, "long row",
		"sluice_v1_alloc has no memory for", "grow memory")
	f("a leak", plugintest.Guest{Memory: 1, Globals: []plugintest.Global{{Type: "i32", Mutable: true, Value: 0x2000}}, Alloc: `
		block void loop void
			global.get 1 local.get 0 i32.add i32.const 8 i32.add memory.size i32.const 16 i32.shl i32.lt_u br_if 1
			i32.const 1 memory.grow i32.const -1 i32.eq if void i32.const 0 return end
			br 0
		end end
		global.get 1
		global.get 1 local.get 0 i32.add i32.const 7 i32.add i32.const -8 i32.and global.set 1`}, "memory",
		"", "the same region again")
	f("describe that is no JSON", plugintest.Guest{Describe: "i64.const 0x90000000002", Data: []plugintest.Data{{At: 0x900, Bytes: "no"}}}, "describe",
		"sluice_v1_describe does not answer JSON", "do not export it")
	f("describe of a list", plugintest.Guest{Describe: "i64.const 0x90000000002", Data: []plugintest.Data{{At: 0x900, Bytes: "[]"}}}, "describe",
		"no JSON object", "an object with name")
	f("describe of a number for a name", plugintest.Guest{Describe: "i64.const 0x9000000000a", Data: []plugintest.Data{{At: 0x900, Bytes: `{"name":1}`}}}, "describe",
		`"name" of sluice_v1_describe's answer is no text`, "make it text")
	f("unknown field", plugintest.Guest{Answer: `{"columns":["nmae"]}`}, "open",
		`"nmae" is neither a field of a company nor "custom." and a key`, `"custom." and a key`)
	f("a refusal", plugintest.Guest{Answer: `{"error":"there is no column Website"}`}, "open",
		"there is no column Website", "with the columns and the config of a file that suits it")
	f("trap in open", plugintest.Guest{Open: "unreachable"}, "open", "unreachable", "without a trap")
	f("state", plugintest.Guest{Globals: counter, Process: `
		global.get 1 i32.const 1 i32.add global.set 1
		i32.const 0x900 global.get 1 i32.store 0
		local.get 0 i32.load 8 i32.const 0x900 i32.store 0
		local.get 0 i32.load 8 i32.const 4 i32.store 4` + plugintest.EchoProcess}, "batches", "is answered", "follow from that row")
	f("trap on JSON", plugintest.Guest{Locals: "i32 i32", Process: `
		local.get 0 i32.load 8 local.set 1
		local.get 1 local.get 0 i32.load 0 local.get 0 i32.load 4 i32.mul i32.const 8 i32.mul i32.add local.set 2
		block void loop void
			local.get 1 local.get 2 i32.ge_u br_if 1
			local.get 1 i32.load 4 i32.const 28 i32.shr_u i32.const 5 i32.eq if void unreachable end
			local.get 1 i32.const 8 i32.add local.set 1
			br 0
		end end` + plugintest.EchoProcess}, "kinds", "the plugin trapped: unreachable", "without a trap")
	f("a fixed number of columns", plugintest.Guest{Process: plugintest.EchoProcess + `
		local.get 0 i32.load 4 i32.const 8 i32.ne if void unreachable end`}, "later columns", "unreachable", "")
	f("opens once", plugintest.Guest{Globals: counter, Open: `
		global.get 1 if void unreachable end i32.const 1 global.set 1
		i64.const ` + plugintest.Packed(plugintest.AtAnswer, len(echo))}, "later columns", "open again with two columns more", "")
	f("short error code", plugintest.Guest{Process: `
		i32.const 0x800 i32.const 0 i32.store 0 i32.const 0x80c i32.const 1 i32.store 0 i32.const 0x810 i32.const 0x900 i32.store 0
		i32.const 0x800`}, "kinds", "has no code of 1 to 64 characters", "use a code of")

	// Its answer is longer where it knows more of the context than it should.
	long := plugintest.Guest{Open: `local.get 1 i32.const 780 i32.gt_u if void unreachable end i64.const ` +
		plugintest.Packed(plugintest.AtAnswer, len(echo))}
	f("counts the context", long, "unknown keys", "open with keys that it does not know", "")

	wild := func(config, step, problem string) {
		t.Helper()
		r := check(t, b, chaos.Module(), Options{Config: json.RawMessage(config)})
		for _, found := range r.Findings {
			if found.Check == step && strings.Contains(found.Problem, problem) {
				return
			}
		}
		t.Errorf("%s: want %s: %s, got\n%s", config, step, problem, r)
	}
	wild(`{"open":"error"}`, "open", "refused, as the config says")
	wild(`{"open":"garbage"}`, "open", "open's answer is not a JSON object")
	wild(`{"open":"field"}`, "open", `"nmae" is neither a field`)
	wild(`{"open":"trap"}`, "open", "unreachable")
	wild(`{"open":"spin"}`, "open", "out of fuel")
	wild(`{"alloc":"zero"}`, "kinds", "has no memory for")
	wild(`{"alloc":"unaligned"}`, "kinds", "not a multiple of 8")
	wild(`{"alloc":"outside"}`, "kinds", "do not fit into memory")
	wild(`{"alloc":"trap"}`, "kinds", "unreachable")
	wild(`{"process":"trap"}`, "kinds", "unreachable")
	wild(`{"process":"outside"}`, "kinds", "is outside of memory")

	r := check(t, b, []byte("\x00asm"), Options{})
	if r.OK() || len(r.Findings) != 1 || r.Findings[0].Check != "module" || len(r.Passed) != 0 {
		t.Errorf("no module: %s", r)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := Check(ctx, sandboxtest.Open(t, childArg), plugintest.Guest{}.Bytes(), Options{}); err == nil {
		t.Errorf("%s", r)
	}
}
