package host

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/plugins"
	"sluice/plugins/conform/chaos"
	"sluice/plugins/plugintest"
)

func TestPluginUpload(t *testing.T) {
	c := newPluginHouse(t)
	wasm := cleaner(t)
	r := c.upload("cleaner", wasm)
	r.want(t, 201, "")
	v := dataOf[map[string]any](t, r)
	for name, want := range map[string]any{"name": "cleaner", "version": 1.0, "sha256": plugins.Hash(wasm), "size": float64(len(wasm))} {
		if v[name] != want {
			t.Errorf("%s: %v, want %v", name, v[name], want)
		}
	}
	if about, ok := v["describe"].(map[string]any); !ok || about["name"] == "" || v["report"] == nil {
		t.Errorf("describe and report: %s", r.body)
	}
	// The same bytes again are the next version, of the same hash.
	if again := c.push("cleaner", wasm); again.Version != 2 || again.SHA256 != plugins.Hash(wasm) {
		t.Errorf("again: %+v", again)
	}
	// A name of its own begins with 1; a module that says nothing of itself describes null.
	r = c.upload("plain", plugintest.Guest{}.Bytes())
	r.want(t, 201, "")
	if v := dataOf[map[string]any](t, r); v["version"] != 1.0 || v["describe"] != nil {
		t.Errorf("another name: %s", r.body)
	}
	// A deleted number is never given again.
	c.do("DELETE", "/v1/plugins/cleaner/versions/2", c.token, "").want(t, 204, "")
	if third := c.push("cleaner", wasm); third.Version != 3 {
		t.Errorf("after a deletion: version %d", third.Version)
	}
}

func TestPluginUploadInGo(t *testing.T) {
	c := newPluginHouse(t)
	v := c.use("goguest", goGuest(t))
	if string(v.Describe) != `{"name":"goguest","version":"1.0.0"}` {
		t.Errorf("describe %s", v.Describe)
	}
	r := c.csv("", "Company,Website\nAcme,https://acme.example/about\nBad,bad\nBoom,boom\nBolt,http://bolt.example:80\n")
	r.wantSaid(t, "rows", "200 completed 0+0+0+4=4 [1:2 name required] [2:3 Website bad_website] [3:4 plugin_trap] [4:5 name required]")
}

func TestPluginUploadRefused(t *testing.T) {
	c := newPluginHouse(t)
	good := plugintest.Guest{}.Bytes()
	f := func(name string, wasm []byte, status int, code, part string, headers ...string) {
		t.Helper()
		r := c.upload(name, wasm, headers...)
		r.want(t, status, code)
		if !strings.Contains(r.message(t), part) {
			t.Errorf("%s: %q, want %q in it", name, r.message(t), part)
		}
	}
	const invalid = "plugin_invalid"
	f("a", []byte("hello"), 422, invalid, "")
	f("a", good[:40], 422, invalid, "")
	f("a", append(good, 8, 1, 0), 422, invalid, "start")
	f("a", []byte("\x00asm\x01\x00\x00\x00\x07\x05\xff\xff\xff\xff\x0f"), 422, invalid, "")
	f("a", plugintest.Guest{Process: "i64.const 1"}.Bytes(), 422, invalid, "the module is not valid")
	f("a", plugintest.Guest{Table: 3, Init: "ref.func $process i32.const 1 table.grow drop"}.Bytes(), 422, invalid, "table.grow")
	f("a", plugintest.Guest{Init: "loop void br 0 end"}.Bytes(), 422, invalid, "_initialize does not end")
	f("a", plugintest.Guest{Imports: []plugintest.Import{{Module: "wasi_snapshot_preview1", Name: "path_open", Params: "i32"}}}.Bytes(),
		422, invalid, "path_open")
	f("a", plugintest.Guest{Imports: []plugintest.Import{{Module: "env", Name: "abort", Params: "i32 i32 i32 i32"}}}.Bytes(),
		422, invalid, "--use abort=")
	f("a", good, 415, "unsupported_media_type", "", "Content-Type: application/octet-stream")
	f("a", good, 415, "unsupported_media_type", "", "Content-Type: application/json")
	f("a", make([]byte, 8<<20+1), 413, "payload_too_large", "")
	c.post("/v1/plugins?name=a", "", "Content-Type: "+wasmType).want(t, 400, "validation_error")
	for _, name := range []string{"active", "audit", "", "A", "-a", "a.b", "a%2Fb", "a@1", "%C3%A4", strings.Repeat("a", 65)} {
		f(name, good, 400, "validation_error", "")
	}
	c.post("/v1/plugins", string(good), "Content-Type: "+wasmType).want(t, 400, "validation_error")
	c.post("/v1/plugins?name=a&nme=b", string(good), "Content-Type: "+wasmType).want(t, 400, "validation_error")
	if list := dataOf[[]any](t, c.get("/v1/plugins")); len(list) != 0 {
		t.Errorf("refused modules are listed: %v", list)
	}
	for _, name := range []string{"0", "a-b_c", strings.Repeat("a", 64)} {
		c.push(name, good)
	}
	c.upload("ab", good, "Content-Type: application/wasm; x=y").want(t, 201, "")
}

