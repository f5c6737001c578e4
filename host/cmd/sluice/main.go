// Command sluice is the one binary: the server and its command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/host/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
