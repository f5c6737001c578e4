package host

import (
	"fmt"
	"strings"
	"testing"
)

// Rule 2.50: a JSON body has exactly one of rows and csv.
func TestRowsOrCSV(t *testing.T) {
	c := newHouse(t)
	f := func(body, want string) {
		t.Helper()
		c.json(body).wantSaid(t, body, want)
	}
	f(`{}`, "400 validation_error")
	f(`{"tags":[]}`, "400 validation_error")
	f(`{"rows":[],"csv":"name\n"}`, "400 validation_error")
	f(`{"csv":"name\n","rows":[]}`, "400 validation_error")
	f(`{"rows":[],"rows":[]}`, "400 validation_error")
	f(`{"csv":"name\n","csv":"name\n"}`, "400 validation_error")
	f(`{"rows":null}`, "400 validation_error")
	f(`{"rows":{}}`, "400 validation_error")
	f(`{"csv":null}`, "400 validation_error")
	f(`{"csv":1}`, "400 validation_error")
	f(`{"csv":["name"]}`, "400 validation_error")
	f(`[]`, "400 validation_error")
	f(`"rows"`, "400 validation_error")
	c.wantStored()
}

// Rule 2.58: nothing is imported unless the body is whole, JSON parsed to its
// end included.
func TestBodyToItsEnd(t *testing.T) {
	c := newHouse(t)
	f := func(body, want string) {
		t.Helper()
		c.json(body).wantSaid(t, body, want)
	}
	const row = `{"rows":[{"name":"A"}]`
	f(row, "400 validation_error")
	f(row+`,`, "400 validation_error")
	f(row+`}x`, "400 validation_error")
	f(row+`}{}`, "400 validation_error")
	f(row+`}]`, "400 validation_error")
	f(row+`,"tags":}`, "400 validation_error")
	f(`{"rows":[{"name":"A"}`, "400 validation_error")
	f(`{"rows":[{"name":"A"},]}`, "400 validation_error")
	f(`{"rows":[{"name":"A"}{"name":"B"}]}`, "400 validation_error")
	f(`{"rows":[{"name":"A"},{"name":B}]}`, "400 validation_error")
	f(`{"csv":"name\nA`, "400 validation_error")
	f(`{"csv":"name\nA"`, "400 validation_error")
	f(`{"csv":"name\nA\q"}`, "400 validation_error")
	f(strings.TrimSuffix(jsonRows(600, ""), "}"), "400 validation_error")
	f(jsonRows(600, "}x"), "400 validation_error")
	c.wantStored()
	f(row+"}\r\n\t ", "200 completed 1+0+0+0=1")
	f("\xef\xbb\xbf"+row+"}", "200 completed 1+0+0+0=1")
}

// Rule 2.61: no rows at all are a success that did nothing.
func TestNoRows(t *testing.T) {
	c := newHouse(t)
	const none = "200 completed 0+0+0+0=0"
	c.json(`{"rows":[]}`).wantSaid(t, "rows", none)
	c.json(`{"csv":"name,domain"}`).wantSaid(t, "csv", none)
	c.json(`{"csv":"name,domain\r\n\r\n\n"}`).wantSaid(t, "empty lines", none)
	c.csv("", "name,domain\n").wantSaid(t, "raw", none)
	c.csv("dry_run=true", "name,domain\n").wantSaid(t, "dry run", none)
	c.csv("max_errors=0", "name,domain\n").wantSaid(t, "limit", none)
	c.ndjson("", "").wantSaid(t, "ndjson", none)
	c.ndjson("", "\n\r\n \n").wantSaid(t, "ndjson lines", none)
	r := c.csv(`has_header=false&mapping={"1":"name"}`, "")
	r.wantSaid(t, "no header", none)
	if d := r.importData(t); len(d.IgnoredColumns) > 0 {
		t.Errorf("ignored %q of no columns", d.IgnoredColumns)
	}
	c.csv("", "").wantSaid(t, "no header where one must be", "400 validation_error")
	c.json(`{"csv":""}`).wantSaid(t, "no header where one must be", "400 validation_error")
}

