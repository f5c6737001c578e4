package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"sluice/host/backup"
)

// failed holds that a command was not done and told scripts exactly why, and
// people too.
func (r result) failed(tb testing.TB, stdout string) {
	tb.Helper()
	if r.code != exitNotDone || r.stdout != stdout+"\n" || !strings.HasPrefix(r.stderr, "sluice: ") {
		tb.Errorf("exit %d\nstdout: %s\nstderr: %s\nwant:   %s", r.code, r.stdout, r.stderr, stdout)
	}
}

func TestFailuresAsJSON(t *testing.T) {
	s := startServer(t)
	dir := t.TempDir()
	f := func(want string, args ...string) {
		t.Helper()
		s.run(append(args, "--json")...).failed(t, `{"error":{`+want+`}}`)
	}
	const noJob = `"code":"not_found","message":"there is no such import job"`
	f(noJob, "jobs", "show", "imp_co_x")
	f(noJob, "jobs", "cancel", "imp_co_x")
	f(noJob, "jobs", "watch", "imp_co_x")
	f(noJob, "jobs", "errors", "imp_co_x")
	f(`"code":"not_found","message":"open missing.csv: no such file or directory"`, "import", "missing.csv")
	file := writeFile(t, "good.csv", good)
	f(`"code":"invalid_key","message":"the API key is missing, unknown or expired; send Authorization: Bearer wbk_…"`, "import", file, "--key", "wbk_nope")
	f(`"code":"validation_error","message":"unknown flag --nope"`, "jobs", "list", "--nope")
	f(`"code":"not_found","message":"there is no plugin nope; sluice plugins list shows those that are there"`, "plugins", "activate", "nope")
	f(`"code":"conflict","message":"no plugin was ever active; sluice plugins activate makes one so"`, "plugins", "rollback")
	f(`"code":"validation_error","message":"`+file+` is no Wasm module, its first four bytes are not \\0asm; give the .wasm file that a build makes"`,
		"plugins", "push", file, "--name", "p")
	f(`"code":"not_found","message":"there is no folder `+dir+`/none; sluice plugins init starts a project"`, "plugins", "build", filepath.Join(dir, "none"))
	f(`"code":"validation_error","message":"backup 1: backup is damaged: block 0 has 1886220099 bytes"`, "restore", file, "--data", filepath.Join(dir, "new"))
	f(`"code":"overloaded","message":"Get \"http://127.0.0.1:1/v1/admin/keys\": dial tcp 127.0.0.1:1: connect: connection refused (is a server running at http://127.0.0.1:1?)"`,
		"keys", "list", "--url", "http://127.0.0.1:1")
	f(`"code":"not_found","message":"there is no data of a server in this folder: `+dir+`"`, "check", "--data", dir)

	// The environment asks as the flag does, and the flag wins.
	env := append(s.env, "SLUICE_JSON=true")
	run(env, "", "jobs", "show", "imp_co_x").failed(t, `{"error":{`+noJob+`}}`)
	run(env, "", "jobs", "show", "imp_co_x", "--json=false").want(t, exitNotDone, "sluice: not_found: ")
	if r := s.run("jobs", "show", "imp_co_x"); r.stdout != "" {
		t.Errorf("nobody asked for %q", r.stdout)
	}
}

// TestFailureDetails holds that details come through as the server gave them, and
// that an answer which is none of a server's has a code all the same.
func TestFailureDetails(t *testing.T) {
	f := func(status int, body, want string) {
		t.Helper()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		defer srv.Close()
		run(nil, "", "jobs", "list", "--json", "--key", "k", "--url", srv.URL).failed(t, `{"error":{`+want+`}}`)
	}
	f(422, `{"error":{"code":"idempotency_key_reused","message":"a <b>","details":{"first":1}}}`,
		`"code":"idempotency_key_reused","message":"a <b>","details":{"first":1}`)
	f(502, "<html>", `"code":"overloaded","message":"the server answered 502 Bad Gateway"`)
	f(404, "<html>", `"code":"not_found","message":"the server answered 404 Not Found"`)
	f(400, "<html>", `"code":"internal_error","message":"the server answered 400 Bad Request"`)
	f(200, "{", `"code":"internal_error","message":"read answer: unexpected EOF"`)
}

// TestJSONNames holds that what is printed for scripts has the API's kind of names.
func TestJSONNames(t *testing.T) {
	s := startServer(t)
	dir := t.TempDir()
	admin := []string{"SLUICE_URL=" + s.url, "SLUICE_DATA=" + s.data}
	module, companies := "../../plugins/examples/cleaner/cleaner.wasm", writeFile(t, "good.csv", "name,domain\nOne,one.example\n")
	f := func(env []string, args ...string) result {
		t.Helper()
		r := run(env, "", append(args, "--json")...).want(t, exitDone)
		for _, name := range names(decode[any](t, r)) {
			if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
				t.Errorf("%v: %q in %s", args, name, r.stdout)
			}
		}
		return r
	}
	f(nil, "version")
	f(s.env, "import", companies)
	f(s.env, "jobs", "list")
	f(admin, "keys", "create", "--tenant", "acme", "--scopes", "read:companies")
	f(admin, "keys", "list")
	f(nil, "plugins", "init", "--lang", "c", filepath.Join(dir, "mine"))
	f(nil, "plugins", "test", module)
	f(nil, "plugins", "test", module, "--data", companies)
	f(s.env, "plugins", "push", module, "--name", "cleaner", "--activate")
	f(s.env, "plugins", "list")
	f(s.env, "plugins", "activate", "--none")
	f(s.env, "plugins", "rollback")
	file := filepath.Join(dir, "full")
	sum := decode[map[string]any](t, f(admin, "backup", file))
	f(nil, "restore", file, "--data", filepath.Join(dir, "restored"))
	f(nil, "check", "--data", filepath.Join(dir, "restored"))
	if id, _ := sum["store"].(string); len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		t.Errorf("the store's id is %v", sum["store"])
	}

	// A backup that goes to standard output has that for itself.
	piped := run(admin, "", "backup", "-", "--json").want(t, exitDone)
	if _, err := backup.Verify(strings.NewReader(piped.stdout)); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(piped.stderr), new(backup.Summary)); err != nil {
		t.Errorf("%v: %s", err, piped.stderr)
	}
}

// names lists the names of all fields in a JSON value.
func names(v any) (list []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			list = append(append(list, name), names(field)...)
		}
	case []any:
		for _, item := range v {
			list = append(list, names(item)...)
		}
	}
	return list
}
