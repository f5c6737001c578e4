package torture

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// company is what a lane expects to be stored. It is comparable.
type company struct {
	ID          string // empty: not known yet
	Name        string
	Domain      string
	City        string
	Country     string
	Industry    string
	Description string
	Tags        string // sorted, each with a comma behind it
}

// key tells companies apart: by domain, or by the name where there is none,
// which is then unique.
func (c company) key() string {
	if c.Domain == "" {
		return "name:" + c.Name
	}
	return c.Domain
}

// state is what a lane's part of the table holds.
type state map[string]company

// counts are what an import says of its rows.
type counts struct {
	Created uint64 `json:"created_count"`
	Updated uint64 `json:"updated_count"`
	Skipped uint64 `json:"skipped_count"`
	Failed  uint64 `json:"failed_count"`
	Rows    uint64 `json:"row_count"`
	Records uint64 `json:"record_count"`
}

// row is one row of an import. An empty field is a blank cell.
type row struct {
	Name, Domain, City, Country, Industry, Description string
}

const badDomain = "not a host"

// cleanCountry is what the cleaner makes of the countries that rows have.
var cleanCountry = strings.NewReplacer("Germany", "DE", "France", "FR", "Japan", "JP")

// apply applies rows one by one, as an import does.
func (s state) apply(rows []row, update bool, tags []string, cleaned bool) (n counts, failed []uint64) {
	n.Rows, n.Records = uint64(len(rows)), uint64(len(rows))
	for i, r := range rows {
		if cleaned {
			r.Country = cleanCountry.Replace(r.Country)
		}
		old, exists := s[r.Domain]
		switch {
		case r.Domain == badDomain || !exists && r.Name == "":
			n.Failed++
			failed = append(failed, uint64(i+1))
		case !exists:
			n.Created++
			c := company{Name: r.Name, Domain: r.Domain, City: r.City, Country: r.Country,
				Industry: r.Industry, Description: r.Description, Tags: unite("", tags)}
			s[c.key()] = c
		case !update:
			n.Skipped++
		default:
			n.Updated++
			for _, f := range []struct {
				to   *string
				from string
			}{{&old.Name, r.Name}, {&old.City, r.City}, {&old.Country, r.Country},
				{&old.Industry, r.Industry}, {&old.Description, r.Description}} {
				if f.from != "" {
					*f.to = f.from
				}
			}
			old.Tags = unite(old.Tags, tags)
			s[r.Domain] = old
		}
	}
	return n, failed
}

// unite adds tags to a company's.
func unite(have string, more []string) string {
	all := append(strings.FieldsFunc(have, func(c rune) bool { return c == ',' }), more...)
	slices.Sort(all)
	var b strings.Builder
	for _, t := range slices.Compact(all) {
		b.WriteString(t + ",")
	}
	return b.String()
}

// diff says how got differs from s; empty: it doesn't. IDs that s doesn't know
// may be any.
func (s state) diff(got state) string {
	var lines []string
	say := func(format string, args ...any) {
		if len(lines) < 5 {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s)) {
		want := s[k]
		have, ok := got[k]
		if !ok {
			say("missing %+v", want)
			continue
		}
		if want.ID == "" {
			want.ID = have.ID
		}
		if have != want {
			say("got %+v, want %+v", have, want)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if _, ok := s[k]; !ok {
			say("not expected %+v", got[k])
		}
	}
	return strings.Join(lines, "\n")
}
