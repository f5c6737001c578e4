package host

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/storage/memkv"
)

// Rule 2.12: an admin key is written to DATA/admin.key, for its owner alone, on
// the first start; later starts leave it.
func TestFirstKey(t *testing.T) {
	ts := startServer(t)
	path := filepath.Join(ts.cfg.Data, "admin.key")
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	before, err := os.ReadFile(path)
	if err != nil || !regexp.MustCompile(`^wbk_[A-Za-z0-9_-]{43}\n$`).Match(before) {
		t.Fatalf("%q, %v", before, err)
	}
	if err := ts.keys.bootstrap(context.Background(), ts.cfg.Data); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Fatalf("%q, %v", after, err)
	}
	ts.do("GET", "/v1/admin/keys", ts.admin, "").want(t, 200, "")
	ts.do("GET", "/v1/companies", ts.admin, "").want(t, 403, "insufficient_permissions")
}

// Rules 2.13, 2.100: a key is shown once, stored hashed, listed and deleted, by its
// id in whatever case.
func TestKeyLifecycle(t *testing.T) {
	ts := startServer(t)
	r := ts.do("POST", "/v1/admin/keys", ts.admin, `{"tenant":"acme","scopes":["read:imports","read:companies","read:companies"],
		"expires_at":"2099-01-02T03:04:05+01:00","rate_limit":7}`)
	r.want(t, 201, "")
	var made struct{ Data map[string]any }
	r.decode(t, &made)
	token, id := made.Data["key"].(string), made.Data["id"].(string)
	if made.Data["prefix"] != token[:12] || made.Data["tenant"] != "acme" || made.Data["rate_limit"] != 7.0 ||
		made.Data["expires_at"] != "2099-01-02T02:04:05Z" || made.Data["created_at"] == nil {
		t.Fatalf("%v", made.Data)
	}
	if scopes, _ := json.Marshal(made.Data["scopes"]); string(scopes) != `["read:companies","read:imports"]` {
		t.Fatalf("scopes %s", scopes)
	}
	ts.do("GET", "/v1/companies", token, "").want(t, 200, "")

	r = ts.do("GET", "/v1/admin/keys", ts.admin, "")
	r.want(t, 200, "")
	var listed struct {
		Data []map[string]any
		Meta map[string]any
	}
	r.decode(t, &listed)
	if len(listed.Data) != 2 || listed.Data[1]["id"] != id || listed.Data[1]["key"] != nil || listed.Meta["next_cursor"] != nil {
		t.Fatalf("%s", r.body)
	}
	if strings.Contains(string(r.body), token) {
		t.Fatal("the token is shown again")
	}
	r = ts.do("GET", "/v1/admin/keys/"+id, ts.admin, "")
	r.want(t, 200, "")
	var one struct{ Data map[string]any }
	r.decode(t, &one)
	if one.Data["id"] != id || one.Data["tenant"] != "acme" || one.Data["key"] != nil {
		t.Fatalf("%s", r.body)
	}
	// Whatever the case of an id, it is the same key.
	if upper := ts.do("GET", "/v1/admin/keys/"+strings.ToUpper(id), ts.admin, ""); string(upper.body) != string(r.body) {
		t.Fatalf("in upper case %d %s, in lower case %s", upper.StatusCode, upper.body, r.body)
	}
	r = ts.do("GET", "/v1/admin/keys?cursor="+strings.ToUpper(listed.Data[0]["id"].(string)), ts.admin, "")
	r.decode(t, &listed)
	if len(listed.Data) != 1 || listed.Data[0]["id"] != id {
		t.Fatalf("behind the first key: %s", r.body)
	}
	ts.do("GET", "/v1/admin/keys/nonsense", ts.admin, "").want(t, 404, "not_found")
	ts.do("GET", "/v1/admin/keys/"+id, token, "").want(t, 403, "insufficient_permissions")
	stored, err := ts.backend.records.Record(context.Background(), keyByID(id))
	if err != nil || strings.Contains(string(stored), token[12:]) {
		t.Fatalf("%s, %v", stored, err)
	}

	ts.do("DELETE", "/v1/admin/keys/"+strings.ToUpper(id), ts.admin, "").want(t, 204, "")
	ts.do("GET", "/v1/companies", token, "").want(t, 401, "invalid_key")
	ts.do("DELETE", "/v1/admin/keys/"+id, ts.admin, "").want(t, 404, "not_found")
	ts.do("DELETE", "/v1/admin/keys/nonsense", ts.admin, "").want(t, 404, "not_found")
}

