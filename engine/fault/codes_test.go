package fault

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write codes.golden anew")

// Codes are part of the contract: one that changes here breaks a client.
func TestCodesGolden(t *testing.T) {
	const path = "testdata/codes.golden"
	var b strings.Builder
	seen := map[Code]bool{}
	for _, group := range []struct {
		name  string
		codes []Code
	}{{"request", Request()}, {"row", Row()}} {
		for _, c := range group.codes {
			if seen[c] {
				t.Errorf("%s stands twice", c)
			}
			seen[c] = true
			b.WriteString(group.name + " " + string(c) + "\n")
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the codes are\n%swant, if no client is to break,\n%s(-update writes them anew)", b.String(), want)
	}
	source, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), " Code = \""); n != len(seen) {
		t.Errorf("codes.go has %d codes, %d are listed", n, len(seen))
	}
}
