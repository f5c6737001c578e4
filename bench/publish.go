package bench

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// The results section of the README lies between these lines.
const (
	sectionBegin = "<!-- bench: from here on written by `go run ./bench/cmd/bench publish`, not by hand -->\n"
	sectionEnd   = "<!-- bench: to here -->\n"
)

// ErrNoSection says that a text has not one place for results.
var ErrNoSection = errors.New("the text has not exactly one section for results")

// ReplaceSection puts the report where text has its results.
func ReplaceSection(text string, r *Report) (string, error) {
	if strings.Count(text, sectionBegin) != 1 || strings.Count(text, sectionEnd) != 1 {
		return "", ErrNoSection
	}
	before, rest, _ := strings.Cut(text, sectionBegin)
	if !strings.Contains(rest, sectionEnd) {
		return "", ErrNoSection
	}
	_, after, _ := strings.Cut(rest, sectionEnd)
	return before + sectionBegin + "\n" + r.Markdown() + "\n" + sectionEnd + after, nil
}

// Publish makes a report the one that the README shows: it is kept at kept, and
// the README's section is written from it.
func Publish(r *Report, kept, readme string) error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	replaced, err := ReplaceSection(string(text), r)
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	if err := r.WriteFile(kept); err != nil {
		return err
	}
	return os.WriteFile(readme, []byte(replaced), 0o644)
}
