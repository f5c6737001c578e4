// Package cli is the command line of the bench. It only binds flags; bench and
// compare do the work. Main takes everything it touches as arguments.
package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
)

type commands struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Measure, print a table, write JSON (the default command)."`
	Compare compareCmd `cmd:"" help:"Measure the working tree and a git revision by turns."`
	Peers   peersCmd   `cmd:"" help:"Say which peers are installed, in which version and with which settings."`
	Publish publishCmd `cmd:"" help:"Write the results section of the README from a report."`
}

// process is what a command may touch.
type process struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
}

// Main runs one command and returns its exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	exited := -1
	parser, err := kong.New(&commands{},
		kong.Name("bench"),
		kong.Description("Measures Sluice over HTTP as its users meet it, beside its peers and the floor."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.Vars(defaults()),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic("BUG: command line: " + err.Error())
	}
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		args = []string{"run", "--help"} // who asks wants to measure
	}
	cmd, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err == nil {
		err = cmd.Run(&process{ctx: ctx, stdout: stdout, stderr: stderr})
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitFailed
	}
	return exitDone
}
