package host

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sluice/engine"
	"sluice/plugins/plugintest"
)

// trial runs rows through the newest version of a plugin, as CSV.
func (c *house) trial(name, query, csv string) Trial {
	c.t.Helper()
	r := c.post("/v1/plugins/"+name+"/versions/1/test"+query, csv, "Content-Type: text/csv")
	r.want(c.t, 200, "")
	return dataOf[Trial](c.t, r)
}

// brief is a trial's outputs and errors, each with its row.
func (t Trial) brief() string {
	var b strings.Builder
	for _, o := range t.Outputs {
		fmt.Fprintf(&b, "%d:%v,%v ", o.RowNumber, o.Values["name"], o.Values["domain"])
	}
	for _, e := range t.Errors {
		fmt.Fprintf(&b, "[%d %s%s] ", e.RowNumber, strings.TrimPrefix(e.Column+" ", " "), e.Code)
	}
	return strings.TrimSpace(b.String())
}

// What fails is no output, and what an import would say of a row is said here.
func TestPluginTrialOutputs(t *testing.T) {
	c := newPluginHouse(t)
	c.useChaos()
	const csv = "name,domain\nA,a.example\nB,localhost\n!twice,w.example\n!twice,nowhere\n,\n,b.example\nC,\n!skip,\n!reject,r.example\n!trap,t.example\n"
	const want = "1:A,a.example 3:!twice,w.example 3:!twice,w.example 6:,b.example 7:C," +
		" [2 domain invalid_domain] [4 domain invalid_domain] [4 domain invalid_domain] [5 name required] [9 domain chaos] [10 plugin_trap]"
	d := c.trial("chaos", "", csv)
	if d.brief() != want || d.Error != nil {
		t.Errorf("got  %s\nwant %s\n%+v", d.brief(), want, d.Error)
	}
	// An import says the same, and that the table knows nobody without a name.
	c.csv("", csv).wantSaid(t, "an import", "200 completed 3+0+2+7=10 [2:3 domain invalid_domain] [4:5 domain invalid_domain] [4:5 domain invalid_domain]"+
		" [5:6 name required] [6:7 name required] [9:10 domain chaos] [10:11 plugin_trap]")
}

// A plugin that remembers fails rows that come again. The trial runs it again for its
// speed, and tells of the first time alone.
func TestPluginTrialOfOneThatRemembers(t *testing.T) {
	c := newPluginHouse(t)
	c.use("remembers", plugintest.Guest{Answer: `{"columns":["name","domain"]}`,
		Data: []plugintest.Data{{At: 0x1000, Bytes: "\x00\x00\x00\x00\xff\xff\xff\xff\x40\x10\x00\x00\x05\x00\x00\x00\x40\x10\x00\x00\x05\x00\x00\x00"}, {At: 0x1040, Bytes: "again"}},
		Process: plugintest.EchoProcess + `
			i32.const 0x80c i32.const 0x1080 i32.load 0 i32.store 0
			i32.const 0x810 i32.const 0x1000 i32.store 0
			i32.const 0x1080 i32.const 1 i32.store 0`}.Bytes())
	if d := c.trial("remembers", "", "name,domain\nA,a.example\nB,b.example\n"); d.brief() != "1:A,a.example 2:B,b.example" {
		t.Errorf("got %s", d.brief())
	}
}

// Past the limit of traps an import fails; a trial tells of every row and of that.
func TestPluginTrialPastTheTraps(t *testing.T) {
	c := newPluginHouse(t, func(c *Config) { c.PluginMaxTraps = 3 })
	c.useChaos()
	csv := "name,domain\nA,a.example\n" + strings.Repeat("!trap,t.example\n", 4) + "B,b.example\n"
	d := c.trial("chaos", "", csv)
	if want := "1:A,a.example 6:B,b.example [2 plugin_trap] [3 plugin_trap] [4 plugin_trap] [5 plugin_trap]"; d.brief() != want {
		t.Errorf("got  %s\nwant %s", d.brief(), want)
	}
	r := c.csv("", csv)
	r.want(t, 422, "import_failed")
	if d.Error == nil || *d.Error != (engine.Failure{Code: "import_failed", Message: r.message(t)}) {
		t.Errorf("error %+v, an import's %q", d.Error, r.message(t))
	}
	if d := c.trial("chaos", "", "name,domain\n!trap,a.example\n!trap,b.example\n!trap,c.example\n"); d.Error != nil || len(d.Errors) != 3 {
		t.Errorf("%s, %+v", d.brief(), d.Error)
	}
}

