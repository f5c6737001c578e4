package company

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatchHeader(t *testing.T) {
	f := func(header, target string, exact bool) {
		t.Helper()
		got, isExact, ok := MatchHeader(header)
		if got != target || isExact != exact || ok != (target != "") {
			t.Errorf("%q is %q, %v, %v, want %q, %v", header, got, isExact, ok, target, exact)
		}
	}
	f("name", "name", true)
	f(" Na-Me ", "name", true)
	f("NAME", "name", true)
	f("LinkedIn URL", "linkedin_url", true)
	f("linkedinUrl", "linkedin_url", true)
	f("LINKEDIN-URL", "linkedin_url", true)
	f("\u00a0tags\t", "tags", true)
	f("custom", "custom", true)
	f("Web Site", "website", true)
	f("web_site", "website", true)

	f("Company", "name", false)
	f("company_name", "name", false)
	f("Company-Name", "name", false)
	f("Account Name", "name", false)
	f("Organization", "name", false)
	f("Website", "website", true)
	f("website", "website", true)
	f("Website URL", "website", false)
	f("Company Domain Name", "domain", false)
	f("LinkedIn", "linkedin_url", false)
	f("LinkedIn Company Page", "linkedin_url", false)
	f("Employees", "size", false)
	f("NumberOfEmployees", "size", false)
	f("number_of_employees", "size", false)
	f("# Employees", "size", false)
	f("No. of employees", "size", false)
	f("Head count", "size", false)
	f("Company Size", "size", false)
	f("Country/Region", "country", false)
	f("BillingCountry", "country", false)
	f("Billing City", "city", false)
	f("Phone Number", "phone", false)
	f("About us", "description", false)
	f("Labels", "tags", false)

	f("custom.x", "custom.x", true)
	f("custom.Deal Size_1", "custom.Deal Size_1", true)
	f(" Custom. x ", "custom.x", true)
	f("custom.id", "custom.id", true)
	f("custom.a.b", "custom.a.b", true)
	f("custom.", "", false)
	f("custom. ", "", false)
	f("custom x", "", false)

	f("id", "", false)
	f("ID", "", false)
	f("created_date", "", false)
	f("Updated Date", "", false)
	f("", "", false)
	f(" _-", "", false)
	f("first name", "", false)
	f("names", "", false)
	f("n.a.m.e", "", false)
	f("nаme", "", false) // a Cyrillic a
	f("\xff", "", false)
	f(strings.Repeat("a", 10_000), "", false)
	f(strings.Repeat("ü", 100), "", false)
	f("name"+strings.Repeat(" ", 100), "name", true)
}

func TestAutoMap(t *testing.T) {
	f := func(headers, want string) {
		t.Helper()
		got := AutoMap(strings.Split(headers, "|"))
		if diff := cmp.Diff(strings.Split(want, "|"), got); diff != "" {
			t.Errorf("%s:\n%s", headers, diff)
		}
	}
	f("name|domain", "name|domain")
	f("Company|Website|Employees|Other", "name|website|size|")
	f("Company|Name", "|name")
	f("Name|Company", "name|")
	f("Company|Account Name|Organization", "name||")
	f("NAME|name|Na Me", "name||")
	f("custom.x|custom.X|Custom.x|custom.y", "custom.x|custom.X||custom.y")
	f("id|created_date|updated_date|Custom|custom", "|||custom|")
	f("website|url", "website|")
	f("url|web site|homepage", "|website|")
	f("", "")
	// An export of HubSpot, one of Salesforce, one of Sluice.
	f("Record ID|Company name|Company owner|Create Date|Phone Number|City|Country/Region|Industry|Number of Employees|Company Domain Name|Website URL|LinkedIn Company Page|About Us",
		"|name|||phone|city|country|industry|size|domain|website|linkedin_url|description")
	f("Account ID|Account Name|Billing City|Billing Country|Phone|Website|Industry|Employees|Account Description|Shipping City",
		"|name|city|country|phone|website|industry|size|description|")
	f("id|name|domain|industry|website|linkedin_url|size|city|country|phone|description|tags|custom.tier|created_date|updated_date",
		"|name|domain|industry|website|linkedin_url|size|city|country|phone|description|tags|custom.tier||")
}

// TestAliases holds that each alias is matched, and that none means a website to
// be a domain.
func TestAliases(t *testing.T) {
	seen := make(map[Field]bool)
	for _, a := range Aliases() {
		if seen[a.Field] || a.Field == Custom {
			t.Errorf("%s is listed twice, or must not be", a.Field)
		}
		seen[a.Field] = true
		for _, name := range a.Names {
			if target, exact, ok := MatchHeader(name); target != a.Field.String() || exact || !ok {
				t.Errorf("%q is %q, %v, %v, want the alias of %s", name, target, exact, ok, a.Field)
			}
		}
	}
	if len(seen) != TextFields+1 {
		t.Errorf("%d fields have aliases, want %d", len(seen), TextFields+1)
	}
}

func TestMatchHeaderAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { MatchHeader("Number of Employees") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzAutoMap(f *testing.F) {
	f.Add("Company|name|custom.x|CUSTOM.x|id")
	f.Fuzz(func(t *testing.T, in string) {
		headers := strings.Split(in, "|")
		seen := make(map[string]bool)
		for i, target := range AutoMap(headers) {
			if target == "" {
				continue
			}
			if m, _, ok := MatchHeader(headers[i]); !ok || m != target || seen[target] {
				t.Fatalf("%q: column %d is %q", headers, i, target)
			}
			seen[target] = true
		}
	})
}