// Rules 2.59, 2.65: a fault of one row fails that row alone, with a code that says how.
func TestRowFaults(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	f := func(r reply, want string) {
		t.Helper()
		r.wantSaid(t, want, want)
	}
	c := newHouse(t)
	f(c.json(`{"rows":[{"name":"A"},1,null,"x",[],true,{"name":"B"}]}`),
		"200 completed 2+0+0+5=7 [2 invalid_type] [3 invalid_type] [4 invalid_type] [5 invalid_type] [6 invalid_type]")
	f(c.ndjson("", "{\"name\":\"A\"}\nnope\n[]\n{\"name\":\"B\"} x\n{\"name\":\"C\"\n\n{\"name\":\"D\"}"),
		"200 completed 2+0+0+4=6 [2:2 malformed] [3:3 invalid_type] [4:4 malformed] [5:5 malformed]")
	f(c.csv("", "name,domain\nA,a.example\nB\nC,c.example,x\nD,d.example\n"),
		"200 completed 2+0+0+2=4 [2:3 column_count] [3:4 column_count]")
	f(c.csv("", "name,domain\nQ,q.example\n\"open,o.example\nR,r.example\nS,s.example\n"),
		"200 completed 3+0+0+1=4 [2:3 malformed]")
	f(c.csv("", "name,domain\n\"two\nlines\",t.example\nsay \"x\",u.example\n\"y\" z,v.example\nW,w.example\n"),
		"200 completed 2+0+0+2=4 [2:4 name malformed] [3:5 name malformed]")
	f(c.csv("", "name,city\nE,e\n"+long+",f\nG,g\n"), "200 completed 2+0+0+1=3 [2:3 row_too_large]")
	f(c.ndjson("", `{"name":"H"}`+"\n"+`{"name":"`+long+`"}`+"\n"+`{"name":"I"}`), "200 completed 2+0+0+1=3 [2:2 row_too_large]")
	f(c.json(`{"rows":[{"name":"J"},{"name":"`+long+`"},{"name":"K"}]}`), "200 completed 2+0+0+1=3 [2 row_too_large]")
	f(c.json(`{"csv":"name\nL\n`+long+`x\nM\n"}`), "200 completed 2+0+0+1=3 [2:3 row_too_large]")
}

// Rule 2.60: empty lines are no rows, all-blank ones are.
func TestBlankRows(t *testing.T) {
	c := newHouse(t)
	c.csv("", "\n\r\nname,domain\n\nA,a.example\n\n\r\n,\n  ,\t\nB,b.example\n\n").
		wantSaid(t, "csv", "200 completed 2+0+0+2=4 [2:8 name required] [3:9 name required]")
	c.ndjson("", "\n{\"name\":\"C\"}\n\n  \n{}\n").wantSaid(t, "ndjson", "200 completed 1+0+0+1=2 [2:5 name required]")
	c.json(`{"rows":[{},{"name":""}]}`).wantSaid(t, "rows", "200 completed 0+0+0+2=2 [1 name required] [2 name required]")
}

// Rule 2.67: rows act one by one in their order: a later one meets the earlier.
func TestRowsMeet(t *testing.T) {
	c := newHouse(t)
	const rows = `{"rows":[{"name":"A","domain":"a.example","city":"X"},{"name":"B","domain":"WWW.A.example.","city":"Y"},
		{"name":"N"},{"name":"N"},{"domain":"http://a.example/x","phone":"1"}]`
	c.json(rows+"}").wantSaid(t, "skipped", "200 completed 3+0+2+0=5")
	c.wantStored("city=X domain=a.example name=A", "name=N", "name=N")
	c = newHouse(t)
	c.json(rows+`,"update_existing":true}`).wantSaid(t, "updated", "200 completed 3+2+0+0=5")
	c.wantStored("name=N", "name=N", "city=Y domain=a.example name=B phone=1")
}