// What a guest says stands once in the log, however often its rows are tried again
// and its instance made anew.
func TestPluginTrialLog(t *testing.T) {
	c := newPluginHouse(t)
	log := []plugintest.Import{{Module: "sluice", Name: "log", Params: "i32 i32 i32"}}
	g := plugintest.Guest{Imports: log, Answer: `{"columns":["name","domain"]}`, Locals: "i32 i32",
		Data: []plugintest.Data{{At: 0x900, Bytes: "init"}, {At: 0x910, Bytes: "describe"}},
		Init: "i32.const 0 i32.const 0x900 i32.const 4 call $log", Describe: "i32.const 0 i32.const 0x910 i32.const 8 call $log i64.const 0"}
	g.Open = "i32.const 1 local.get 0 local.get 1 call $log i64.const " + plugintest.Packed(plugintest.AtAnswer, len(g.Answer))
	// It says each row's name, and traps on those that begin with "!".
	g.Process = `
		local.get 0 i32.load 8 local.set 1
		local.get 1 local.get 0 i32.load 0 i32.const 16 i32.mul i32.add local.set 2
		loop void
			i32.const 2 local.get 1 i32.load 0 local.get 1 i32.load 4 call $log
			local.get 1 i32.load 0 i32.load8_u 0 i32.const 33 i32.eq if void unreachable end
			local.get 1 i32.const 16 i32.add local.set 1
			local.get 1 local.get 2 i32.lt_u br_if 0
		end` + plugintest.EchoProcess
	v := c.push("talk", g.Bytes())
	if s := fmt.Sprint(v.Report.Log); strings.Count(s, "{debug init}") != 1 || strings.Count(s, "{debug describe}") != 1 || strings.Count(s, "{info ") != 1 {
		t.Errorf("the report's log: %s", s)
	}
	d := c.trial("talk", "?update_existing=true&tags=x", "name,domain\nA,a.example\n!B,b.example\nC,c.example\n!D,d.example\nE,e.example\n")
	if len(d.Log) != 7 || d.LogDropped != 0 || d.Log[0].Text != "init" {
		t.Fatalf("%d lines, %d dropped: %v", len(d.Log), d.LogDropped, d.Log)
	}
	said := map[string]int{}
	for _, l := range d.Log {
		said[l.Text]++
	}
	for _, line := range []string{"init", d.Log[1].Text, "A", "!B", "C", "!D", "E"} {
		if said[line] != 1 {
			t.Errorf("%.20s was said %d times: %v", line, said[line], d.Log)
		}
	}
	// The context is an import's: of a company's fields the name alone is required.
	var context struct {
		Object  string
		Columns []string
		Fields  []struct {
			Name, Type string
			Required   *bool
		}
		Options map[string]any
	}
	if err := json.Unmarshal([]byte(d.Log[1].Text), &context); err != nil || context.Object != "companies" || fmt.Sprint(context.Columns) != "[name domain]" ||
		fmt.Sprint(context.Options) != "map[has_header:true tags:[x] update_existing:true]" || len(context.Fields) != 11 {
		t.Errorf("%v: %s", err, d.Log[1].Text)
	}
	for _, f := range context.Fields {
		if f.Required == nil || *f.Required != (f.Name == "name") || f.Type != map[bool]string{true: "tags", false: "text"}[f.Name == "tags"] {
			t.Errorf("field %+v", f)
		}
	}
}
