package host

import "testing"

// Rule 2.10: paths are compared as sent, segment by segment.
func TestRouter(t *testing.T) {
	rt := newRouter([]route{
		{method: "GET", pattern: "/v1/things"},
		{method: "POST", pattern: "/v1/things"},
		{method: "GET", pattern: "/v1/things/{id}"},
		{method: "DELETE", pattern: "/v1/things/{id}"},
		{method: "GET", pattern: "/v1/things/export"},
		{method: "POST", pattern: "/v1/things/{id}/parts/{n}"},
	})
	f := func(method, path, pattern, params, allow string) {
		t.Helper()
		m := rt.find(method, path)
		got := ""
		if m.route != nil {
			got = m.route.pattern
		}
		if p := m.params[0] + " " + m.params[1]; got != pattern || p != params || m.allow != allow {
			t.Errorf("%s %s: %q, %q, %q", method, path, got, p, m.allow)
		}
	}
	f("GET", "/v1/things", "/v1/things", " ", "")
	f("HEAD", "/v1/things", "/v1/things", " ", "")
	f("PUT", "/v1/things", "", " ", "GET, HEAD, POST")
	f("OPTIONS", "/v1/things/7", "", " ", "GET, HEAD, DELETE")
	f("get", "/v1/things/7", "", " ", "GET, HEAD, DELETE")
	f("DELETE", "/v1/things/7", "/v1/things/{id}", "7 ", "")
	f("GET", "/v1/things/export", "/v1/things/export", " ", "")
	f("HEAD", "/v1/things/export", "/v1/things/export", " ", "")
	f("DELETE", "/v1/things/export", "", " ", "GET, HEAD")
	f("GET", "/v1/things/%65xport", "/v1/things/{id}", "%65xport ", "")
	f("POST", "/v1/things/a/parts/b", "/v1/things/{id}/parts/{n}", "a b", "")
	f("GET", "/v1/things/a%2Fb", "/v1/things/{id}", "a%2Fb ", "")
	for _, path := range []string{"", "/", "/v1", "/v1/", "/v1/things/", "//v1/things", "/v1//things", "/v1/things/7/",
		"/v1/things/7/parts", "/v1/things//parts/b", "/V1/things", "v1/things", "/v1/things/../things", "*"} {
		f("GET", path, "", " ", "")
	}
}

// Rule 2.11: an absolute request target names the same path.
func TestTarget(t *testing.T) {
	f := func(uri, want string) {
		t.Helper()
		if got := string(target([]byte(uri))); got != want {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
	f("/a?b=c", "/a?b=c")
	f("/a#b", "/a")
	f("http://host/a/b?c", "/a/b?c")
	f("http://host", "/")
	f("/http://host", "/http://host")
	f("*", "*")
	f("", "")
}
