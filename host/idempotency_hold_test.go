package host

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// Rule 2.84: the first one runs from its headers on, however little of its body
// has come; when that never comes, the key is free again.
func TestHeldFromHeaders(t *testing.T) {
	s := startImports(t, func(c *Config) { c.BodyTimeout = hang })
	const company = `{"name":"A","domain":"held.example"}`
	f := func(name, path, media string, length int, sent, whole string, more ...string) {
		t.Helper()
		dial := func(length int, sent string, more ...string) net.Conn {
			c, err := net.Dial("tcp", s.Addr())
			if err == nil {
				err = c.SetReadDeadline(time.Now().Add(hang / 2))
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n",
				path, s.key, media, name, length)
			for _, h := range more {
				fmt.Fprint(c, h+"\r\n")
			}
			fmt.Fprint(c, "\r\n"+sent)
			return c
		}
		first := dial(length, sent, more...)
		until(t, "the first request of "+name, func() bool { return s.idempotency.holds() == 1 })
		for _, length := range []int{len(whole), 30 << 20} { // 409 comes before 413
			second, err := http.ReadResponse(bufio.NewReader(dial(length, "", "Expect: 100-continue")), nil)
			if err != nil {
				t.Fatal(name, err)
			}
			if second.StatusCode != 409 || !second.Close {
				t.Errorf("%s, %d bytes: %d %v", name, length, second.StatusCode, second.Header)
			}
		}
		first.Close()
		until(t, "the key of "+name, func() bool { return s.idempotency.holds() == 0 })
		if r := s.do("POST", path, s.key, whole, "Content-Type: "+media, "Idempotency-Key: "+name); r.StatusCode/100 != 2 || r.Header.Get(replayedHeader) != "" {
			t.Errorf("%s afterwards: %d %s", name, r.StatusCode, r.body)
		}
	}
	f("nothing", importPath, "text/csv", 14, "", "name\nx\n")
	f("half", importPath, "text/csv", 14, "name\nx\n", "name\nx\n")
	f("large", importPath, "text/csv", 9<<20, "name\nx\n", "name\nx\n")
	f("asking", importPath, "text/csv", 14, "", "name\nx\n", "Expect: 100-continue")
	f("json", importPath, jsonType, 500, `{"rows":[`, `{"rows":[{"name":"x"}]}`)
	f("company", "/v1/companies", jsonType, 500, `{`, company)

}
