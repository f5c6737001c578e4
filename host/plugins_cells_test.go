package host

import (
	"testing"

	"sluice/plugins/plugintest"
)

// What a plugin answers as JSON may be any value: a plain one means what a cell of
// its own kind does, and only tags take an array.
func TestPluginAnswersJSON(t *testing.T) {
	c := newPluginHouse(t)
	c.use("json", plugintest.Guest{Answer: `{"columns":["domain","name","city","tags","custom.x"]}`, Locals: "i32 i32", Process: `
		local.get 0 i32.load 8 local.set 1
		local.get 1 local.get 0 i32.load 0 local.get 0 i32.load 4 i32.mul i32.const 8 i32.mul i32.add local.set 2
		loop void
			local.get 1 i32.load 4 if void local.get 1 local.get 1 i32.load 4 i32.const 0x50000000 i32.or i32.store 4 end
			local.get 1 i32.const 8 i32.add local.set 1
			local.get 1 local.get 2 i32.lt_u br_if 0
		end` + plugintest.EchoProcess}.Bytes())
	f := func(what, row, said string, stored ...string) {
		t.Helper()
		c.csv("update_existing=true&dialect={\"quote\":\"'\"}", "domain,name,city,tags,x\n"+row+"\n").wantSaid(t, what, said)
		c.wantStored(stored...)
	}
	const created, updated = "200 completed 1+0+0+0=1", "200 completed 0+1+0+0=1"
	f("text", `"a.example",'"A \"\u0042\" C"',"Köln",'"one, two"',"x"`, created,
		`city=Köln custom={"x":"x"} domain=a.example name=A \"B\" C tags=["one","two"]`)
	f("numbers", `"a.example",7,-1.50e2,3,1.5`, updated,
		`city=-1.50e2 custom={"x":1.5} domain=a.example name=7 tags=["one","two","3"]`)
	f("booleans", `"a.example",true,false,false,true`, updated,
		`city=false custom={"x":true} domain=a.example name=true tags=["one","two","3","false"]`)
	f("blank text", `"a.example","",'" "',"",""`, updated,
		`city=false custom={"x":true} domain=a.example name=true tags=["one","two","3","false"]`)
	f("null name", `"a.example",null,null,null,null`, "200 completed 0+0+0+1=1 [1:2 name required]",
		`city=false custom={"x":true} domain=a.example name=true tags=["one","two","3","false"]`)
	f("null", `"a.example",,null,null,null`, updated, `domain=a.example name=true`)
	f("arrays", `"a.example",[1],,["y"],`, "200 completed 0+0+0+1=1 [1:2 name invalid_type]", `domain=a.example name=true`)
	f("tags", `"a.example",,,'["y","z"]',`, updated, `domain=a.example name=true tags=["y","z"]`)
	f("objects", `"a.example",,{},{},{}`, "200 completed 0+0+0+1=1 [1:2 city invalid_type] [1:2 tags invalid_type] [1:2 custom.x invalid_type]",
		`domain=a.example name=true tags=["y","z"]`)
	f("half a pair", `"a.example","\ud800",,,`, "200 completed 0+0+0+1=1 [1:2 name invalid_encoding]",
		`domain=a.example name=true tags=["y","z"]`)
	r := c.csv("", "domain,name,city,tags,x\n,{},,{},[]\n")
	if list := rowErrorsOf(t, r); len(list) != 3 || list[0] != "1 name invalid_type: name takes text, not a JSON array or object" ||
		list[1] != "1 tags invalid_type: tags takes an array of text, not an object" ||
		list[2] != `1 custom.x invalid_type: custom field "x" takes text, a number or a boolean` {
		t.Errorf("errors %q", list)
	}
}
