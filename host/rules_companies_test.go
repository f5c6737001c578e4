package host

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// page is a list of companies as it matters here.
func (c *house) page(query string) (domains []string, meta companyMeta) {
	c.t.Helper()
	r := c.get("/v1/companies" + query)
	r.want(c.t, 200, "")
	var answer struct {
		Data []struct{ Domain, Name *string }
		Meta companyMeta
	}
	r.decode(c.t, &answer)
	for _, one := range answer.Data {
		if one.Domain != nil {
			domains = append(domains, strings.TrimSuffix(*one.Domain, ".example"))
		} else {
			domains = append(domains, *one.Name)
		}
	}
	return domains, answer.Meta
}

type companyMeta struct {
	Page       *int    `json:"page"`
	PerPage    int     `json:"per_page"`
	Total      *int    `json:"total"`
	NextCursor *string `json:"next_cursor"`
}

// Rule 2.45: filters are ANDed; domain is normalised, search finds a part of
// the name.
func TestFilters(t *testing.T) {
	c := newHouse(t)
	c.json(`{"rows":[
		{"name":"Acme One","domain":"a.example","industry":"Legal","tags":["x","y"]},
		{"name":"ACME two","domain":"b.example","industry":"Legal","tags":["y"]},
		{"name":"Other","domain":"c.example","industry":"Tech","tags":["x"]},
		{"name":"Ümläut acme","industry":"Tech"}]}`).wantSaid(t, "rows", "200 completed 4+0+0+0=4")
	f := func(query, want string) {
		t.Helper()
		domains, meta := c.page(encodeQuery(query))
		if got := strings.Join(domains, " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
		if meta.Total == nil || *meta.Total != len(domains) || meta.NextCursor != nil {
			t.Errorf("%s: total %v, cursor %v", query, meta.Total, meta.NextCursor)
		}
	}
	f("search=acme", "a b Ümläut acme")
	f("search=ME T", "b")
	f("search=ümLÄ", "Ümläut acme")
	f("industry=Legal", "a b")
	f("tag=x", "a c")
	f("tag=x&industry=Legal", "a")
	f("tag=y&search=two&industry=Legal", "b")
	f("tag=y&search=two&industry=Tech", "")
	f("domain=a.example", "a")
	f("domain=HTTPS://www.A.example:80/x", "a")
	f("domain=a.example&tag=x&search=one&industry=Legal", "a")
	f("domain=a.example&tag=z", "")
	f("domain=none.example", "")
	f("domain=nonsense", "")
	f("tag=X", "")
}

// Rule 2.42: domain is trimmed to the host name, in lower case and ASCII; what
// is no host name of two labels or more is invalid_domain.
func TestDomains(t *testing.T) {
	c := newHouse(t)
	f := func(sent, want string) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"rows": []any{map[string]string{"name": "A", "domain": sent}}})
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			c.json(string(body)).wantSaid(t, sent, "200 completed 0+0+0+1=1 [1 domain invalid_domain]")
			return
		}
		c.json(string(body)).wantSaid(t, sent, "200 completed 1+0+0+0=1")
		found := c.get("/v1/companies?domain=" + url.QueryEscape(sent))
		var answer struct{ Data []struct{ ID, Domain string } }
		found.decode(t, &answer)
		if len(answer.Data) != 1 || answer.Data[0].Domain != want {
			t.Fatalf("%q: %s, want %s", sent, found.body, want)
		}
		c.do("DELETE", "/v1/companies/"+answer.Data[0].ID, c.token, "").want(t, 204, "")
	}
	f("a.example", "a.example")
	f("  A.Example. ", "a.example")
	f("https://user:pw@www.A.example:8080/p/a?q=1#f", "a.example")
	f("//a.example/", "a.example")
	f("http://a.example?x", "a.example")
	f("a.example#x", "a.example")
	f("www.a.example", "a.example")
	f("www.com", "www.com")
	f("Münch.example", "xn--mnch-0ra.example")
	f("xn--mnch-0ra.example", "xn--mnch-0ra.example")
	f("日本.jp", "xn--wgv71a.jp")
	f("a-b.c1.example", "a-b.c1.example")
	for _, bad := range []string{"localhost", "example", "a..example", "-a.example", "a_b.example", "a b.example", ".", "www.",
		"http://", "1.2.3.4", "[::1]", "a.example,b.example", "@", "a." + strings.Repeat("x", 64) + ".example"} {
		f(bad, "")
	}
}