// Rule 2.68: a bad cell fails even a row that would be skipped; a missing name
// fails only a row that would create.
func TestValidationComesFirst(t *testing.T) {
	c := newHouse(t)
	c.json(`{"rows":[{"name":"A","domain":"a.example"}]}`)
	long := strings.Repeat("x", 256)
	c.json(`{"rows":[{"domain":"a.example","city":"`+long+`"},{"domain":"a.example"},{"domain":"b.example"},{"name":"","domain":"a.example"}]}`).
		wantSaid(t, "skip", "200 completed 0+0+2+2=4 [1 city too_long] [3 name required]")
	c.json(`{"rows":[{"domain":"a.example","city":"`+long+`"},{"domain":"a.example"},{"domain":"b.example"},{"name":" ","domain":"a.example"}],"update_existing":true}`).
		wantSaid(t, "update", "200 completed 0+2+0+2=4 [1 city too_long] [3 name required]")
	// A name that shall be cleared is a bad one, whatever the row would do.
	for _, update := range []string{"true", "false"} {
		c.json(`{"rows":[{"name":null,"domain":"a.example"},{"name":null,"domain":"b.example"}],"update_existing":`+update+`}`).
			wantSaid(t, "null", "200 completed 0+0+0+2=2 [1 name required] [2 name required]")
	}
	c.wantStored("domain=a.example name=A")
}

// Rule 2.69: an update that changes nothing is one; tags are united, the row's
// with the request's and those there are.
func TestUpdates(t *testing.T) {
	c := newHouse(t)
	c.json(`{"rows":[{"name":"A","domain":"a.example","tags":["x","y"]}],"tags":["r"]}`)
	c.wantStored(`domain=a.example name=A tags=["x","y","r"]`)
	c.json(`{"rows":[{"domain":"a.example"},{"name":"A","domain":"a.example","tags":["y"]}],"update_existing":true}`).
		wantSaid(t, "no change", "200 completed 0+2+0+0=2")
	c.json(`{"rows":[{"domain":"a.example","tags":["z","x"]}],"update_existing":true,"tags":["s","r"]}`)
	c.wantStored(`domain=a.example name=A tags=["x","y","r","z","s"]`)
	c.json(`{"rows":[{"domain":"a.example","tags":["no"]}],"tags":["no"]}`).wantSaid(t, "skipped", "200 completed 0+0+1+0=1")
	c.wantStored(`domain=a.example name=A tags=["x","y","r","z","s"]`)
}

// Rule 2.70: a blank cell leaves a field as it is, null clears it, and text is
// otherwise kept as sent.
func TestBlankAndNull(t *testing.T) {
	c := newHouse(t)
	c.json(`{"rows":[{"name":" A ","domain":"a.example","city":"  X\ty ","phone":"1","industry":"i","tags":["t"],"custom":{"k":"v","l":"w"}}]}`)
	all := `city=  X\ty  custom={"k":"v","l":"w"} domain=a.example industry=i name= A  phone=1 tags=["t"]`
	c.wantStored(all)
	u := func(row, want string) {
		t.Helper()
		c.json(`{"rows":[`+row+`],"update_existing":true}`).wantSaid(t, row, "200 completed 0+1+0+0=1")
		c.wantStored(want)
	}
	u(`{"domain":"a.example","name":"","city":" ","phone":"\t\u00a0","tags":"","custom":{"k":" "},"industry":""}`, all)
	kept := c.json(`{"rows":[{"domain":"a.example","name":null,"city":"Z"}],"update_existing":true}`) // as in PATCH
	kept.wantSaid(t, "name", "200 completed 0+0+0+1=1 [1 name required]")
	c.wantStored(all)
	u(`{"domain":"a.example","city":null,"custom":{"k":null}}`, `custom={"l":"w"} domain=a.example industry=i name= A  phone=1 tags=["t"]`)
	u(`{"domain":"a.example","tags":null,"custom":null,"phone":null}`, `domain=a.example industry=i name= A `)
	c.csv("update_existing=true", "domain,industry\na.example,\n").wantSaid(t, "csv", "200 completed 0+1+0+0=1")
	c.wantStored("domain=a.example industry=i name= A ")
}

