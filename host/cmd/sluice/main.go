// Command sluice is the one binary: the server and its command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/host"
	"sluice/host/cli"
	"sluice/plugins"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == host.CompileCommand {
		os.Exit(plugins.CompileChild(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
