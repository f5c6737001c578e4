package host

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"sluice/plugins"
	"sluice/plugins/conform/chaos"
	"sluice/plugins/plugintest"
)

// newPluginHouse is a tenant of a server whose compiler may be slow: the race
// detector makes it so.
func newPluginHouse(t testing.TB, change ...func(*Config)) *house {
	t.Helper()
	slow := func(c *Config) { c.PluginCompileTime = time.Minute }
	return newHouse(t, append([]func(*Config){slow}, change...)...)
}

// goGuest is a plugin in Go, compiled now: it makes domain of Website, custom
// fields of all else, rejects "bad" and panics on "boom".
func goGuest(t testing.TB) []byte { return plugintest.BuildGo(t, "../plugins/testdata/goguest") }

// cleaner is the example in C, as committed.
func cleaner(t testing.TB) []byte {
	t.Helper()
	wasm, err := os.ReadFile("../plugins/examples/cleaner/cleaner.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// upload sends a module.
func (c *house) upload(name string, wasm []byte, headers ...string) reply {
	c.t.Helper()
	return c.post("/v1/plugins?name="+name, string(wasm), append([]string{"Content-Type: " + wasmType}, headers...)...)
}

// push uploads a module that is right, and returns what the server made of it.
func (c *house) push(name string, wasm []byte) plugins.Version {
	c.t.Helper()
	r := c.upload(name, wasm)
	r.want(c.t, 201, "")
	return dataOf[plugins.Version](c.t, r)
}

func (c *house) activate(body string) reply {
	c.t.Helper()
	return c.do("PUT", "/v1/plugins/active", c.token, body)
}

// use uploads a module and activates it.
func (c *house) use(name string, wasm []byte) plugins.Version {
	c.t.Helper()
	v := c.push(name, wasm)
	c.activate(fmt.Sprintf(`{"object":"companies","name":%q,"version":%d}`, name, v.Version)).want(c.t, 200, "")
	return v
}

// useChaos lets imports go through the guest that does what rows and config say.
func (c *house) useChaos() plugins.Version { c.t.Helper(); return c.use("chaos", chaos.Module()) }

// dataOf is the data of an answer, as a T.
func dataOf[T any](t testing.TB, r reply) T {
	t.Helper()
	var v struct{ Data T }
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%d %.300s: %v", r.StatusCode, r.body, err)
	}
	return v.Data
}

// rowErrorsOf are the messages of an import's errors, each behind its row and code.
func rowErrorsOf(t testing.TB, r reply) []string {
	t.Helper()
	var list []string
	for _, e := range r.importData(t).Errors {
		list = append(list, fmt.Sprintf("%d %s %s: %s", e.RowNumber, e.Column, e.Code, e.Message))
	}
	return list
}
