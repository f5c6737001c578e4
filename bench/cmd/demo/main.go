// Command demo runs the demonstration of make demo.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sluice/bench/demo"
)

func main() {
	cfg := demo.Config{Stdout: os.Stdout, Stderr: os.Stderr}
	flag.StringVar(&cfg.Binary, "sluice", "bin/sluice", "the binary")
	flag.StringVar(&cfg.Plugin, "plugin", "plugins/examples/cleaner/cleaner.wasm", "the module of the plugin")
	flag.IntVar(&cfg.Rows, "rows", 100_000, "rows of the larger file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo.Run(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
