package company

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Alias lists the other names by which a field's column is known.
type Alias struct {
	Field Field
	Names []string
}

// Aliases returns the column names that are matched beside the fields' own, as
// spreadsheets and the exports of common CRMs have them. A website is not a
// domain, since it may be any page; a name that may mean several things is none.
func Aliases() []Alias {
	return []Alias{
		{Domain, []string{"Company Domain", "Company Domain Name", "Domain Name", "Primary Domain", "Main Domain",
			"Account Domain", "Email Domain", "Web Domain", "Website Domain", "Root Domain"}},
		{Name, []string{"Company", "Company Name", "Organization", "Organisation", "Organization Name",
			"Organisation Name", "Account", "Account Name", "Business", "Business Name", "Firm", "Firm Name",
			"Legal Name", "Company Legal Name", "Legal Entity Name", "Corporation", "Employer"}},
		{Industry, []string{"Sector", "Company Industry", "Primary Industry", "Account Industry", "Industry Name",
			"Industry Sector", "Business Sector", "Vertical", "Industry Vertical"}},
		{Website, []string{"Website URL", "Web", "Web Page", "Web Address", "Web URL", "URL", "Homepage",
			"Homepage URL", "Company Website", "Company URL", "Company Website URL", "Account Website",
			"Corporate Website", "Business Website"}},
		{LinkedInURL, []string{"LinkedIn", "LinkedIn Page", "LinkedIn Link", "LinkedIn Profile", "LinkedIn Profile URL",
			"LinkedIn Company", "LinkedIn Company Page", "LinkedIn Company URL", "LinkedIn Company Profile",
			"Company LinkedIn", "Company LinkedIn URL", "Company LinkedIn Page", "Company LinkedIn Profile",
			"Company LinkedIn Profile URL", "Company LinkedIn Link", "LinkedIn Website", "LinkedIn Page URL"}},
		{Size, []string{"Employees", "Employee Count", "Employees Count", "Number of Employees", "No of Employees",
			"No. of Employees", "# of Employees", "# Employees", "Num Employees", "Employee Number", "Total Employees",
			"Employee Range", "Employees Range", "Employee Size", "Headcount", "Company Headcount", "Company Size",
			"Company Employees", "Size Range", "Company Size Range", "Staff", "Staff Count", "Staff Size", "Team Size",
			"Organization Size", "Organisation Size", "Account Employees", "Full Time Employees"}},
		{City, []string{"Town", "City/Town", "Town/City", "Company City", "Account City", "Billing City", "HQ City",
			"Headquarters City", "Headquarter City", "Location City", "Office City", "City Name"}},
		{Country, []string{"Country/Region", "Country or Region", "Country Region", "Company Country",
			"Company Country/Region", "Account Country", "Billing Country", "HQ Country", "Headquarters Country",
			"Headquarter Country", "Location Country", "Office Country", "Country Name", "Nation"}},
		{Phone, []string{"Phone Number", "Phone No", "Phone No.", "Telephone", "Telephone Number", "Telephone No",
			"Tel", "Tel.", "Company Phone", "Company Phone Number", "Company Telephone", "Account Phone",
			"Business Phone", "Corporate Phone", "Main Phone", "Main Phone Number", "Office Phone", "Work Phone",
			"Primary Phone", "Primary Phone Number", "HQ Phone"}},
		{Description, []string{"About", "About Us", "Company Description", "Company Overview", "Company Summary",
			"Account Description", "Business Description", "Short Description", "Long Description", "Overview",
			"Summary", "Bio", "Desc"}},
		{Tags, []string{"Tag", "Tag List", "Label", "Labels", "Company Tags", "Account Tags", "Company Labels"}},
	}
}

// maxFolded is more than any known name has folded.
const maxFolded = 64

// match is what a folded header stands for.
type match struct {
	field Field
	exact bool
}

var matches = func() map[string]match {
	m := make(map[string]match)
	var buf [maxFolded]byte
	add := func(name string, to match) {
		key, ok := fold(&buf, name)
		if _, double := m[string(key)]; !ok || double {
			panic("BUG: company: the column name " + name + " is too long or doubled")
		}
		m[string(key)] = to
	}
	for f := range Fields {
		add(Field(f).String(), match{Field(f), true})
	}
	for _, a := range Aliases() {
		for _, name := range a.Names {
			add(name, match{a.Field, false})
		}
	}
	return m
}()

// MatchHeader finds the target of a CSV header or JSON key: a field's name, or
// custom.KEY as it is written. Case, white space, '_' and '-' are ignored but in a
// custom key. exact tells the name of a field from an alias. What the server sets
// (id, created_date, updated_date) is no target.
func MatchHeader(header string) (target string, exact, ok bool) {
	if _, ok := FieldByName(header); ok {
		return header, true, true // as our own clients write them
	}
	if key, ok := customKey(header); ok {
		if key == "" {
			return "", false, false
		}
		return CustomPrefix + key, true, true
	}
	var buf [maxFolded]byte
	folded, ok := fold(&buf, header)
	if !ok {
		return "", false, false
	}
	m, ok := matches[string(folded)]
	if !ok {
		return "", false, false
	}
	return m.field.String(), m.exact, true
}

// AutoMap gives the target of each column of a CSV, "" for what is ignored. An
// exact name beats an alias, then the first column wins. A column "custom" holds
// JSON objects, as our own export writes them.
func AutoMap(headers []string) []string {
	targets := make([]string, len(headers))
	taken := make(map[string]bool, len(headers))
	for _, want := range [...]bool{true, false} {
		for i, h := range headers {
			target, exact, ok := MatchHeader(h)
			if !ok || exact != want || taken[target] {
				continue
			}
			targets[i], taken[target] = target, true
		}
	}
	return targets
}

// customKey cuts the prefix off the name of a custom field.
func customKey(header string) (key string, ok bool) {
	header = strings.TrimSpace(header)
	if len(header) < len(CustomPrefix) || !strings.EqualFold(header[:len(CustomPrefix)], CustomPrefix) {
		return "", false
	}
	return strings.TrimSpace(header[len(CustomPrefix):]), true
}

// fold writes what counts of a name into buf.
func fold(buf *[maxFolded]byte, name string) ([]byte, bool) {
	if len(name) > 4*maxFolded {
		return nil, false
	}
	out := buf[:0]
	for _, c := range name {
		switch {
		case c == '_' || c == '-' || unicode.IsSpace(c):
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c >= utf8.RuneSelf:
			c = unicode.ToLower(c)
		}
		if len(out)+utf8.UTFMax > len(buf) {
			return nil, false
		}
		out = utf8.AppendRune(out, c)
	}
	return out, len(out) > 0
}
