package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"golang.org/x/term"
)

// output is the flag that every command has.
type output struct {
	JSON bool `name:"json" help:"Print JSON, for machines."`
}

// print writes v as JSON where that was asked for, else calls human.
func (o output) print(p *process, v any, human func(io.Writer) error) error {
	if o.JSON {
		enc := json.NewEncoder(p.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	return human(p.stdout)
}

// table writes aligned columns.
func table(w io.Writer, rows func(add func(cells ...string))) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	rows(func(cells ...string) {
		for i, c := range cells {
			if i > 0 {
				_, _ = tw.Write([]byte{'\t'}) // an error stays until Flush
			}
			_, _ = tw.Write([]byte(c))
		}
		_, _ = tw.Write([]byte{'\n'})
	})
	return tw.Flush()
}

// count is a number of things as people read it.
func count[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// terminal reports whether w is one, so that a bar can be drawn on it.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// eachLine decodes NDJSON, one value a line.
func eachLine[T any](r io.Reader, fn func(T) error) error {
	dec := json.NewDecoder(r)
	for {
		var v T
		err := dec.Decode(&v)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if err := fn(v); err != nil {
			return err
		}
	}
}
