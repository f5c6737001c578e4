package host

import (
	"slices"
	"strings"
	"unicode/utf8"

	"sluice/engine/fault"
)

// parseQuery reads the parameters of the query. One that is unknown or repeated
// is an error: a typing error must not silently change what is answered.
func (r *Request) parseQuery(known ...string) (map[string]string, error) {
	var errs fieldErrors
	q := make(map[string]string)
	for k, v := range r.query.All() {
		name := string(k)
		_, repeated := q[name]
		switch {
		case !slices.Contains(known, name):
			errs.add(clip(name, 100), unknownField, "unknown parameter")
		case repeated:
			errs.add(name, unknownField, "is given twice")
		case !utf8.Valid(v):
			errs.add(name, fault.InvalidEncoding, "is not valid UTF-8")
		}
		q[name] = string(v)
	}
	return q, errs.err()
}

// accepts reports whether the header Accept names a media type itself. It decides
// where an operation has two formats and the query names none.
func (r *Request) accepts(media string) bool {
	for one := range strings.SplitSeq(r.Header("Accept"), ",") {
		name, _, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(name), media) {
			return true
		}
	}
	return false
}

// spreadsheet reads the parameter that asks for a CSV that a spreadsheet shows
// and does not calculate.
func spreadsheet(params map[string]string, format string) (bool, error) {
	value, given := params["spreadsheet"]
	switch {
	case given && value != "true" && value != "false":
		return false, badQuery("spreadsheet", "must be true or false")
	case value == "true" && format != "csv":
		return false, badQuery("spreadsheet", "is for CSV; set format=csv")
	}
	return value == "true", nil
}

// badQuery is the answer to one bad parameter.
func badQuery(name, problem string) error {
	var errs fieldErrors
	errs.add(name, unknownField, problem)
	return errs.err()
}
