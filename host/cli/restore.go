package cli

import (
	"fmt"
	"io"
	"os"

	"sluice/host"
)

type restoreCmd struct {
	output
	Files []string `arg:"" name:"file" help:"A full backup, or - for standard input; then those that build upon it, in order."`
	Data  string   `name:"data" default:"./data" type:"path" help:"The folder to make; it must be empty or not there."`
}

// Run makes a data folder of backups and checks it.
func (c *restoreCmd) Run(p *process) error {
	var from []io.Reader
	for _, name := range c.Files {
		if name == "-" {
			from = append(from, p.stdin)
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close() // it is only read
		from = append(from, f)
	}
	rep, err := host.Restore(p.ctx, c.Data, from, warnings(p))
	if err != nil {
		return err
	}
	return c.print(p, rep, func(w io.Writer) error {
		if err := printCheck(w, rep); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "restored into %s; API keys are the ones that were, with a new admin key in %s\n", c.Data, host.AdminKeyFile)
		return err
	})
}
