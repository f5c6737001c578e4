// Command torture tries to make a server lose something: the runs of make torture.
//
//	torture [flags] [kills] [full] [syncs] [crowd]
//
// kills, the default, kills it at random; full fills its disk; syncs traces it, to
// see a sync before each acknowledgement; crowd shows what others notice of many.
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
	flag.IntVar(&cfg.Fills, "fills", cfg.Fills, "how often the disk is filled")
	flag.DurationVar(&cfg.Life, "life", cfg.Life, "how long the crowd stays")
	flag.DurationVar(&cfg.Goal, "goal", 0, "p99 of others beside the crowd that is too much; 0: it is only told")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	runs := map[string]func(context.Context, torture.Config) error{"kills": torture.Run, "full": torture.Full, "syncs": torture.Syncs, "crowd": torture.Crowd}
	names := flag.Args()
	if len(names) == 0 {
		names = []string{"kills"}
	}
	for _, name := range names {
		run, ok := runs[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "torture: there is no run %q\n", name)
			os.Exit(2)
		}
		if err := run(ctx, cfg); err != nil {
			fmt.Fprintln(os.Stderr, "torture:", err)
			os.Exit(1)
		}
	}
}
