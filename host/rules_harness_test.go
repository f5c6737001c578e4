package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sluice/engine"
)

// house is one tenant of a real server, on tables in memory.
type house struct {
	*testServer
	t     testing.TB
	token string
}

// newHouse serves until the test ends.
func newHouse(t testing.TB, change ...func(*Config)) *house {
	t.Helper()
	return startServer(t, change...).house("acme")
}

// house makes a client of a tenant with every right but admin.
func (ts *testServer) house(name string) *house {
	return &house{ts, ts.tb, ts.key(name, ReadCompanies, WriteCompanies, ReadImports, ReadPlugins, WritePlugins)}
}

func (c *house) get(path string) reply { c.t.Helper(); return c.do("GET", path, c.token, "") }

func (c *house) post(path, body string, headers ...string) reply {
	c.t.Helper()
	return c.do("POST", path, c.token, body, headers...)
}

// json imports a JSON body.
func (c *house) json(body string, headers ...string) reply {
	c.t.Helper()
	return c.post(importPath, body, headers...)
}

// csv imports a raw CSV; query is "name=value&…", each value as it reads.
func (c *house) csv(query, body string, headers ...string) reply {
	c.t.Helper()
	return c.post(importPath+encodeQuery(query), body, append([]string{"Content-Type: text/csv"}, headers...)...)
}

// ndjson imports raw NDJSON.
func (c *house) ndjson(query, body string, headers ...string) reply {
	c.t.Helper()
	return c.post(importPath+encodeQuery(query), body, append([]string{"Content-Type: application/x-ndjson"}, headers...)...)
}

func encodeQuery(query string) string {
	if query == "" {
		return ""
	}
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, name+"="+url.QueryEscape(value))
	}
	return "?" + strings.Join(pairs, "&")
}

// said is what matters of an answer to an import, on one line:
//
//	200 completed 1+2+0+1=4 [3:4 domain invalid_domain]
//	400 validation_error mapping
//
// the counts are created, updated, skipped and failed rows, and the sum
// row_count; an error is row:line column code.
func (r reply) said(t testing.TB) string {
	t.Helper()
	if r.StatusCode >= 400 {
		e := r.fault(t)
		s := fmt.Sprintf("%d %s", r.StatusCode, e.Code)
		if o, ok := e.Details["option"]; ok {
			s += fmt.Sprintf(" %v", o)
		}
		return s
	}
	return fmt.Sprintf("%d %s", r.StatusCode, told(r.importData(t)))
}

func told(d engine.Data) string {
	s := fmt.Sprintf("%s %d+%d+%d+%d=%d", d.Status, d.CreatedCount, d.UpdatedCount, d.SkippedCount, d.FailedCount, d.RowCount)
	for _, e := range d.Errors {
		s += fmt.Sprintf(" [%d", e.RowNumber)
		if e.Line > 0 {
			s += fmt.Sprintf(":%d", e.Line)
		}
		if e.Column != "" {
			s += " " + e.Column
		}
		s += " " + string(e.Code) + "]"
	}
	return s
}

// wantSaid compares the line above.
func (r reply) wantSaid(t testing.TB, what, want string) {
	t.Helper()
	if got := r.said(t); got != want {
		t.Errorf("%s:\n got %s\nwant %s\n%.600s", what, got, want, r.body)
	}
}

// stored lists the tenant's companies in their order, one a line, without what
// the server sets and what is empty.
func (c *house) stored() string {
	c.t.Helper()
	var b strings.Builder
	for line := range bytes.Lines(c.get("/v1/companies/export?format=ndjson").body) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(line, &fields); err != nil {
			c.t.Fatalf("%v in %s", err, line)
		}
		var names []string
		for name, value := range fields {
			switch s := string(value); {
			case s == "null" || s == "[]" || s == "{}", name == "id", strings.HasSuffix(name, "_date"):
			default:
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for i, name := range names {
			if i > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%s=%s", name, strings.Trim(string(fields[name]), `"`))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// wantStored compares the lines above.
func (c *house) wantStored(want ...string) {
	c.t.Helper()
	if got := c.stored(); got != strings.Join(append(want, ""), "\n") {
		c.t.Errorf("stored\n%swant\n%s", got, strings.Join(want, "\n"))
	}
}

// ended polls until a job has ended.
func (c *house) ended(id string) engine.Data {
	c.t.Helper()
	var d engine.Data
	until(c.t, "the end of "+id, func() bool {
		r := c.get(jobPath(id))
		r.want(c.t, 200, "")
		d = r.importData(c.t)
		return d.Status.Ended()
	})
	return d
}

// jsonRows is a JSON body of n rows, and more of the body behind them.
func jsonRows(n int, more string) string {
	var b strings.Builder
	b.WriteString(`{"rows":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"Company %d","domain":"c%d.example"}`, i, i)
	}
	b.WriteString("]" + more + "}")
	return b.String()
}
