package host

import (
	"slices"
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

// badQuery is the answer to one bad parameter.
func badQuery(name, problem string) error {
	var errs fieldErrors
	errs.add(name, unknownField, problem)
	return errs.err()
}
