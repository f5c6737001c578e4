package host

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each rule of RULES.md is named by a test, and no test names another.
func TestRulesAreHeld(t *testing.T) {
	text, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(2\.\d+) \S`).FindAllStringSubmatch(string(text), -1) {
		if _, twice := held[m[1]]; twice {
			t.Errorf("rule %s stands twice", m[1])
		}
		held[m[1]] = false
	}
	if len(held) < 90 {
		t.Fatalf("only %d rules were read", len(held))
	}
	comment := regexp.MustCompile(`(?m)^// [Rr]ules? 2\.\d+(, 2\.\d+)*:`)
	number := regexp.MustCompile(`2\.\d+`)
	for _, room := range []string{".", "../engine", "../storage"} {
		err := filepath.WalkDir(room, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, c := range comment.FindAllString(string(code), -1) {
				for _, n := range number.FindAllString(c, -1) {
					if _, known := held[n]; !known {
						t.Errorf("%s names rule %s, which is none", path, n)
					}
					held[n] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for n, ok := range held {
		if !ok {
			t.Errorf("no test holds rule %s", n)
		}
	}
}
