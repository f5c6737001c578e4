package host

import (
	"fmt"
	"strconv"
)

// maxWalkedPage bounds what is walked past to come to a page of jobs or audit entries.
const maxWalkedPage = 1000

// pageOf reads page and per_page; problems go to errs.
func pageOf(params map[string]string, errs *fieldErrors) (page, perPage int) {
	number := func(name string, unset, most int) int {
		text, given := params[name]
		if !given {
			return unset
		}
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n < 1 || n > uint64(most) {
			errs.add(name, unknownField, fmt.Sprintf("must be a whole number from 1 to %d", most))
			return unset
		}
		return int(n)
	}
	return number("page", 1, maxWalkedPage), number("per_page", defaultPerPage, maxPerPage)
}
