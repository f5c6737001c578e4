// Package cli is the command line: it starts a server, or talks to one. Main
// takes everything it touches as arguments, so tests run it whole.
package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Exit codes. An import tells apart that rows failed and that it was not done.
const (
	exitDone       = 0
	exitNotDone    = 1
	exitRowsFailed = 2
)

// version is set by the linker.
var version = "dev"

// commands is the whole command line.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Keys    keysCmd    `cmd:"" help:"Make, list and remove API keys."`
	Import  importCmd  `cmd:"" help:"Import a file of companies: CSV, NDJSON or JSON."`
	Jobs    jobsCmd    `cmd:"" help:"See and cancel import jobs."`
	Plugins pluginsCmd `cmd:"" help:"Write, test, upload and choose plugins."`
	Check   checkCmd   `cmd:"" help:"Look for damage in the data folder of a server that is stopped."`
	Backup  backupCmd  `cmd:"" help:"Write all that is stored at this moment to a file, also while imports run."`
	Restore restoreCmd `cmd:"" help:"Make a data folder of backups."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// process is what a command may touch.
type process struct {
	ctx    context.Context
	env    map[string]string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	code   int // the exit code of a command that did what it was asked
}

// Main runs one command and returns its exit code.
func Main(ctx context.Context, args []string, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &process{ctx: ctx, env: envMap(environ), stdin: stdin, stdout: stdout, stderr: stderr}
	exited := -1
	parser, err := kong.New(&commands{},
		kong.Name("sluice"),
		kong.Description("Sluice imports companies from CSV and JSON, exactly once, through your own rules.\n\n"+
			"Every flag can also be set as SLUICE_ and its name, as in SLUICE_DATA."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.Resolvers(envResolver(p.env)),
		kong.Vars(serveDefaults()),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic("BUG: command line: " + err.Error())
	}
	cmd, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err == nil {
		err = cmd.Run(p)
	}
	if err != nil {
		p.fail(err, asksJSON(args, p.env))
		return exitNotDone
	}
	return p.code
}

func envMap(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}

// envResolver gives every flag its SLUICE_ variable; the command line wins. A flag
// with the tag noenv has a name that another command uses for something else.
func envResolver(env map[string]string) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if flag.Tag.Has("noenv") {
			return nil, nil
		}
		v, ok := env["SLUICE_"+strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))]
		if !ok {
			return nil, nil
		}
		return v, nil
	})
}

type versionCmd struct{ output }

func (c *versionCmd) Run(p *process) error {
	return c.print(p, map[string]string{"version": version}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, version)
		return err
	})
}
