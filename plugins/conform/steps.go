package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/plugins"
)

// A step is one check. It adds findings, and reports false when nothing after it
// makes sense.
type step struct {
	name string
	run  func(*checker, context.Context) bool
}

func steps() []step {
	return []step{
		{"module", (*checker).module},        // exports, signatures, imports, size, both engines agree
		{"describe", (*checker).describe},    // an object, or nothing
		{"open", (*checker).open},            // an answer that can be used
		{"no config", (*checker).noConfig},   // does not trap without one
		{"no columns", (*checker).noColumns}, // does not trap on a file without any
		{"kinds", (*checker).kinds},          // all kinds, empty and odd values, without a trap
		{"batches", (*checker).batches},      // 1, 2 and 1,000 rows a batch, and any order: the same answers
		{"instances", (*checker).instances},  // a fresh instance: the same answers, the same fuel
		{"unknown keys", (*checker).unknown}, // keys of a coming host change nothing
		{"later columns", (*checker).later},  // open again with more columns
		{"long row", (*checker).long},        // a row of a megabyte
		{"memory", (*checker).memory},        // many batches in bounded memory
	}
}

// Checks names all checks, in the order in which they run.
func Checks() []string {
	var names []string
	for _, s := range steps() {
		names = append(names, s.name)
	}
	return names
}

func (c *checker) module(ctx context.Context) bool {
	var err error
	if c.upload, err = c.box.Check(ctx, c.wasm); fault.CodeOf(err) == fault.PluginInvalid {
		c.find(Broken, "change what the message says and build again; an upload would be refused the same way", "%s", fault.Message(err))
	} else if err != nil {
		c.err = err
	}
	return err == nil
}

