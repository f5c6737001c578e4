package company

import (
	"bytes"
	"strings"
	"testing"
)

// Rule 2.42: domain is the host name alone, in lower case and ASCII.
func TestAppendDomain(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		out, ok := AppendDomain([]byte("#"), []byte(in))
		if !ok || string(out) != "#"+want {
			t.Errorf("%q gives %q, %v, want %q", in, out, ok, "#"+want)
		}
	}
	f("acme.com", "acme.com")
	f("  ACME.Com\t\r\n", "acme.com")
	f("\u00a0acme.com\u3000", "acme.com")
	f("http://acme.com", "acme.com")
	f("HTTPS://www.Acme.com/", "acme.com")
	f("//acme.com/x", "acme.com")
	f("ftp://user:pa:ss@acme.com:21/a@b?c#d", "acme.com")
	f("https://acme.com?x=http://other.com/", "acme.com")
	f("https://acme.com#frag/x@y", "acme.com")
	f("https://acme.com\\path", "acme.com")
	f("info@acme.com", "acme.com")
	f("mailto:info@acme.com", "acme.com")
	f("acme.com:8080", "acme.com")
	f("acme.com:", "acme.com")
	f("acme.com.:443/", "acme.com")
	f("acme.com/about", "acme.com")
	f("acme.com/https://x.org", "acme.com")
	f(" acme.com /about", "acme.com")
	f("acme.com.", "acme.com")
	f("www.acme.com", "acme.com")
	f("WWW.acme.com.", "acme.com")
	f("www.www.acme.com", "acme.com")
	f("www.com", "www.com")
	f("www.com.", "www.com")
	f("www.www.com", "www.com")
	f("https://www.com/", "www.com")
	f("www2.acme.com", "www2.acme.com")
	f("shop.acme.co.uk", "shop.acme.co.uk")
	f("a.b", "a.b")
	f("3m.com", "3m.com")
	f("1.2.3.4.com", "1.2.3.4.com")
	f("1.1.1.1a", "1.1.1.1a")
	f("a-b--c.acme.com", "a-b--c.acme.com")
	f("r3---sn-x.example.com", "r3---sn-x.example.com")
	f("a.0xg", "a.0xg")
	f("münchen.de", "xn--mnchen-3ya.de")
	f("MÜNCHEN.DE", "xn--mnchen-3ya.de")
	f("https://www.münchen.de:443/straße", "xn--mnchen-3ya.de")
	f("mu\u0308nchen.de", "xn--mnchen-3ya.de")
	f("xn--mnchen-3ya.de", "xn--mnchen-3ya.de")
	f("XN--MNCHEN-3YA.de", "xn--mnchen-3ya.de")
	f("straße.de", "xn--strae-oqa.de")
	f("ａｃｍｅ。ｃｏｍ", "acme.com")
	f("ｗｗｗ.acme.com。", "acme.com")
	f("例え.テスト", "xn--r8jz45g.xn--zckzah")
	f("xn--r8jz45g.xn--zckzah", "xn--r8jz45g.xn--zckzah")
	f("☕.example", "xn--53h.example")
	label := strings.Repeat("a", 63)
	f(label+".com", label+".com")
	long := strings.Repeat(label+".", 3) + strings.Repeat("a", 61)
	f(long, long)
	f("www."+long+".", long)
}

func TestAppendDomainFails(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, in := range []string{
		`https:\\acme.com`, "", " ", ".", "..", "acme", "localhost", "www", "www.", "www..com", ".com", "acme..com", "acme.com..", ".acme.com",
		"not a domain", "acme .com", "acme,com", "n/a", "-", "http://", "https:///x", "https://@/", "http:acme.com", "://acme.com",
		"-acme.com", "acme-.com", "acme.-com", "acme.com-", "ac_me.com", "_dmarc.acme.com", "acme.com:80a", "acme.com:80:90",
		"a%63me.com", "acme!.com", "*.acme.com", "acme.com;other.com", "acme.com, other.com", "a\x00b.com", "a\nb.com",
		"192.168.1.1", "http://10.0.0.1:80/", "1.2", "1.2.3", "acme.123", "0x7f.1", "1.0x7f", "1.0x", "[::1]", "http://[2001:db8::1]:80/", "::1",
		label + "a.com", strings.Repeat(label+".", 3) + strings.Repeat("a", 62),
		"xn--a.com", "xn--.com", "xn--acme-.com", "xn--zzzzzzzz999.com", "\u200d.com", "a\u200db.com", "\u05d0a.com", "\xff.com", "a\xc3.com", "\u2260.com", "١.٢\u0000",
		strings.Repeat("ü", 2000) + ".de", strings.Repeat("ü", 60) + ".de",
	} {
		dst := []byte("#")
		if out, ok := AppendDomain(dst, []byte(in)); ok || string(out) != "#" {
			t.Errorf("%.80q gives %q, %v, want none", in, out, ok)
		}
	}
}

// FuzzAppendDomain holds that the key of a key is itself, and that keys are host
// names.
func FuzzAppendDomain(f *testing.F) {
	for _, s := range []string{"acme.com", "https://u:p@www.Münche\u0308n.de:80/x?y#z", "www.www.com", "www.com", "xn--mnchen-3ya.de.", "ａ。ｂ",
		"xn--www-.com", "1.2.3.4", "a.xn--0", "ｗｗｗ.xn--4ca.com", "\u00ad.a.b", "a\u00ad.b", "ﷺ.com", "Ⅷ.com", "a.0x", "⒈com"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		key, ok := AppendDomain(nil, in)
		if !ok {
			return
		}
		again, ok := AppendDomain(nil, key)
		if !ok || !bytes.Equal(again, key) {
			t.Fatalf("%q gives %q, which gives %q, %v", in, key, again, ok)
		}
		if len(key) > MaxDomain || !bytes.Contains(key, []byte(".")) {
			t.Fatalf("%q gives %q", in, key)
		}
		for _, c := range key {
			if hostByte[c] != c || c == 0 {
				t.Fatalf("%q gives %q", in, key)
			}
		}
		for _, before := range []string{"www.", "https://", " "} {
			same, ok := AppendDomain(nil, append([]byte(before), key...))
			if len(key) < MaxDomain-4 && (!ok || !bytes.Equal(same, key)) {
				t.Fatalf("%q before %q gives %q, %v", before, key, same, ok)
			}
		}
	})
}

func TestAppendDomainAllocations(t *testing.T) {
	dst := make([]byte, 0, 100)
	for _, in := range []string{"acme.com", "WWW.Acme.com.", "https://user@www.acme.com:443/x?y#z"} {
		p := []byte(in)
		if n := testing.AllocsPerRun(100, func() { AppendDomain(dst, p) }); n != 0 {
			t.Errorf("%s: %v allocations", in, n)
		}
	}
}

func BenchmarkAppendDomain(b *testing.B) {
	for _, in := range []string{"northwind-foods-1234.com", "https://www.northwind-1234.com/about", "münchen.de"} {
		b.Run(in[:8], func(b *testing.B) {
			p, dst := []byte(in), make([]byte, 0, 100)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := AppendDomain(dst, p); !ok {
					b.Fatal("no domain")
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
		})
	}
}
