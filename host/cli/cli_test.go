package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	if r := run(nil, "", "version").want(t, exitDone); r.stdout != "dev\n" {
		t.Errorf("%q", r.stdout)
	}
	if r := run(nil, "", "version", "--json").want(t, exitDone); r.stdout != `{"version":"dev"}`+"\n" {
		t.Errorf("%q", r.stdout)
	}
}

func TestUsage(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		r := run(nil, "", args...)
		if r.code != exitNotDone || !strings.HasSuffix(r.stderr, "sluice: "+want+"\n") {
			t.Errorf("%v: exit %d, want %q\n%s", args, r.code, want, r.stderr)
		}
	}
	f("unexpected argument frobnicate", "frobnicate")
	f("unexpected argument twice", "version", "twice")
	f("unknown flag --nope", "version", "--nope")
	f("unknown flag --nope", "plugins", "list", "--nope")
	f("expected \"<file>\"", "import")
	f("missing flags: --lang=STRING", "plugins", "init", "x")
	f("--lang must be one of \"go\",\"rust\",\"c\",\"as\" but got \"python\"", "plugins", "init", "--lang", "python", "x")
	f("--max-errors: expected a valid 64 bit int but got \"many\"", "import", "x.csv", "--max-errors", "many")
	run(nil, "", "--help").want(t, exitDone, "plugins push", "jobs watch", "SLUICE_DATA")
}

func TestKeys(t *testing.T) {
	s := startServer(t)
	admin := []string{"SLUICE_URL=" + s.url, "SLUICE_DATA=" + s.data}
	made := decode[apiKey](t, run(admin, "", "keys", "create", "--tenant", "acme", "--scopes", "read:companies", "--rate-limit", "7", "--json"))
	if made.Tenant != "acme" || made.RateLimit != 7 || !strings.HasPrefix(made.Key, "wbk_") {
		t.Errorf("%+v", made)
	}
	list := run(admin, "", "keys", "list").want(t, exitDone, made.ID, "acme", "read:companies", "never")
	if strings.Contains(list.stdout, made.Key) {
		t.Error("a list shows a secret")
	}
	if r := run(admin, "", "keys", "delete", made.ID).want(t, exitDone); r.stdout != made.ID+" is removed\n" {
		t.Errorf("%q", r.stdout)
	}
	run(admin, "", "keys", "delete", made.ID).want(t, exitNotDone, "sluice: not_found: ")
	run(admin, "", "keys", "create", "--tenant", "acme", "--scopes", "read:everything").want(t, exitNotDone, "sluice: validation_error: ")
	// The key in the environment is a tenant's: the server's own does it, where it is at hand.
	theirs := append(s.env, "SLUICE_DATA="+s.data)
	run(theirs, "", "keys", "create", "--tenant", "acme", "--scopes", "read:companies").want(t, exitDone, "wbk_")
	run(theirs, "", "keys", "list").want(t, exitDone, "acme")
	nowhere := filepath.Join(t.TempDir(), "none")
	run(s.env, "", "keys", "list", "--data", nowhere).want(t, exitNotDone, "sluice: insufficient_permissions: ")
	run(nil, "", "keys", "list", "--data", nowhere).refused(t, "no --key, and no admin key either (open "+filepath.Join(nowhere, "admin.key")+
		": no such file or directory); give --key, or --data with the server's data folder")
	if info, err := os.Stat(filepath.Join(s.data, "admin.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("admin.key: %v %v", info, err)
	}
}

// TestInternalError holds that what only the server's log explains is given the id
// to look for there.
func TestInternalError(t *testing.T) {
	answer := func(status int, body string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Request-ID", "req-1")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}))
		defer srv.Close()
		return run(nil, "", "jobs", "list", "--key", "k", "--url", srv.URL).want(t, exitNotDone).stderr
	}
	f := func(status int, body, want string) {
		t.Helper()
		if got := answer(status, body); got != "sluice: "+want+"\n" {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(500, `{"error":{"code":"internal_error","message":"something went wrong"}}`,
		"internal_error: something went wrong (request req-1; the server's log says more)")
	f(502, `<html>`, "the server answered 502 Bad Gateway (request req-1; the server's log says more)")
	f(404, `{"error":{"code":"not_found","message":"there is no such job"}}`, "not_found: there is no such job")
	f(200, `{`, "read answer: unexpected EOF")
}

func TestServeRefused(t *testing.T) {
	dir := t.TempDir()
	run(nil, "", "serve", "--addr", "nowhere", "--data", dir).want(t, exitNotDone, `--addr: "nowhere" is not host:port`)
	run([]string{"SLUICE_PLUGIN_MEMORY=1"}, "", "serve", "--addr", "127.0.0.1:0", "--admin-addr", "", "--data", dir).
		want(t, exitNotDone, "--plugin-memory: 1 is not from 65536 to 1073741824\n")
}