// Rule 2.71: numbers and booleans are text as written, arrays and objects
// invalid_type; tags and custom hold scalars; a tags cell splits at , and ;.
func TestTypes(t *testing.T) {
	f := func(row, said string, stored ...string) {
		t.Helper()
		c := newHouse(t)
		c.json(`{"rows":[`+row+`]}`).wantSaid(t, row, "200 completed "+said)
		c.wantStored(stored...)
	}
	f(`{"name":5,"phone":1.50e2,"size":-0,"city":true,"country":false}`, "1+0+0+0=1", "city=true country=false name=5 phone=1.50e2 size=-0")
	f(`{"name":12345678901234567890123456789}`, "1+0+0+0=1", "name=12345678901234567890123456789")
	f(`{"name":"A","city":["x"]}`, "0+0+0+1=1 [1 city invalid_type]")
	f(`{"name":{"x":1}}`, "0+0+0+1=1 [1 name invalid_type]")
	f(`{"name":"A","domain":[]}`, "0+0+0+1=1 [1 domain invalid_type]")
	f(`{"name":"A","domain":5}`, "0+0+0+1=1 [1 domain invalid_domain]")
	f(`{"name":"A","tags":"a, b;c;;a"}`, "1+0+0+0=1", `name=A tags=["a","b","c"]`)
	f(`{"name":"A","tags":["a,b",1,true," c "]}`, "1+0+0+0=1", `name=A tags=["a,b","1","true","c"]`)
	f(`{"name":"A","tags":7}`, "1+0+0+0=1", `name=A tags=["7"]`)
	f(`{"name":"A","tags":{"a":1}}`, "0+0+0+1=1 [1 tags invalid_type]")
	f(`{"name":"A","tags":[["a"]]}`, "0+0+0+1=1 [1 tags invalid_type]")
	f(`{"name":"A","custom":{"s":"x","n":1.50,"t":true,"z":null}}`, "1+0+0+0=1", `custom={"s":"x","n":1.50,"t":true} name=A`)
	f(`{"name":"A","custom":{"s":[1]}}`, "0+0+0+1=1 [1 custom invalid_type]")
	f(`{"name":"A","custom":{"s":{}}}`, "0+0+0+1=1 [1 custom invalid_type]")
	f(`{"name":"A","custom":["s"]}`, "0+0+0+1=1 [1 custom invalid_type]")
	f(`{"name":"A","custom":5}`, "0+0+0+1=1 [1 custom invalid_type]")
	f(`{"name":"A","custom.k":5,"custom.l":"x"}`, "1+0+0+0=1", `custom={"k":5,"l":"x"} name=A`)
}

// Rule 2.43: values have their limits in bytes, tags and custom fields in number.
func TestLimits(t *testing.T) {
	c := newHouse(t)
	n := 0
	f := func(format string, most int, column string) {
		t.Helper()
		for _, length := range []int{most, most + 1} {
			n++
			row := fmt.Sprintf(format, n, strings.Repeat("x", length))
			want := "200 completed 1+0+0+0=1"
			if length > most {
				want = fmt.Sprintf("200 completed 0+0+0+1=1 [1 %s too_long]", column)
			}
			c.json(`{"rows":[`+row+`]}`).wantSaid(t, fmt.Sprintf("%s of %d", column, length), want)
		}
	}
	f(`{"size":"%d","name":"%s"}`, 255, "name")
	for _, field := range []string{"industry", "size", "city", "country", "phone"} {
		f(`{"name":"%d","`+field+`":"%s"}`, 255, field)
	}
	f(`{"name":"%d","website":"%s"}`, 2048, "website")
	f(`{"name":"%d","linkedin_url":"%s"}`, 2048, "linkedin_url")
	f(`{"name":"%d","description":"%s"}`, 65535, "description")
	f(`{"name":"%d","tags":["%s"]}`, 255, "tags")
	f(`{"name":"%d","custom":{"k":"%s"}}`, 255, "custom")
	f(`{"name":"%d","custom":{"%s":"v"}}`, 255, "custom")
	label := strings.Repeat("a", 63) + "."
	f(`{"name":"%d","domain":"`+label+label+label+`%s"}`, 253-3*64, "domain")
	c.json(`{"rows":[{"name":"`+strings.Repeat("ä", 128)+`"}]}`).wantSaid(t, "bytes, not characters", "200 completed 0+0+0+1=1 [1 name too_long]")

	list := func(n int) string { return strings.Repeat(`"%d",`, n-1) + `"%d"` }
	number := func(format string) string {
		var all []any
		for i := range strings.Count(format, "%d") {
			all = append(all, i)
		}
		return fmt.Sprintf(format, all...)
	}
	c.json(number(`{"rows":[{"name":"A","tags":[`+list(100)+`]}]}`)).wantSaid(t, "100 tags", "200 completed 1+0+0+0=1")
	c.json(number(`{"rows":[{"name":"A","tags":[`+list(101)+`]}]}`)).wantSaid(t, "101 tags", "200 completed 0+0+0+1=1 [1 tags too_long]")
	c.json(number(`{"rows":[{"name":"A","tags":["x"]}],"tags":[`+list(100)+`]}`)).wantSaid(t, "100 and one", "200 completed 0+0+0+1=1 [1 tags too_long]")
	c.json(number(`{"rows":[{"name":"A"}],"tags":[`+list(101)+`]}`)).wantSaid(t, "101 for all", "400 validation_error tags")
	custom := func(n int) string { return strings.Repeat(`"%d":0,`, n-1) + `"%d":0` }
	c.json(number(`{"rows":[{"name":"A","custom":{`+custom(100)+`}}]}`)).wantSaid(t, "100 custom", "200 completed 1+0+0+0=1")
	c.json(number(`{"rows":[{"name":"A","custom":{`+custom(101)+`}}]}`)).wantSaid(t, "101 custom", "200 completed 0+0+0+1=1 [1 custom too_long]")

	// What updates unite has the same limit.
	c.json(number(`{"rows":[{"name":"U","domain":"u.example","tags":[` + list(100) + `]}]}`))
	c.json(`{"rows":[{"domain":"u.example","tags":["x"]}],"update_existing":true}`).wantSaid(t, "united", "200 completed 0+0+0+1=1 [1 tags too_long]")
}

