// Command bench measures Sluice, its peers and the floor; see bench/METHODOLOGY.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sluice/bench/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
