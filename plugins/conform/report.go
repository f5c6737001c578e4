package conform

import (
	"strings"
)

// Level is how much a Finding weighs.
type Level string

const (
	Broken Level = "error"   // it breaks the ABI, or rows will fail
	Doubt  Level = "warning" // it could not be checked, or may surprise
)

// Finding is one thing to change.
type Finding struct {
	Check   string `json:"check"` // one of Checks
	Level   Level  `json:"level"`
	Problem string `json:"problem"`
	Advice  string `json:"advice"` // what to change
}

// Report is what Check found.
type Report struct {
	Passed   []string  `json:"passed"` // names of checks, in their order
	Findings []Finding `json:"findings"`
}

// OK reports whether nothing is broken.
func (r *Report) OK() bool {
	for _, f := range r.Findings {
		if f.Level == Broken {
			return false
		}
	}
	return true
}

func (r *Report) String() string {
	var s strings.Builder
	for _, name := range r.Passed {
		s.WriteString("ok       " + name + "\n")
	}
	for _, f := range r.Findings {
		s.WriteString(string(f.Level) + strings.Repeat(" ", 9-len(f.Level)) + f.Check + ": " + f.Problem + "\n         " + f.Advice + "\n")
	}
	return s.String()
}

// advice says what to change about a trap, by what the sandbox says of it.
func advice(reason string) string {
	for _, a := range []struct{ part, advice string }{
		{"not a multiple of 8", "round what sluice_v1_alloc answers up to a multiple of 8"},
		{"has no memory for", "let sluice_v1_alloc grow memory, and reuse one region: a row may have a megabyte, a module 64 MB"},
		{"do not fit into memory", "let sluice_v1_alloc grow memory to hold the whole region before it answers"},
		{"not 4-byte aligned", "keep the result, its cells, source and errors at addresses that divide by 4 and inside memory"},
		{"and no source", "answer a source for each output row where there are more or fewer than rows came in"},
		{"falls", "answer rows in the order of the rows that they came from"},
		{"source of output row", "let source hold the index of an input row of this batch, from 0, never falling"},
		{"for each are allowed", "answer fewer rows or errors for one input row"},
		{"has an invalid kind", "use the kinds 0 to 5 of the ABI, in the upper four bits of a cell's second word"},
		{"absent or null and has bytes", "set the length of absent and null cells to 0"},
		{"not the JSON that its kind says", "give number, bool and json cells the JSON text of their value, and everything else kind 0"},
		{"is outside of memory", "check pointers and lengths: an output cell must lie inside memory"},
		{"no code of", "use a code of 1 to 64 characters a-z, 0-9 and _"},
		{"no message of", "keep an error's message below 1,025 bytes of UTF-8"},
		{"an error names row", "let an error's row be the index of an input row of this batch, from 0"},
		{"names column", "let an error's column be an input column, as sent, or 0xFFFFFFFF"},
		{"out of fuel", "find the loop that does not end, or do less work for each row"},
		{"stack overflow", "recurse less deeply, or keep large values out of local variables"},
		{"panic: ", "handle this row without a panic; skip it, or answer an error for it"},
	} {
		if strings.Contains(reason, a.part) {
			return a.advice
		}
	}
	return "handle such a row without a trap; skip it, or answer an error for it"
}
