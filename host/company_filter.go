package host

import (
	"bytes"
	"strconv"

	"sluice/engine/company"
	"sluice/storage/table"
)

// Paging of lists.
const (
	defaultPerPage = 50
	maxPerPage     = 100
	maxPage        = 1 << 40
)

// companyQuery is what a list of companies is asked for.
type companyQuery struct {
	page    uint64
	perPage uint64
	after   table.Cursor
	cursor  bool // after was given: page is not

	domain   []byte // normalised; nil: any
	noDomain bool   // what was asked for is no domain, so that nothing has it
	search   []byte // in lower case
	industry []byte
	tag      []byte
}

func parseCompanyQuery(r *Request) (*companyQuery, error) {
	params, err := r.parseQuery("page", "per_page", "cursor", "domain", "search", "industry", "tag")
	if err != nil {
		return nil, err
	}
	q := &companyQuery{page: 1, perPage: defaultPerPage}
	var errs fieldErrors
	number := func(name string, most uint64, into *uint64) {
		text, given := params[name]
		if !given {
			return
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n < 1 || n > most {
			errs.add(name, unknownField, "must be a whole number from 1 to "+strconv.FormatUint(most, 10))
			return
		}
		*into = n
	}
	number("page", maxPage, &q.page)
	number("per_page", maxPerPage, &q.perPage)
	if text, given := params["cursor"]; given {
		q.cursor = true
		if _, both := params["page"]; both {
			errs.add("page", unknownField, "can't be given together with cursor")
		}
		if q.after, err = table.ParseCursor(text); err != nil {
			errs.add("cursor", unknownField, "is not one that an answer gave")
		}
	}
	if text := params["domain"]; text != "" {
		domain, ok := company.AppendDomain(nil, []byte(text))
		q.domain, q.noDomain = domain, !ok
	}
	if text := params["search"]; text != "" {
		q.search = bytes.ToLower([]byte(text))
	}
	if text := params["industry"]; text != "" {
		q.industry = []byte(text)
	}
	if text := params["tag"]; text != "" {
		q.tag = []byte(text)
	}
	return q, errs.err()
}

// filters reports whether anything but paging was asked for, the domain aside.
func (q *companyQuery) filters() bool { return q.search != nil || q.industry != nil || q.tag != nil }

// matches reports whether a decoded company passes every filter.
func (q *companyQuery) matches(v *company.View) bool {
	if q.domain != nil && !bytes.Equal(v.Text[company.Domain], q.domain) {
		return false
	}
	if q.industry != nil && !bytes.Equal(v.Text[company.Industry], q.industry) {
		return false
	}
	if q.tag != nil && !containsTag(v.Tags, q.tag) {
		return false
	}
	return q.search == nil || containsFold(v.Text[company.Name], q.search)
}

func containsTag(tags [][]byte, tag []byte) bool {
	for _, t := range tags {
		if bytes.Equal(t, tag) {
			return true
		}
	}
	return false
}

// containsFold reports whether s contains lower, which is in lower case,
// whatever the case of s. ASCII, the usual case, costs no memory.
func containsFold(s, lower []byte) bool {
	for _, c := range s {
		if c >= 0x80 {
			return bytes.Contains(bytes.ToLower(s), lower)
		}
	}
	for ; len(s) >= len(lower); s = s[1:] {
		i := 0
		for i < len(lower) && toLower(s[i]) == lower[i] {
			i++
		}
		if i == len(lower) {
			return true
		}
	}
	return false
}

func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
