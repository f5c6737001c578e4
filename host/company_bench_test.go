package host

import "testing"

func BenchmarkCompanyJSON(b *testing.B) {
	var w companyWriter
	c, buf := sampleCompany(), make([]byte, 0, 4096)
	buf, err := w.appendJSON(buf, c)
	if err != nil {
		b.Fatal(err)
	}
	want := len(buf)
	b.SetBytes(int64(want))
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = w.appendJSON(buf[:0], c); err != nil || len(buf) != want {
			b.Fatal(err)
		}
	}
}

func BenchmarkGetCompany(b *testing.B) {
	c := startServer(b).tenant("acme")
	path := "/v1/companies/" + c.create(`{"name":"a","domain":"a.com"}`).ID
	conn := c.dial()
	b.ReportAllocs()
	for b.Loop() {
		conn.send("GET "+path+" HTTP/1.1", "Host: x", "Authorization: Bearer "+c.token, "")
		if r := conn.answer(); r.StatusCode != 200 {
			b.Fatal(r.StatusCode)
		}
	}
}
