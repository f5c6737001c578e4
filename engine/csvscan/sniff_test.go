package csvscan

import (
	"strings"
	"testing"
)

func TestSniff(t *testing.T) {
	f := func(head string, delimiter, quote byte) {
		t.Helper()
		if got, want := Sniff([]byte(head)), (Dialect{delimiter, quote}); got != want {
			t.Errorf("%.80q: %c %c, want %c %c", head, got.Delimiter, got.Quote, want.Delimiter, want.Quote)
		}
	}
	f("", ',', '"')
	f("\n\n", ',', '"')
	f("name\nAcme\n", ',', '"')
	f("name\nAcme; Inc\nUmbrella\n", ',', '"')
	f("name,domain\nAcme,acme.com\n", ',', '"')
	f("name,domain\n", ',', '"')
	f("name;domain", ';', '"')
	f("name\tdomain\r\nAcme\tacme.com\r\n", '\t', '"')
	f("name|domain\rAcme|acme.com\r", '|', '"')
	f(`"name","domain"`+"\n", ',', '"')
	// Delimiters inside quotes, and quoted line ends.
	f("name;description\n\"a,b\";\"c,d,e\"\n\"f,g\";\"h,i,j\"\n", ';', '"')
	f("name,description\nAcme,\"one; two;\nthree; four;\n\"\nUmbrella,\"a;b;c\nd;e;f\"\n", ',', '"')
	f("name;notes\nAcme;\"line, one\nline, two\nline, three\nline, four\"\nB;\"x\n,\n,\"\n", ';', '"')
	// Commas in text and in numbers.
	f("Name;City;Notes\nAcme, Inc;Berlin;good, fast, cheap\nFoo;Paris, France;none\n", ';', '"')
	f("name;price;weight\na;1,5;2,5\nb;3,25;4,0\n", ';', '"')
	f("name;city\nAcme;Berlin, DE\nFoo;Paris, FR\n", ';', '"')
	f("name;revenue\nAcme;1,5\nFoo;2,5\n", ';', '"')
	f("company\tabout\nAcme\tWe make, sell, and fix things\nFoo\tHello, world; bye\n", '\t', '"')
	f("name,tags\nAcme,a;b;c\nFoo,d;e;f\nBar,g;h;i\n", ',', '"')
	f("name,tags\nAcme,a|b\nFoo,d|e\n", ',', '"')
	f("name,tags\n\"Acme\",\"a|b\"\n\"Foo\",\"d|e\"\n", ',', '"')
	// Single quotes, and apostrophes that are none.
	f("'name','domain'\n'Acme','acme.com'\n'O''Neil; Sons','oneil.com'\n", ',', '\'')
	f("name;note\n'Acme; Inc';'a;b'\n'Foo; Co';'c;d'\n", ';', '\'')
	f("name,domain\n'Acme, Inc',acme.com\nFoo,foo.com\n'Bar, Inc',bar.com\n", ',', '\'')
	f("name,city\nO'Neil,Dublin\n't Hooft,Utrecht\n", ',', '"')
	f("name,city\n'Quoted' Foods,Dublin\nAcme,Utrecht\n", ',', '"')
	f("name,city\n\"O'Neil, 'Sons'\",Dublin\n\"Acme 'x'\",Utrecht\n", ',', '"')
	// Messy rows lose to the many good ones.
	f("a,b,c\n1,2,3\n1,2\nx\"y,2,3\n\"open,2,3\n1,2,3\n1,2,3,4\n1,2,3\n", ',', '"')
	f("a;b;c\n1;2;3\n\"x\"y;2;3\n1;2;3\n", ';', '"')
	// The end of the head cuts a row, inside quotes.
	f("name;note\n"+strings.Repeat("Acme;\"a, b\n, c\"\n", 10_000), ';', '"')
	f("name;note\nAcme;\""+strings.Repeat("a,b\n", 20_000), ';', '"')
}

func TestSniffWith(t *testing.T) {
	f := func(head string, fixed, want Dialect) {
		t.Helper()
		if got := SniffWith([]byte(head), fixed); got != want {
			t.Errorf("%q with %v: %c %c, want %c %c", head, fixed, got.Delimiter, got.Quote, want.Delimiter, want.Quote)
		}
	}
	f("", Dialect{Delimiter: ';'}, Dialect{';', '"'})
	f("a,b\n1,2\n", Dialect{Delimiter: ';'}, Dialect{';', '"'})
	f("'a^1'^'b'\n'c'^'d'\n", Dialect{Delimiter: '^'}, Dialect{'^', '\''})
	f("'a';'b'\n'c';'d'\n", Dialect{Quote: '"'}, Dialect{';', '"'})
	f("~a~;~b;,,~\n~c~;~d,~\n", Dialect{Quote: '~'}, Dialect{';', '~'})
	f("a;b\n1;2\n", Dialect{Quote: '\''}, Dialect{';', '\''})
	f("a;b\n", Dialect{',', '\''}, Dialect{',', '\''})
}

func FuzzSniff(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		if err := Sniff(head).Validate(); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkSniff(b *testing.B) {
	head := companies(1000, "\n")[:SniffBytes]
	b.SetBytes(SniffBytes)
	b.ReportAllocs()
	for b.Loop() {
		if Sniff(head) != Default {
			b.Fatal("not the default")
		}
	}
}