// Rule 2.44: a company without a domain matches nothing.
func TestNoDomainMatchesNothing(t *testing.T) {
	c := newHouse(t)
	c.json(`{"rows":[{"name":"A"},{"name":"A"},{"name":"A","domain":""},{"name":"A","domain":null}],"update_existing":true}`).
		wantSaid(t, "rows", "200 completed 4+0+0+0=4")
	c.post("/v1/companies", `{"name":"A"}`).want(t, 201, "")
	c.wantStored("name=A", "name=A", "name=A", "name=A", "name=A")
}

// Rule 2.48: companies come as they were created, those that moved last; an id
// stays through every change of domain, and the match key moves with it.
func TestOrderAndIdentity(t *testing.T) {
	c := newHouse(t)
	for i := range 5 {
		c.post("/v1/companies", fmt.Sprintf(`{"name":"N%d","domain":"d%[1]d.example"}`, i)).want(t, 201, "")
	}
	order := func(want string) {
		t.Helper()
		domains, _ := c.page("")
		if got := strings.Join(domains, " "); got != want {
			t.Errorf("order %s, want %s", got, want)
		}
	}
	order("d0 d1 d2 d3 d4")
	first := c.get("/v1/companies?domain=d1.example")
	var found struct{ Data []struct{ ID string } }
	first.decode(t, &found)
	path := "/v1/companies/" + found.Data[0].ID
	c.do("PATCH", path, c.token, `{"domain":"moved.example"}`).want(t, 200, "")
	order("d0 d2 d3 d4 moved")
	c.get(path).want(t, 200, "")
	c.json(`{"rows":[{"name":"X","domain":"moved.example"},{"name":"Y","domain":"d1.example"}]}`).wantSaid(t, "moved", "200 completed 1+0+1+0=2")
	order("d0 d2 d3 d4 moved d1")
	c.do("PATCH", path, c.token, `{"domain":null}`).want(t, 200, "")
	c.json(`{"rows":[{"name":"Z","domain":"moved.example"}]}`).wantSaid(t, "free again", "200 completed 1+0+0+0=1")
	c.do("PATCH", path, c.token, `{"domain":"moved.example"}`).want(t, 409, "conflict")
	c.do("DELETE", path, c.token, "").want(t, 204, "")
	c.get(path).want(t, 404, "not_found")
}

// Rule 2.25: a cursor goes on where the last page ended, and null ends; with
// filters, too.
func TestCursorWalks(t *testing.T) {
	c := newHouse(t)
	var b strings.Builder
	b.WriteString("name,domain,tags\n")
	for i := range 230 {
		fmt.Fprintf(&b, "N%d,d%d.example,%s\n", i, i, []string{"even", "odd"}[i%2])
	}
	c.csv("", b.String()).wantSaid(t, "rows", "200 completed 230+0+0+0=230")
	f := func(query string, want int) {
		t.Helper()
		seen := map[string]bool{}
		next := ""
		for {
			domains, meta := c.page(query + next)
			for _, d := range domains {
				if seen[d] {
					t.Fatalf("%s: %s twice", query, d)
				}
				seen[d] = true
			}
			if meta.NextCursor == nil {
				break
			}
			next = "&cursor=" + url.QueryEscape(*meta.NextCursor)
		}
		if len(seen) != want {
			t.Errorf("%s: %d companies, want %d", query, len(seen), want)
		}
	}
	f("?per_page=100", 230)
	f("?per_page=23", 230)
	f("?per_page=1&search=N22", 11)
	f("?per_page=50&tag=odd", 115)
	domains, meta := c.page("?page=3&per_page=100")
	if len(domains) != 30 || *meta.Total != 230 || *meta.Page != 3 || meta.PerPage != 100 || meta.NextCursor != nil {
		t.Errorf("%d, %+v", len(domains), meta)
	}
	if domains, meta = c.page(""); len(domains) != 50 || *meta.Page != 1 || meta.PerPage != 50 {
		t.Errorf("%d, %+v", len(domains), meta)
	}
	if domains, _ = c.page("?page=4&per_page=100"); len(domains) != 0 {
		t.Errorf("%d behind the end", len(domains))
	}
}