func TestPluginLifecycle(t *testing.T) {
	c := newPluginHouse(t)
	one := c.push("p", chaos.Module())
	two := c.push("p", plugintest.Guest{}.Bytes())
	c.push("q", chaos.Module())

	type brief struct {
		Name    string
		Version int
		Active  bool
	}
	listed := func(path string, want ...brief) {
		t.Helper()
		r := c.get(path)
		r.want(t, 200, "")
		if got := dataOf[[]brief](t, r); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	active := func(name any, version any) {
		t.Helper()
		v := dataOf[map[string]any](t, c.get("/v1/plugins/active"))
		if v["object"] != "companies" || v["name"] != name || fmt.Sprint(v["version"]) != fmt.Sprint(version) {
			t.Errorf("active: %v, want %v %v", v, name, version)
		}
	}
	active(nil, nil)
	listed("/v1/plugins", brief{"p", 1, false}, brief{"p", 2, false}, brief{"q", 1, false})
	listed("/v1/plugins/p", brief{"p", 1, false}, brief{"p", 2, false})
	if v := dataOf[plugins.Version](t, c.get("/v1/plugins/p/versions/1")); v.SHA256 != one.SHA256 || v.Report == nil || v.Active {
		t.Errorf("one version: %+v", v)
	}
	for _, path := range []string{"/v1/plugins/none", "/v1/plugins/p/versions/3", "/v1/plugins/p/versions/0", "/v1/plugins/p/versions/x",
		"/v1/plugins/p/versions/01", "/v1/plugins/p/versions/+1", "/v1/plugins/p/versions/%2B1", "/v1/plugins/p/versions/1.0", "/v1/plugins/p/versions/",
		"/v1/plugins/p/versions/99999999999999999999", "/v1/plugins/none/versions/1", "/v1/plugins/P"} {
		c.get(path).want(t, 404, "not_found")
		c.do("DELETE", strings.Replace(path, "/v1/plugins/none", "/v1/plugins/none/versions/1", 1), c.token, "")
	}

	// No version means the newest; an older one is the way back.
	r := c.activate(`{"object":"companies","name":"p"}`)
	r.want(t, 200, "")
	if v := dataOf[map[string]any](t, r); v["version"] != 2.0 || v["sha256"] != two.SHA256 {
		t.Errorf("the newest: %s", r.body)
	}
	c.activate(`{"object":"companies","name":"p","version":1}`).want(t, 200, "")
	active("p", 1)
	listed("/v1/plugins/p", brief{"p", 1, true}, brief{"p", 2, false})

	for body, status := range map[string]int{
		`{"object":"companies","name":"none","version":1}`: 404,
		`{"object":"companies","name":"p","version":9}`:    404,
		`{"object":"contacts","name":"p","version":1}`:     400,
		`{"name":"p","version":1}`:                         400,
		`{"object":"companies","version":1}`:               400,
		`{"object":"companies","name":"p","version":0}`:    400,
		`{"object":"companies","name":"p","version":"1"}`:  400,
		`{"object":"companies","name":"p","version":1.5}`:  400,
		`{"object":"companies","name":"","version":1}`:     400,
		`{"object":"companies","name":7,"version":1}`:      400,
		`{"object":"companies","name":"p","extra":1}`:      400,
		`{"object":"companies","name":null,"version":1}`:   400,
		`[]`: 400,
	} {
		if r := c.activate(body); r.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", body, r.StatusCode, r.body, status)
		}
	}
	active("p", 1)
	const ofNone = "version: is a version of no plugin, as name is null; leave it out, or name the plugin"
	if m := c.activate(`{"object":"companies","name":null,"version":1}`).message(t); m != ofNone {
		t.Errorf("a version of none: %s", m)
	}

	c.do("DELETE", "/v1/plugins/p/versions/1", c.token, "").want(t, 409, "conflict")
	c.activate(`{"object":"companies","name":null}`).want(t, 200, "")
	active(nil, nil)
	c.do("DELETE", "/v1/plugins/p/versions/1", c.token, "").want(t, 204, "")
	c.get("/v1/plugins/p/versions/1").want(t, 404, "not_found")
	c.do("DELETE", "/v1/plugins/p/versions/1", c.token, "").want(t, 404, "not_found")

	// Who did what and when, the newest first.
	r = c.get("/v1/plugins/audit")
	r.want(t, 200, "")
	var acts []string
	for _, e := range dataOf[[]plugins.AuditEntry](t, r) {
		if e.KeyID == "" || time.Since(e.At) > time.Hour {
			t.Errorf("entry %+v", e)
		}
		acts = append(acts, strings.TrimSpace(fmt.Sprintf("%s %s %s %d", e.Action, e.Object, e.Name, e.Version)))
	}
	want := []string{"delete  p 1", "deactivate companies  0", "activate companies p 1", "activate companies p 2", "upload  q 1", "upload  p 2", "upload  p 1"}
	if !reflect.DeepEqual(acts, want) {
		t.Errorf("audit\n%q, want\n%q", acts, want)
	}
	page := dataOf[[]plugins.AuditEntry](t, c.get("/v1/plugins/audit?page=2&per_page=3"))
	if len(page) != 3 || page[0].Action != "activate" || page[0].Version != 2 {
		t.Errorf("page 2: %+v", page)
	}
	c.get("/v1/plugins/audit?per_page=101").want(t, 400, "validation_error")
}

