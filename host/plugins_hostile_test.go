package host

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/plugins/plugintest"
)

// residentBytes is the process's memory, after a collection; 0 where /proc isn't.
func residentBytes() int64 {
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var pages int64
	for _, c := range strings.Fields(string(data))[1] {
		pages = pages*10 + int64(c-'0')
	}
	return pages * int64(os.Getpagesize())
}

// Hostile modules on one server, one after the other: each has the right answer,
// the server is up afterwards, memory is back, and another tenant's imports come
// to the same.
func TestHostileModulesOverHTTP(t *testing.T) {
	c := newPluginHouse(t)
	spin := func(turn string) string { return "loop void " + turn + " br 0 end unreachable" }
	log := []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}}
	wasi := func(name, params string) []plugintest.Import {
		return []plugintest.Import{{Module: "wasi_snapshot_preview1", Name: name, Params: params, Results: "i32"}}
	}
	const trapped, late = "200 completed 0+0+0+1=1 [1:2 plugin_trap]", "422 import_failed"
	guests := []struct {
		name  string
		guest plugintest.Guest
		want  string
	}{
		{"loop in process", plugintest.Guest{Process: spin("")}, trapped},
		{"loop in open", plugintest.Guest{Open: spin("")}, late},
		{"memory.fill", plugintest.Guest{Memory: 512, Process: spin("i32.const 0 i32.const 1 i32.const 0x2000000 memory.fill")}, trapped},
		{"growth", plugintest.Guest{Process: spin("i32.const 16 memory.grow drop")}, trapped},
		{"recursion", plugintest.Guest{Process: "local.get 0 call $process"}, trapped},
		{"frames", plugintest.Guest{Process: "local.get 0 call $process", Locals: strings.Repeat("i64 ", 10_000)}, trapped},
		{"tree of calls", plugintest.Guest{Process: "local.get 0 call $t0 local.get 0", More: callTree(40)}, trapped},
		{"ref.func", plugintest.Guest{Table: 2, Process: spin("ref.func $process drop")}, trapped},
		{"log flood", plugintest.Guest{Imports: log, Process: spin("i32.const 1 i32.const 0 i32.const 1024 call $log")}, trapped},
		{"fd_write", plugintest.Guest{Imports: wasi("fd_write", "i32 i32 i32 i32"),
			Process: spin("i32.const 1 i32.const 0 i32.const 0x10000000 i32.const 0 call $fd_write drop")}, trapped},
		{"random_get", plugintest.Guest{Memory: 900, Imports: wasi("random_get", "i32 i32"),
			Process: spin("i32.const 0 i32.const 58000000 call $random_get drop")}, trapped},
		{"poll_oneoff", plugintest.Guest{Imports: wasi("poll_oneoff", "i32 i32 i32 i32"),
			Process: spin("i32.const 0 i32.const 0 i32.const -1 i32.const 0 call $poll_oneoff drop")}, trapped},
		{"result outside", plugintest.Guest{Process: "i32.const -16"}, trapped},
		{"memory as a cell", plugintest.Guest{Memory: 900, Process: `
			i32.const 0x800 i32.const 1 i32.store 0 i32.const 0x804 i32.const 0x900 i32.store 0
			i32.const 0x904 i32.const 58000000 i32.store 0 i32.const 0x800`}, trapped},
		{"error storm", plugintest.Guest{Process: `
			i32.const 0x80c i32.const -1 i32.store 0 i32.const 0x810 i32.const 0x814 i32.store 0 i32.const 0x800`}, trapped},
		{"long names", plugintest.Guest{Names: true, Process: "call $" + strings.Repeat("n", 5<<20) + " i32.const 0",
			More: []plugintest.Func{{Name: strings.Repeat("n", 5<<20), Body: "unreachable"}}}, trapped},
	}
	settled := int64(0)
	s := underStrain(t, c, func() {
		for i, g := range guests {
			c.use("hostile", g.guest.Bytes())
			r := c.csv("", "name,domain\nA,a.example\n")
			if said := r.said(t); said != g.want && (g.want != trapped || said != late || !strings.Contains(r.message(t), "ran for more than")) {
				t.Errorf("%s: %s, want %s: %.500s", g.name, said, g.want, r.body)
			}
			if len(r.body) > 4096 {
				t.Errorf("%s: an answer of %d bytes", g.name, len(r.body))
			}
			c.get("/v1/plugins/active").want(t, 200, "")
			if i == 2 {
				settled = residentBytes()
			}
		}
	})
	if s.wrong != "" {
		t.Errorf("another tenant's import: %s", s.wrong)
	}
	if grown := residentBytes() - settled; grown > 200<<20 {
		t.Errorf("%d hostile guests left %d MB", len(guests), grown>>20)
	}
	c.useChaos()
	c.csv("", "name,domain\nA,a.example\n").wantSaid(t, "afterwards", "200 completed 1+0+0+0=1")
	if left, err := filepath.Glob(filepath.Join(c.cfg.Data, cacheFolder, "work", "*")); err != nil || len(left) != 0 {
		t.Errorf("folders are left: %q %v", left, err)
	}
}

// callTree is n functions, each of which calls the next one twice.
func callTree(n int) []plugintest.Func {
	list := make([]plugintest.Func, n)
	for i := range list {
		list[i] = plugintest.Func{Name: "t" + string(rune('0'+i/10)) + string(rune('0'+i%10)), Params: "i32"}
	}
	list[0].Name = "t0"
	for i := range n - 1 {
		list[i].Body = "local.get 0 call $" + list[i+1].Name + " local.get 0 call $" + list[i+1].Name
	}
	return list
}

// A spinning job is canceled soon, and its tenant's next one runs.
func TestCancelSpinningJob(t *testing.T) {
	c := newPluginHouse(t, func(c *Config) { c.PluginMaxTraps = 100_000 })
	c.useChaos()
	r := c.csv("", "name,domain\n"+strings.Repeat("!spin,s.example\n", 5000))
	r.want(t, 202, "")
	id := r.importData(t).JobID
	until(t, "the job's start", func() bool { return c.get(jobPath(id)).importData(t).Status != engine.Queued })
	c.do("DELETE", jobPath(id), c.token, "").want(t, 200, "") // which waits for the guest's end
	if d := c.ended(id); d.Status != engine.Canceled {
		t.Errorf("%+v", d)
	}
	c.csv("", "name,domain\nA,a.example\n").wantSaid(t, "next", "200 completed 1+0+0+0=1")
}
