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
	wantNamed(t, "RULES.md", `[Rr]ules? `, "2", 90, ".", "../engine", "../storage")
}

// Each case of ABUSE.md is named by a test, and no test names another.
func TestAbuseIsRefused(t *testing.T) {
	wantNamed(t, "ABUSE.md", `[Aa]buse `, "3", 18, ".", "../engine", "../plugins")
}

// wantNamed holds the numbers that lines of a file begin with to the comments of
// tests that name them.
func wantNamed(t *testing.T, file, word, chapter string, least int, rooms ...string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(`+chapter+`\.\d+) \S`).FindAllStringSubmatch(string(text), -1) {
		if _, twice := held[m[1]]; twice {
			t.Errorf("%s stands twice", m[1])
		}
		held[m[1]] = false
	}
	if len(held) < least {
		t.Fatalf("only %d numbers were read", len(held))
	}
	comment := regexp.MustCompile(`(?m)^// ` + word + chapter + `\.\d+(, ` + chapter + `\.\d+)*:`)
	number := regexp.MustCompile(chapter + `\.\d+`)
	for _, room := range rooms {
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
						t.Errorf("%s names %s, which is none", path, n)
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
			t.Errorf("no test holds %s", n)
		}
	}
}