func TestKeyRefused(t *testing.T) {
	ts := startServer(t)
	f := func(body, message string) {
		t.Helper()
		r := ts.do("POST", "/v1/admin/keys", ts.admin, body)
		r.want(t, 400, "validation_error")
		if got := r.message(t); got != message {
			t.Errorf("%q, want %q", got, message)
		}
	}
	f(`{}`, "tenant: is required; scopes: is required")
	f(`{"tenant":"","scopes":[]}`, "tenant: must be 1 to 64 letters, digits, '.', '_' or '-'; scopes: must name at least one scope")
	f(`{"tenant":"a b","scopes":["x"]}`, `tenant: must be 1 to 64 letters, digits, '.', '_' or '-'; scopes[0]: there is no scope "x"`)
	f(`{"tenant":"a","scopes":"admin"}`, "scopes: must be an array of strings")
	f(`{"tenant":"a","scopes":["admin"],"expires_at":"2020-01-01T00:00:00Z"}`, "expires_at: lies in the past")
	f(`{"tenant":"a","scopes":["admin"],"expires_at":"tomorrow"}`, "expires_at: must be a time as in RFC 3339")
	f(`{"tenant":"a","scopes":["admin"],"rate_limit":0}`, "rate_limit: must be from 1 to 1000000000")
	f(`{"tenant":"a","scopes":["admin"],"rate_limit":"5"}`, "rate_limit: must be a whole number")
	f(`{"tenant":"a","scopes":["admin"],"ratelimit":5}`, "ratelimit: unknown field")
}