func (c *checker) describe(context.Context) bool {
	if strings.HasPrefix(c.upload.Problem, "sluice_v1_describe") {
		c.find(Broken, "answer JSON from sluice_v1_describe, or do not export it", "%s", c.upload.Problem)
	}
	if c.upload.Describe == nil {
		return true
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(c.upload.Describe, &keys); err != nil || keys == nil {
		c.find(Broken, "answer an object with name, version, description and config", "sluice_v1_describe answers no JSON object")
	}
	for _, name := range []string{"name", "version", "description"} {
		var text string
		if raw, ok := keys[name]; ok && json.Unmarshal(raw, &text) != nil {
			c.find(Doubt, "make it text", "%q of sluice_v1_describe's answer is no text", name)
		}
	}
	return true
}

func (c *checker) open(ctx context.Context) bool {
	s, refusal := c.session(ctx, "open", nil)
	if refusal != "" {
		c.find(Doubt, "check with the columns and the config of a file that suits it", "the plugin refuses the columns %s: %s",
			strings.Join(c.options.Columns, ", "), refusal)
	}
	if s == nil {
		return false
	}
	c.close(ctx, s)
	return true
}

func (c *checker) noConfig(ctx context.Context) bool {
	if s, _ := c.session(ctx, "open without a config", func(j *plugins.Job) { j.Config = nil }); s != nil {
		c.close(ctx, s)
	}
	return true
}

func (c *checker) noColumns(ctx context.Context) bool {
	if s, _ := c.session(ctx, "open without columns", func(j *plugins.Job) { j.Columns = nil }); s != nil {
		in := &batch.Batch{}
		in.Reset(0)
		addRow(in, nil)
		c.process(ctx, s, "a row without columns", in)
		c.close(ctx, s)
	}
	return true
}

func (c *checker) kinds(ctx context.Context) bool {
	s, _ := c.session(ctx, "open", nil)
	if s == nil {
		return false
	}
	defer c.close(ctx, s)
	return c.process(ctx, s, "all kinds of cells", kindRows(len(c.options.Columns))) != nil
}

// sizes of batches that give the same answers.
func sizes() []int { return []int{1000, 2, 1} }

func (c *checker) batches(ctx context.Context) bool {
	c.plain = plainRows(len(c.options.Columns), 1000)
	for _, size := range sizes() {
		got, fuel := c.inBatches(ctx, size, false)
		if got == nil {
			return false
		}
		if c.answers == nil {
			c.answers, c.fuel = got, fuel
			continue
		}
		c.compare(got, fmt.Sprintf("in batches of %d rows", size), "in one of 1,000",
			"let a row's answer follow from that row and the config alone, and read rows and columns from the batch's header")
	}
	if got, _ := c.inBatches(ctx, 7, true); got != nil {
		c.compare(got, "in reverse order", "in order", "let a row's answer follow from that row and the config alone: keep nothing from row to row")
	}
	return true
}

// inBatches gives the plain rows to a fresh session and returns their answers and
// the fuel.
func (c *checker) inBatches(ctx context.Context, size int, reverse bool) ([]string, int64) {
	s, _ := c.session(ctx, "open", nil)
	if s == nil {
		return nil, 0
	}
	defer c.close(ctx, s)
	n := len(c.plain.Rows)
	order := make([]int, n)
	for i := range order {
		order[i] = i
		if reverse {
			order[i] = n - 1 - i
		}
	}
	answers := make([]string, n)
	for list := range slices.Chunk(order, size) {
		got := c.process(ctx, s, fmt.Sprintf("%d rows", len(list)), part(c.plain, list))
		if got == nil {
			return nil, 0
		}
		for k, i := range list {
			answers[i] = got[k]
		}
	}
	fuel, _, _ := s.Fuel()
	return answers, fuel
}

func (c *checker) compare(got []string, how, otherwise, advice string) {
	for i := range got {
		if got[i] != c.answers[i] {
			c.find(Broken, advice, "row %d is answered%s %s and%s %s", i+1, clip(got[i]), how, clip(c.answers[i]), otherwise)
			return
		}
	}
}

func clip(s string) string {
	if s == "" {
		return " with nothing"
	}
	if len(s) > 120 {
		s = s[:120] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}

func (c *checker) instances(ctx context.Context) bool {
	got, fuel := c.inBatches(ctx, 1000, false)
	if got == nil {
		return false
	}
	c.compare(got, "by a second instance", "by the first", "let nothing but the job decide: no addresses, no iteration over a map, no random numbers")
	if fuel != c.fuel {
		c.find(Doubt, "look for iteration over a map or a hash that is seeded by an address",
			"two fresh instances burnt %d and %d units of fuel on the same rows", c.fuel, fuel)
	}
	return true
}

func (c *checker) unknown(ctx context.Context) bool {
	s, refusal := c.session(ctx, "open with keys that it does not know", func(j *plugins.Job) {
		j.Later = json.RawMessage(`{"later":{"a":[1,{"b":null}],"columns":["x"]},"z":null}`)
		j.Options = json.RawMessage(`{"has_header":true,"update_existing":false,"tags":["a"],"later":[{"columns":1}]}`)
	})
	if refusal != "" {
		c.find(Broken, "ignore the keys of the context that you do not know", "open refuses keys that it does not know: %s", refusal)
	}
	if s == nil {
		return true
	}
	defer c.close(ctx, s)
	if got := c.process(ctx, s, "rows after unknown keys", c.plain); got != nil {
		c.compare(got, "after unknown keys in the context", "without them", "ignore the keys of the context that you do not know, at every depth")
	}
	return true
}

func (c *checker) later(ctx context.Context) bool {
	longer := append(slices.Clone(c.options.Columns), "Later one", "Later two")
	fresh, refusal := c.session(ctx, "open with two columns more", func(j *plugins.Job) { j.Columns = longer })
	if refusal != "" {
		c.find(Doubt, "take columns that you do not know, and ignore them: JSON rows bring new keys at any time",
			"open refuses two columns more: %s", refusal)
	}
	if fresh == nil {
		return true
	}
	defer c.close(ctx, fresh)
	grown, _ := c.session(ctx, "open", nil)
	if grown == nil {
		return true
	}
	defer c.close(ctx, grown)
	if c.process(ctx, grown, "rows before a later column", part(c.plain, []int{0, 1, 2})) == nil {
		return true
	}
	if err := grown.Extend(ctx, longer); err != nil {
		if message := c.opened("open again with two columns more", err); message != "" {
			c.find(Broken, "let open be called again: its answer replaces the former one", "the second open refuses what the first would take: %s", message)
		}
		return true
	}
	c.answers = c.process(ctx, fresh, "rows with later columns", plainRows(len(longer), 100))
	if c.answers == nil {
		return true
	}
	if got := c.process(ctx, grown, "rows with later columns", plainRows(len(longer), 100)); got != nil {
		c.compare(got, "after a second open", "after the first", "let each open replace all that the former one left behind")
	}
	return true
}

func (c *checker) long(ctx context.Context) bool {
	s, _ := c.session(ctx, "open", nil)
	if s == nil {
		return true
	}
	defer c.close(ctx, s)
	c.process(ctx, s, "a row of a megabyte", longRow(len(c.options.Columns)))
	return true
}

// Batches that show whether memory grows: more than the fewest for as long as they
// take little time.
const (
	memoryLeast = 40
	memoryRuns  = 200
	memoryTime  = 2 * time.Second
)

// memory looks whether the second half of many batches still lets memory grow: by
// then whatever is reused has its size.
func (c *checker) memory(ctx context.Context) bool {
	s, _ := c.session(ctx, "open", nil)
	if s == nil {
		return true
	}
	defer c.close(ctx, s)
	in := plainRows(len(c.options.Columns), 1000)
	var sizes []int64
	for began := time.Now(); len(sizes) < memoryLeast || len(sizes) < memoryRuns && time.Since(began) < memoryTime; {
		if c.process(ctx, s, "many batches", in) == nil {
			return true
		}
		sizes = append(sizes, s.MemoryBytes())
	}
	half := len(sizes) / 2
	sent := int64(len(in.Arena)+8*len(in.Cells)) * int64(len(sizes)-half)
	if grown := sizes[len(sizes)-1] - sizes[half]; grown > sent/4 {
		c.find(Broken, "let sluice_v1_alloc give the same region again, as it may after each call, and reuse what you answer with",
			"memory grew by %d bytes over %d batches of 1,000 rows", grown, len(sizes)-half)
	}
	return true
}