// Nobody sees, uses or is told of another tenant's plugins.
func TestPluginsOfAnotherTenant(t *testing.T) {
	c := newPluginHouse(t)
	c.useChaos()
	other := c.testServer.house("globex")
	if r := other.get("/v1/plugins"); string(r.body) != `{"data":[]}`+"\n" && len(dataOf[[]any](t, r)) != 0 {
		t.Errorf("list: %s", r.body)
	}
	for _, path := range []string{"/v1/plugins/chaos", "/v1/plugins/chaos/versions/1"} {
		other.get(path).want(t, 404, "not_found")
	}
	other.do("DELETE", "/v1/plugins/chaos/versions/1", other.token, "").want(t, 404, "not_found")
	other.post("/v1/plugins/chaos/versions/1/test", `{"rows":[{"name":"A"}]}`).want(t, 404, "not_found")
	other.activate(`{"object":"companies","name":"chaos","version":1}`).want(t, 404, "not_found")
	other.json(`{"rows":[{"name":"A"}],"plugin":"chaos"}`).wantSaid(t, "another's plugin", "400 validation_error plugin")
	other.json(`{"rows":[{"name":"A"}],"plugin":"chaos@1"}`).wantSaid(t, "another's version", "400 validation_error plugin")
	if r := other.json(`{"rows":[{"name":"!trap"}]}`); r.importData(t).Plugin != nil || r.importData(t).CreatedCount != 1 {
		t.Errorf("another's active plugin: %s", r.body)
	}
	if list := dataOf[[]any](t, other.get("/v1/plugins/audit")); len(list) != 0 {
		t.Errorf("audit: %v", list)
	}
	// And the same name is another plugin.
	if v := other.push("chaos", plugintest.Guest{}.Bytes()); v.Version != 1 {
		t.Errorf("version %d", v.Version)
	}
}

func TestPluginScopes(t *testing.T) {
	c := newPluginHouse(t)
	c.useChaos()
	keys := map[Scope]string{}
	for _, s := range []Scope{ReadCompanies, WriteCompanies, ReadImports, ReadPlugins, WritePlugins} {
		keys[s] = c.key("acme", s)
	}
	keys["admin"] = c.admin
	f := func(method, path string, needs Scope, body string, headers ...string) {
		t.Helper()
		for scope, key := range keys {
			r := c.do(method, path, key, body, headers...)
			if refused := r.StatusCode == 403; refused != (scope != needs) {
				t.Errorf("%s %s with %s: %d %.200s", method, path, scope, r.StatusCode, r.body)
			}
			if r.StatusCode == 403 {
				r.want(t, 403, "insufficient_permissions")
			}
		}
		c.do(method, path, "", body, headers...).want(t, 401, "invalid_key")
	}
	f("POST", "/v1/plugins?name=a", WritePlugins, string(plugintest.Guest{}.Bytes()), "Content-Type: "+wasmType)
	f("GET", "/v1/plugins", ReadPlugins, "")
	f("GET", "/v1/plugins/chaos", ReadPlugins, "")
	f("GET", "/v1/plugins/chaos/versions/1", ReadPlugins, "")
	f("POST", "/v1/plugins/chaos/versions/1/test", ReadPlugins, `{"rows":[{"name":"A"}]}`)
	f("GET", "/v1/plugins/active", ReadPlugins, "")
	f("PUT", "/v1/plugins/active", WritePlugins, `{"object":"companies","name":null}`)
	f("GET", "/v1/plugins/audit", ReadPlugins, "")
	f("DELETE", "/v1/plugins/a/versions/1", WritePlugins, "")
	// Importing through a plugin is importing.
	r := c.do("POST", importPath, keys[WriteCompanies], `{"rows":[{"name":"A"}],"plugin":"chaos"}`)
	r.want(t, 200, "")
	for _, p := range []struct{ method, path string }{{"PATCH", "/v1/plugins"}, {"PUT", "/v1/plugins"}, {"POST", "/v1/plugins/active"},
		{"DELETE", "/v1/plugins/chaos"}, {"GET", "/v1/plugins/chaos/versions/1/test"}} {
		c.do(p.method, p.path, c.token, "").want(t, 405, "method_not_allowed")
	}
}
