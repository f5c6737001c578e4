package host

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/engine/tuple"
	"sluice/storage/memkv"
)

// Abuse 3.4: keys that are unknown, malformed, deleted, expired or sent in another
// scheme have one answer, from which nobody learns whether there was such a key.
func TestAbuseKeyOracle(t *testing.T) {
	ts := startServer(t)
	made := func(body string) (id, token string) {
		t.Helper()
		d := dataOf[struct{ ID, Key string }](t, ts.do("POST", "/v1/admin/keys", ts.admin, body))
		return d.ID, d.Key
	}
	id, deleted := made(`{"tenant":"a","scopes":["read:companies"]}`)
	ts.do("GET", "/v1/companies", deleted, "").want(t, 200, "")
	ts.do("DELETE", "/v1/admin/keys/"+id, ts.admin, "").want(t, 204, "")
	expired := newToken()
	past := time.Now().Add(-time.Minute)
	if err := ts.keys.put(context.Background(), &Key{Tenant: "a", Scopes: []Scope{ReadCompanies}, ExpiresAt: &past}, expired); err != nil {
		t.Fatal(err)
	}
	_, live := made(`{"tenant":"a","scopes":["read:companies"]}`)
	want := ""
	for name, header := range map[string]string{"unknown": "Bearer " + newToken(), "malformed": "Bearer wbk_x", "deleted": "Bearer " + deleted,
		"expired": "Bearer " + expired, "the hash": "Bearer " + fmt.Sprintf("%x", hashToken(live)), "the prefix": "Bearer " + live[:prefixLen],
		"the id": "Bearer " + id, "basic": "Basic " + live, "alone": live, "longer": "Bearer " + live + "x", "shorter": "Bearer " + live[:len(live)-1],
		"another case": "Bearer " + strings.ToUpper(live), "two": "Bearer " + live + " " + live, "quoted": `Bearer "` + live + `"`, "none": ""} {
		r := ts.do("GET", "/v1/companies", "", "", "Authorization: "+header)
		r.want(t, 401, "invalid_key")
		r.Header.Del("X-Request-Id")
		r.Header.Del("Date")
		if got := fmt.Sprint(r.Header, string(r.body)); want == "" {
			want = got
		} else if got != want {
			t.Errorf("%s: %s, of another %s", name, got, want)
		}
	}
	ts.do("GET", "/v1/companies", live, "").want(t, 200, "")
}

// countedRecords counts what is read.
type countedRecords struct {
	records
	reads int
}

func (c *countedRecords) Record(ctx context.Context, key tuple.Key) ([]byte, error) {
	c.reads++
	return c.records.Record(ctx, key)
}

// Abuse 3.5: a guess costs the same work whatever it has in common with a key that
// exists, since only hashes are looked up and compared, and it leaves nothing in
// memory.
func TestAbuseKeyGuessing(t *testing.T) {
	counted := &countedRecords{records: records{memkv.New()}}
	ring := newKeyring(counted, DefaultConfig())
	ctx := context.Background()
	live, err := ring.create(ctx, &Key{Tenant: "a", Scopes: []Scope{ReadCompanies}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.authenticate(ctx, []byte("Bearer "+live), time.Now()); err != nil {
		t.Fatal(err)
	}
	for i := len(tokenStart); i < len(live)-1; i++ {
		guess := []byte(live)
		guess[i] = 'A'
		if live[i] == 'A' {
			guess[i] = 'B'
		}
		counted.reads = 0
		if _, err := ring.authenticate(ctx, append([]byte("Bearer "), guess...), time.Now()); err != errInvalidKey || counted.reads != 1 {
			t.Fatalf("wrong at %d: %v, %d reads", i, err, counted.reads)
		}
	}
	if len(ring.cached) != 1 {
		t.Errorf("%d keys are kept", len(ring.cached))
	}
}
