package intake

import (
	"net/url"
	"strings"
)

// addQuery reads options from a raw query string.
func (o *optionSet) addQuery(query string) error {
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return invalid("the query has a name that is not percent-encoded: %q", clip(rawName))
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return invalidOption(clip(name), "the query's value of %q is not percent-encoded", clip(name))
		}
		if err := o.addText(name, value); err != nil {
			return err
		}
	}
	return nil
}

// noQuery refuses options in the query of a JSON body, which holds its own.
func noQuery(query string) error {
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		return invalidOption(clip(name), "with a JSON body options stand in the body, not in the query: %q", clip(name))
	}
	return nil
}
