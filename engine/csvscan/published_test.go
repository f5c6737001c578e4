package csvscan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPublished goes through the cases of published collections: csv-spectrum,
// csv-test-data and the core cases of Papa Parse. A case whose comment begins
// with "deviation" is read otherwise there.
func TestPublished(t *testing.T) {
	f := func(cols int, in string, want ...string) {
		t.Helper()
		var got []string
		for _, r := range readAll(t, []byte(in), Default, cols, Start, 100, 1<<20) {
			if r.cells[0] == '[' {
				got = append(got, r.cells)
			} else {
				got = append(got, strings.Fields(r.cells)[0])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", in, diff)
		}
	}
	// csv-spectrum
	f(5, "first,last,address,city,zip\nJohn,Doe,120 any st.,\"Anytown, WW\",08123\n",
		`["first" "last" "address" "city" "zip"]`, `["John" "Doe" "120 any st." "Anytown, WW" "08123"]`)
	f(3, "a,b,c\n1,\"\",\"\"\n2,3,4\n", `["a" "b" "c"]`, `["1" "" ""]`, `["2" "3" "4"]`)
	f(3, "a,b,c\r\n1,\"\",\"\"\r\n2,3,4\r\n", `["a" "b" "c"]`, `["1" "" ""]`, `["2" "3" "4"]`)
	f(2, "a,b\n1,\"ha \"\"ha\"\" ha\"\n3,4\n", `["a" "b"]`, `["1" "ha \"ha\" ha"]`, `["3" "4"]`)
	f(2, "key,val\n1,\"{\"\"type\"\": \"\"Point\"\", \"\"coordinates\"\": [102.0, 0.5]}\"\n",
		`["key" "val"]`, `["1" "{\"type\": \"Point\", \"coordinates\": [102.0, 0.5]}"]`)
	f(3, "a,b,c\n1,2,3\n\"Once upon \na time\",5,6\n7,8,9\n", `["a" "b" "c"]`, `["1" "2" "3"]`, `["Once upon \na time" "5" "6"]`, `["7" "8" "9"]`)
	f(3, "a,b,c\r\n1,2,3\r\n\"Once upon \r\na time\",5,6\r\n7,8,9\r\n", `["a" "b" "c"]`, `["1" "2" "3"]`, `["Once upon \r\na time" "5" "6"]`, `["7" "8" "9"]`)
	f(3, "a,b,c\r1,2,3\r\"Once upon \ra time\",5,6\r", `["a" "b" "c"]`, `["1" "2" "3"]`, `["Once upon \ra time" "5" "6"]`)
	f(2, "a,b\n1,\"ha \n\"\"ha\"\" \nha\"\n3,4\n", `["a" "b"]`, `["1" "ha \n\"ha\" \nha"]`, `["3" "4"]`)
	f(3, "a,b,c\n4,5,ʤ\n", `["a" "b" "c"]`, `["4" "5" "ʤ"]`)
	// Deviation: a coordinate's seconds sign inside an unquoted cell is a stray quote.
	f(4, "Phone,Location,City,County\n209,37 36'37.8\"N 121 2'17.9\"W,Modesto,Stanislaus\n", `["Phone" "Location" "City" "County"]`, "malformed")

	// csv-test-data
	// Deviation: its empty lines are rows of one empty cell.
	f(1, "\n\n")
	f(1, "foo\n\n", `["foo"]`)
	f(3, "foo,bar,baz\n1,2", `["foo" "bar" "baz"]`, "column_count")
	f(3, "foo,bar,baz\n1,2,3,4", `["foo" "bar" "baz"]`, "column_count")
	f(3, "foo,bar,baz\n1,\"I forgot to close this one,3", `["foo" "bar" "baz"]`, "malformed")
	f(3, "foo,bar,baz\n1,\"Hey, I missed \" it\",3", `["foo" "bar" "baz"]`, "malformed")
	f(3, "foo,bar,baz\n1,This \"quotes\" must be escaped,3", `["foo" "bar" "baz"]`, "malformed")
	f(3, "foo,bar,baz\n1,,3", `["foo" "bar" "baz"]`, `["1" "" "3"]`)
	f(3, "foo,bar,baz\n1, leading space,3", `["foo" "bar" "baz"]`, `["1" " leading space" "3"]`)
	f(3, "foo,bar,baz\n1,trailing space ,3", `["foo" "bar" "baz"]`, `["1" "trailing space " "3"]`)
	f(3, "foo,bar,baz\n1,\"\",3", `["foo" "bar" "baz"]`, `["1" "" "3"]`)
	f(3, "foo,bar,baz\n1,\"The \"\" must be escaped\",3", `["foo" "bar" "baz"]`, `["1" "The \" must be escaped" "3"]`)
	f(3, "foo,bar,baz\n1,\"No man is an island,\nEntire of itself\",3", `["foo" "bar" "baz"]`, `["1" "No man is an island,\nEntire of itself" "3"]`)
	f(1, "foo\n1\n", `["foo"]`, `["1"]`)
	f(3, "foo,bar,baz\n1,😘,3", `["foo" "bar" "baz"]`, `["1" "😘" "3"]`)

	// Papa Parse
	f(3, "a,\tb ,c", `["a" "\tb " "c"]`)
	f(3, `A," B  ",C`, `["A" " B  " "C"]`)
	f(3, "A,\"B\nB\",\"C\nC\nC\"", `["A" "B\nB" "C\nC\nC"]`)
	f(3, "a,b,\"c,c\nc\"\nd,e,f", `["a" "b" "c,c\nc"]`, `["d" "e" "f"]`)
	f(3, `A,"""B""",C`, `["A" "\"B\"" "C"]`)
	f(3, `A,""",""",C`, `["A" "\",\"" "C"]`)
	f(3, `A,",""",C`, `["A" ",\"" "C"]`)
	f(3, `A,""",",C`, `["A" "\"," "C"]`)
	f(3, `"1","cnonce="""",nc=""""","2"`, `["1" "cnonce=\"\",nc=\"\"" "2"]`)
	f(3, "a,b,\"c\"\"c\"\"\"\nd,e,f", `["a" "b" "c\"c\""]`, `["d" "e" "f"]`)
	f(3, "a,b,\"\"\na,b,\"\"", `["a" "b" ""]`, `["a" "b" ""]`)
	f(3, "a,b,c\n,e,f\n,\"h\",\"i\"\n,\"k\",\"l\"", `["a" "b" "c"]`, `["" "e" "f"]`, `["" "h" "i"]`, `["" "k" "l"]`)
	f(6, "a,b,,,c,d\n,,e,,,f", `["a" "b" "" "" "c" "d"]`, `["" "" "e" "" "" "f"]`)
	f(2, ",", `["" ""]`)
	f(1, "")
	f(1, "#commented line", `["#commented line"]`)
	f(1, "a\n b\nc", `["a"]`, `[" b"]`, `["c"]`)
	f(3, "A,b,c\rd,E,f", `["A" "b" "c"]`, `["d" "E" "f"]`)
	f(3, "A,\"B\rB\",C", `["A" "B\rB" "C"]`)
	// Deviation: there a misplaced quote is a character, and white space after a
	// closing quote is dropped.
	f(3, `A,B",C`, "malformed")
	f(3, `A, "B" ,C`, "malformed")
	f(4, "A,\"B\" ,C,D\r\nE,F,G,H", "malformed", `["E" "F" "G" "H"]`)
	// Deviation: there a wrong quote takes all that follows into one cell.
	f(3, "a,\"b,c\nd,e,f", "malformed", `["d" "e" "f"]`)
	f(3, "\"a,\"b,c\"\nd,e,f", "malformed", `["d" "e" "f"]`)
	f(3, "a,\"b,\"c\nd,e,f", "malformed", `["d" "e" "f"]`)
	f(3, "a,\"b\"c,d\ne,f,g", "malformed", `["e" "f" "g"]`)
	f(3, "a,\"b,c\nd\"e,f,g\nh,i,j", "malformed", "malformed", `["h" "i" "j"]`)
	// Deviation: there the first line end found is the only one.
	f(3, "a,b,c\nd,e,f\rg,h,i\n", `["a" "b" "c"]`, `["d" "e" "f"]`, `["g" "h" "i"]`)
	// Deviation: there an empty line is a row of one empty cell.
	f(1, "a\nb\n\n\nc\n", `["a"]`, `["b"]`, `["c"]`)
}
