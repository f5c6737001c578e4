// Command torture kills a server at random and checks that nothing is lost: the
// run of make torture.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sluice/bench/torture"
)

func main() {
	cfg := torture.DefaultConfig()
	flag.StringVar(&cfg.Binary, "sluice", cfg.Binary, "the binary")
	flag.StringVar(&cfg.Module, "module", cfg.Module, "the cleaner's module")
	flag.StringVar(&cfg.Dir, "dir", "", "folder for the data; default: a temporary one")
	flag.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "of the requests and the moments of the kills")
	flag.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "kills at most")
	flag.DurationVar(&cfg.For, "for", 0, "begin no round after this time; 0: no such end")
	flag.IntVar(&cfg.Check, "check", cfg.Check, "every how many rounds the folder is checked; 0: at the end alone")
	flag.IntVar(&cfg.MaxRows, "max-rows", cfg.MaxRows, "of a queued import")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := torture.Run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}
