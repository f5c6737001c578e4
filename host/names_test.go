package host

import (
	"strings"
	"testing"
)

// The name of a CSV's column may be as long as a row. What each error has of it is
// not, or they would be more than a commit holds.
func TestLongColumnName(t *testing.T) {
	s := startServer(t)
	key := s.key("acme", WriteCompanies, ReadImports)
	long := strings.Repeat("x", 200_000)
	shown := long[:1<<10] + "…"
	f := func(body string, headers ...string) {
		t.Helper()
		r := s.do("POST", importPath, key, body, headers...)
		if r.StatusCode != 200 || len(r.body) > 400_000 {
			t.Fatalf("%d, %d bytes: %.300s", r.StatusCode, len(r.body), r.body)
		}
		d := r.importData(t)
		if d.FailedCount != 300 || d.Errors[99].Column != shown {
			t.Fatalf("%d failed, the last of %.50s", d.FailedCount, d.Errors[99].Column)
		}
	}
	mapped := "--one\r\nContent-Disposition: form-data; name=mapping\r\n\r\n" + `{"n":"name","` + long + `":"domain"}` + "\r\n" +
		form("one", "n,"+long+"\n"+strings.Repeat("A,bad\n", 300))
	f(mapped, "Content-Type: multipart/form-data; boundary=one")
	f("name,"+long+"\n"+strings.Repeat(`A,"b"c`+"\n", 300), "Content-Type: text/csv")
}