// Rule 2.95: what is not UTF-8 is invalid_encoding, of its row alone.
func TestInvalidEncoding(t *testing.T) {
	c := newHouse(t)
	c.json("{\"rows\":[{\"name\":\"A\xff\"},{\"name\":\"B\"},{\"name\":\"C\",\"custom\":{\"k\":\"\xc3\"}},{\"name\":\"D\",\"tags\":[\"\x80\"]}]}").
		wantSaid(t, "rows", "200 completed 1+0+0+3=4 [1 name invalid_encoding] [3 custom invalid_encoding] [4 tags invalid_encoding]")
	c.ndjson("", "{\"name\":\"A\xff\"}\n{\"name\":\"B\"}\n").wantSaid(t, "ndjson", "200 completed 1+0+0+1=2 [1:1 name invalid_encoding]")
	c.csv(`dialect={"encoding":"utf-8"}`, "name\nA\xff\nB\n").wantSaid(t, "csv", "200 completed 1+0+0+1=2 [1:2 name invalid_encoding]")
	c.csv(`dialect={"encoding":"utf-8"}`, "name\xff\nA\n").wantSaid(t, "header", "400 validation_error")
	c.json("{\"rows\":[{\"name\":\"A\"}],\"tags\":[\"\xff\"]}").wantSaid(t, "option", "400 validation_error tags")
	c.post("/v1/companies", "{\"name\":\"A\xff\"}").want(t, 400, "validation_error")
}

// Rule 2.95: half of a surrogate pair is no character either, in whatever form
// it comes.
func TestLoneSurrogates(t *testing.T) {
	c := newHouse(t)
	c.json(`{"rows":[{"name":"A\ud800"},{"name":"B"},{"name":"C","custom":{"k\udfff":"x"}},{"name":"D","tags":["\udc00"]},{"name":"\ud83d\ude00"}]}`).
		wantSaid(t, "rows", "200 completed 2+0+0+3=5 [1 name invalid_encoding] [3 custom invalid_encoding] [4 tags invalid_encoding]")
	c.ndjson("", `{"name":"A\ud83d"}`+"\n"+`{"name":"E"}`+"\n").wantSaid(t, "ndjson", "200 completed 1+0+0+1=2 [1:1 name invalid_encoding]")
	c.json(`{"csv":"name\nA\ud800\nF\n"}`).wantSaid(t, "csv", "200 completed 1+0+0+1=2 [1:2 name invalid_encoding]")
	c.json(`{"csv":"name\ud800\nA\n"}`).wantSaid(t, "header", "400 validation_error")
	c.json(`{"rows":[{"name":"A"}],"tags":["\udfff"]}`).wantSaid(t, "option", "400 validation_error tags")
	c.post("/v1/companies", `{"name":"A\ud800"}`).want(t, 400, "validation_error")
	c.wantStored("name=B", "name=😀", "name=E", "name=F")
}
