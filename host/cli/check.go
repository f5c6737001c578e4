package cli

import (
	"fmt"
	"io"
	"log/slog"

	"sluice/host"
)

type checkCmd struct {
	output
	Data string `name:"data" default:"./data" type:"path" help:"The data folder. Its server must not run."`
}

// Run reads the whole folder; it exits 1 if anything in it is damaged.
func (c *checkCmd) Run(p *process) error {
	// The report says all that the store's log would, once and with its key.
	rep, err := host.Check(p.ctx, c.Data, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if !rep.Sound() {
		p.code = exitNotDone
	}
	return c.print(p, rep, func(w io.Writer) error { return printCheck(w, rep) })
}

// warnings logs what an operator should know of a folder that a command opens.
func warnings(p *process) *slog.Logger {
	return slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func printCheck(w io.Writer, rep *host.CheckReport) error {
	for _, f := range rep.Problems {
		whose := "server"
		if f.Tenant != "" {
			whose = "tenant " + f.Tenant
		}
		if _, err := fmt.Fprintf(w, "%s, %s, key %s: %s\n", whose, f.Kind, f.Key, f.Text); err != nil {
			return err
		}
	}
	verdict := "sound"
	if n := len(rep.Problems) + rep.Left; n > 0 {
		verdict = fmt.Sprintf("DAMAGED, %s (%d not shown)", count(n, "problem", "problems"), rep.Left)
	}
	_, err := fmt.Fprintf(w, "%s: %s, %s in %s, %s (%d pending), %s, %s, %s; %s and %.1f MB read\n", verdict,
		count(rep.Tenants, "tenant", "tenants"), count(rep.Companies, "company", "companies"),
		count(rep.RowGroups, "row group", "row groups"), count(rep.Jobs, "import", "imports"), rep.PendingJobs,
		count(rep.Plugins, "plugin version", "plugin versions"), count(rep.APIKeys, "API key", "API keys"),
		count(rep.Answers, "kept answer", "kept answers"), count(rep.Keys, "key", "keys"), float64(rep.Bytes)/1e6)
	return err
}
