package host

import (
	"sort"
	"strings"
)

// Scope is a right of a key.
type Scope string

const (
	ReadCompanies  Scope = "read:companies"
	WriteCompanies Scope = "write:companies"
	ReadImports    Scope = "read:imports"
	ReadPlugins    Scope = "read:plugins"
	WritePlugins   Scope = "write:plugins"
	Admin          Scope = "admin"

	public Scope = ""    // no key at all
	anyKey Scope = "any" // every key; the handler decides what it may see
)

// Scopes lists the rights that a key can have.
func Scopes() []Scope {
	return []Scope{ReadCompanies, WriteCompanies, ReadImports, ReadPlugins, WritePlugins, Admin}
}

// route is one operation of the API. A segment in braces matches one segment of
// the path, whatever is in it.
type route struct {
	method  string
	pattern string
	scope   Scope
	handle  func(*Request) error

	media   []string // media types of the body; nil: the operation has none
	encoded bool     // the body may be compressed

	// Refusals that need no body; nil where there are none. They may be called
	// without the handler following.
	find     func(*Request) error // 404 of what the path names
	conflict func(*Request) error // 409
	maxBody  func(*Request) int64 // the largest body that may be announced
	bodyFlag string               // what sets that, for the message of a larger one; "": nothing

	segs []string // of pattern
}

// router finds routes. It compares whole segments of the path as it was sent:
// an encoded slash is part of its segment, a trailing one makes another path.
type router struct{ routes []*route }

func newRouter(routes []route) *router {
	rt := &router{}
	for _, r := range routes {
		r.segs = strings.Split(r.pattern, "/")
		rt.routes = append(rt.routes, &r)
	}
	// Literal segments come before parameters.
	sort.SliceStable(rt.routes, func(i, j int) bool {
		return strings.Count(rt.routes[i].pattern, "{") < strings.Count(rt.routes[j].pattern, "{")
	})
	return rt
}

// maxParams is how many parameters a pattern has at most.
const maxParams = 2

// match is what a path was found to be.
type match struct {
	route  *route // nil: not found, or not with this method
	params [maxParams]string
	allow  string // methods of the path, where it exists
}

// find looks a request up. HEAD goes to GET.
// The most literal pattern that fits a path is the only one: what is no method
// of /v1/companies/export is not taken for one of a company called export.
func (rt *router) find(method, path string) match {
	var m match
	var allow []string
	pattern := ""
	for _, r := range rt.routes {
		if pattern != "" && r.pattern != pattern {
			continue
		}
		params, ok := r.match(path)
		if !ok {
			continue
		}
		if method == r.method || method == "HEAD" && r.method == "GET" {
			m.route, m.params = r, params
			return m
		}
		pattern = r.pattern
		allow = append(allow, r.method)
		if r.method == "GET" {
			allow = append(allow, "HEAD")
		}
	}
	m.allow = strings.Join(allow, ", ")
	return m
}

func (r *route) match(path string) (params [maxParams]string, ok bool) {
	n := 0
	for i, want := range r.segs {
		got, rest, more := strings.Cut(path, "/")
		if more != (i < len(r.segs)-1) {
			return params, false
		}
		path = rest
		if strings.HasPrefix(want, "{") {
			if got == "" {
				return params, false
			}
			params[n] = got
			n++
		} else if got != want {
			return params, false
		}
	}
	return params, true
}