// Rule 2.14: a key is missing, unknown or expired: 401 invalid_key.
func TestAuthorization(t *testing.T) {
	ts := startServer(t)
	token := ts.key("acme", ReadCompanies)
	f := func(header string, status int) {
		t.Helper()
		c := ts.dial()
		c.send("GET /v1/companies HTTP/1.1", "Host: x", "Connection: close", "Authorization: "+header, "")
		r := c.answer()
		if r.StatusCode != status {
			t.Errorf("%q: %d, want %d", header, r.StatusCode, status)
		}
		if limited := r.Header.Get("X-RateLimit-Limit") != ""; limited != (status == 200) {
			t.Errorf("%q: rate limit headers %v", header, limited)
		}
	}
	f("Bearer "+token, 200)
	f("bearer "+token, 200)
	f("BEARER   "+token, 200)
	f("", 401)
	f(token, 401)
	f("Basic "+token, 401)
	f("Bearer", 401)
	f("Bearer "+token[:len(token)-1], 401)
	f("Bearer "+token+"x", 401)
	f("Bearer wbk_"+strings.Repeat("A", 43), 401)
	f("Bearer "+strings.ToUpper(token), 401)

	key := &Key{Tenant: "acme", Scopes: []Scope{ReadCompanies}}
	soon := time.Now().Add(time.Hour)
	key.ExpiresAt = &soon
	token, err := ts.keys.create(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ts.keys.authenticate(context.Background(), []byte("Bearer "+token), soon.Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := ts.keys.authenticate(context.Background(), []byte("Bearer "+token), soon); err != errInvalidKey {
		t.Fatalf("expired: %v", err)
	}
}

// Rule 2.15: each route needs its scope.
func TestScopes(t *testing.T) {
	ts := startServer(t)
	tokens := map[Scope]string{}
	for _, s := range Scopes() {
		tokens[s] = ts.key("acme", s)
	}
	for _, r := range ts.router.routes {
		if r.scope == public || r.scope == anyKey || strings.HasPrefix(r.pattern, "/v1/import/jobs/") {
			continue // whose keys depend on who made the job
		}
		path := strings.NewReplacer("{id}", "x", "{name}", "x", "{v}", "1").Replace(r.pattern)
		for s, token := range tokens {
			got := ts.do(r.method, path, token, "", "Content-Type: none/none").StatusCode == 403
			if want := s != r.scope; got != want {
				t.Errorf("%s %s with %s: refused %v, want %v", r.method, r.pattern, s, got, want)
			}
		}
	}
}

// Rule 2.16: X-RateLimit-* on every authenticated answer; past the limit a 429
// with Retry-After.
func TestRateLimit(t *testing.T) {
	ts := startServer(t)
	r := ts.do("POST", "/v1/admin/keys", ts.admin, `{"tenant":"acme","scopes":["read:companies"],"rate_limit":3}`)
	r.want(t, 201, "")
	var made struct{ Data struct{ Key string } }
	r.decode(t, &made)
	reset := ""
	f := func(path string, status int, remaining string) {
		t.Helper()
		before := time.Now().Unix() + 60
		r := ts.do("GET", path, made.Data.Key, "")
		if r.StatusCode != status || r.Header.Get("X-RateLimit-Limit") != "3" || r.Header.Get("X-RateLimit-Remaining") != remaining {
			t.Errorf("%s: %d, %v", path, r.StatusCode, r.Header)
		}
		got := r.Header.Get("X-RateLimit-Reset")
		if reset == "" { // the window begins with the first request
			reset = got
			if n, err := json.Number(got).Int64(); err != nil || n < before || n > time.Now().Unix()+60 {
				t.Errorf("reset %q, not from %d", got, before)
			}
		}
		if got != reset {
			t.Errorf("reset %q, before that %q", got, reset)
		}
	}
	f("/v1/companies", 200, "2")
	f("/v1/nowhere", 404, "1")
	f("/v1/admin/keys", 403, "0")
	f("/v1/companies", 429, "0")
	f("/v1/admin/keys", 429, "0") // before 403
	r = ts.do("GET", "/v1/companies", made.Data.Key, "")
	r.want(t, 429, "rate_limited")
	if n, err := json.Number(r.Header.Get("Retry-After")).Int64(); err != nil || n < 1 || n > 60 {
		t.Fatalf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	if got := ts.do("GET", "/v1/admin/keys", ts.admin, "").Header.Get("X-RateLimit-Limit"); got != "1000" {
		t.Fatalf("default limit %q", got)
	}
}

func TestLimiterWindows(t *testing.T) {
	l := newLimiter()
	start := time.Unix(1000, 999_000_000)
	f := func(at time.Duration, fits bool, remaining int, reset int64) {
		t.Helper()
		w, ok := l.take("k", 2, start.Add(at))
		if ok != fits || w.remaining() != remaining || w.reset() != reset {
			t.Errorf("at %s: %v, %d, %d", at, ok, w.remaining(), w.reset())
		}
	}
	f(0, true, 1, 1060)
	f(time.Second, true, 0, 1060)
	f(59*time.Second, false, 0, 1060)
	f(60*time.Second, true, 1, 1120) // a window of its own
	f(-time.Hour, true, 1, 1060-3600)
	if w, ok := l.take("other", 5, start); !ok || w.remaining() != 4 {
		t.Error("keys share a window")
	}
	for i := range 3 * leastSweep {
		l.take(string(rune(i)), 1, start.Add(time.Duration(i)*time.Second))
	}
	if n := len(l.windows); n > leastSweep {
		t.Errorf("%d windows are kept", n)
	}
}

// Windows go by the clock that Retry-After and X-RateLimit-Reset are told by. Were
// they to go by how long the process runs, a clock set back by an hour would have
// clients wait for that hour.
func TestClockBackRate(t *testing.T) {
	l, now := newLimiter(), time.Now()
	if strings.Contains(now.String(), "m=") {
		if w, _ := l.take("k", 1, now); strings.Contains(w.start.String(), "m=") {
			t.Fatalf("the window began at %s", w.start)
		}
	}
	if w, ok := l.take("k", 1, now); ok || w.reset()-now.Unix() > 60 {
		t.Fatalf("%+v, %v", w, ok)
	}
	for _, back := range []time.Duration{time.Hour, 365 * 24 * time.Hour, 2 * time.Second} {
		now = now.Add(-back).Round(0)
		if w, ok := l.take("k", 1, now); !ok || w.reset()-now.Unix() != 60 {
			t.Fatalf("set back by %s: %+v, %v", back, w, ok)
		}
		if w, ok := l.take("k", 1, now); ok || w.reset()-now.Unix() > 60 {
			t.Fatalf("set back by %s, again: %+v, %v", back, w, ok)
		}
	}
}

// Hammer: lookups race with deletes; once a delete has returned the key opens
// nothing.
func TestKeyringHammer(t *testing.T) {
	cfg := DefaultConfig()
	cfg.KeyCache = 4
	k := newKeyring(records{memkv.New()}, cfg)
	ctx := context.Background()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				key := &Key{Tenant: "t", Scopes: []Scope{Admin}}
				token, err := k.create(ctx, key)
				if err != nil {
					t.Error(err)
					return
				}
				header := []byte("Bearer " + token)
				var readers sync.WaitGroup
				for range 4 {
					readers.Go(func() {
						for range 10 {
							if _, err := k.authenticate(ctx, header, time.Now()); err != nil && err != errInvalidKey {
								t.Error(err)
							}
						}
					})
				}
				if err := k.remove(ctx, key.ID); err != nil {
					t.Error(err)
				}
				if _, err := k.authenticate(ctx, header, time.Now()); err != errInvalidKey {
					t.Errorf("a deleted key gives %v", err)
				}
				readers.Wait()
				if _, err := k.authenticate(ctx, header, time.Now()); err != errInvalidKey {
					t.Errorf("a deleted key gives %v", err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(k.cached); n > cfg.KeyCache {
		t.Errorf("%d keys are cached, limit %d", n, cfg.KeyCache)
	}
}
