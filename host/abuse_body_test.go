package host

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// jsonOperations are those whose body may be JSON.
func jsonOperations(t *testing.T) (all []operation) {
	for _, op := range operations(t) {
		if strings.HasSuffix(op.media, "json") {
			all = append(all, op)
		}
	}
	return all
}

// Abuse 3.21: bombs of depth, numbers and keys, and what is no JSON, are refused by
// every operation that reads JSON, within a second's work and as the client's fault.
func TestAbuseJSON(t *testing.T) {
	c := newHouse(t)
	deep := func(open, close string, n int) string {
		return strings.Repeat(open, n) + "1" + strings.Repeat(close, n)
	}
	var members strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&members, `"k%d":0,`, i)
	}
	bombs := map[string]string{
		"arrays": deep("[", "]", 100_000), "objects": deep(`{"a":`, "}", 100_000), "an open array": strings.Repeat("[", 1<<20),
		"in a field": `{"name":` + deep("[", "]", 100_000) + `}`, "many keys": "{" + members.String() + `"x":0}`,
		"digits": `{"version":` + strings.Repeat("9", 1<<20) + `}`, "an exponent": `{"rate_limit":1e999999999,"version":1e999999999,"max_errors":1e999999999}`,
		"minus": `{"rate_limit":-0,"version":-0,"max_errors":-0}`, "not a number": `{"name":NaN}`, "two values": `{}{}`, "a comment": `{/**/}`,
		"a byte order mark": "\xef\xbb\xbf{}x", "UTF-16": "\xff\xfe{\x00}\x00", "a control": "{\"name\":\"\x01\"}", "NUL": "{}\x00",
		"a long name": `{"` + strings.Repeat("k", 1<<20) + `":1}`, "__proto__": `{"__proto__":{"admin":true},"constructor":1}`,
	}
	tried := 0
	for _, op := range jsonOperations(t) {
		path := op.at(map[string]string{"id": strings.TrimPrefix(c.post("/v1/companies", `{"name":"A"}`).Header.Get("Location"), "/v1/companies/"), "name": "none", "v": "1"})
		for name, bomb := range bombs {
			token := c.token
			if strings.HasPrefix(path, "/v1/admin/") {
				token = c.admin
			}
			if r := c.do(op.method, path, token, bomb, "Content-Type: "+op.media); r.StatusCode < 400 || r.StatusCode >= 500 {
				t.Errorf("%s %s, %s: %d %.200s", op.method, op.path, name, r.StatusCode, r.body)
			} else if len(r.body) > 64<<10 {
				t.Errorf("%s %s, %s: the answer has %d bytes", op.method, op.path, name, len(r.body))
			}
			tried++
		}
	}
	if tried < 5*len(bombs) {
		t.Errorf("%d requests were tried", tried)
	}
}

// Abuse 3.22: of a key that is sent twice the last one counts, in companies and in
// rows alike; an option that is sent twice is refused.
func TestAbuseRepeatedKeys(t *testing.T) {
	c := newHouse(t)
	c.post("/v1/companies", `{"name":"A","name":"B"}`).want(t, 201, "")
	c.json(`{"rows":[{"name":"C","name":"D"}]}`).wantSaid(t, "rows", "200 completed 1+0+0+0=1")
	c.ndjson("", `{"name":"E","na\u006de":"F"}`+"\n").wantSaid(t, "ndjson", "200 completed 1+0+0+0=1")
	c.json(`{"rows":[],"rows":[]}`).wantSaid(t, "rows twice", "400 validation_error")
	c.json(`{"rows":[],"dry_run":true,"dry_run":false}`).wantSaid(t, "an option twice", "400 validation_error")
	c.json(`{"rows":[],"dry_run":true,"dry\u005frun":false}`).wantSaid(t, "an option in two spellings", "400 validation_error")
	c.wantStored("name=B", "name=D", "name=F")
}

// Abuse 3.20: a body is unpacked once, as its header says; what is inside is
// data, however often it was packed.
func TestAbuseNestedGzip(t *testing.T) {
	c := newHouse(t)
	inner := compressed(t, "gzip", strings.Repeat("name\nA\n", 1<<16))
	for _, coding := range []string{"gzip", "zstd"} {
		r := c.csv("dry_run=true", compressed(t, coding, inner), "Content-Encoding: "+coding)
		if r.StatusCode >= 500 || len(r.body) > 1<<20 || r.StatusCode == 200 && r.importData(t).CreatedCount > 10 {
			t.Errorf("%s of gzip: %d %.300s", coding, r.StatusCode, r.body)
		}
		for _, list := range []string{"gzip, " + coding, coding + ", gzip", coding + ",", "x-gzip", coding + ";q=1", "br"} {
			c.csv("", compressed(t, coding, inner), "Content-Encoding: "+list).want(t, 415, "unsupported_media_type")
		}
	}
	// Members behind each other are one body, and are counted as one.
	one := compressed(t, "gzip", "name\n")
	c.csv("", one+compressed(t, "gzip", "A\nB\n"), "Content-Encoding: gzip").wantSaid(t, "two members", "200 completed 2+0+0+0=2")
	var object map[string]json.RawMessage
	if err := json.Unmarshal(c.json(compressed(t, "gzip", inner), "Content-Encoding: gzip").body, &object); err != nil || object["error"] == nil {
		t.Errorf("JSON in gzip in gzip: %v, %v", object, err)
	}
}
