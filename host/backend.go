package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"sluice/engine"
	"sluice/plugins"
	"sluice/storage"
	"sluice/storage/badgerkv"
	"sluice/storage/spool"
	"sluice/storage/table"
)

// The data folder: admin.key beside these.
const (
	storeFolder = "store"
	spoolFolder = "spool"
	cacheFolder = "plugins" // of compiled modules
)

// backend is what a Server stands on.
type backend struct {
	records engine.Records
	tables  *table.Set
	spool   *spool.Spool
	engine  *engine.Engine
	plugins *plugins.Registry
	costs   *pluginMetrics
	disk    func() (int64, error)             // bytes of the store; nil: unknown
	kv      *badgerkv.KV                      // what backups are taken of, and readiness asks; nil: neither
	closes  []func(ctx context.Context) error // what to close, the first opened first
}

// openBackend opens the data folder.
func openBackend(ctx context.Context, cfg Config, log *slog.Logger) (*backend, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	kvConfig := badgerkv.DefaultConfig(filepath.Join(cfg.Data, storeFolder))
	kvConfig.Logger = log
	kv, err := badgerkv.Open(kvConfig)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	b, err := newBackend(ctx, cfg, kv, log)
	if err != nil {
		return nil, errors.Join(err, kv.Close())
	}
	b.disk, b.kv = kv.DiskUsage, kv
	b.closes = append([]func(context.Context) error{func(context.Context) error { return kv.Close() }}, b.closes...)
	return b, nil
}

// newBackend puts tables and engine on a KV, which stays its opener's.
func newBackend(ctx context.Context, cfg Config, kv storage.KV, log *slog.Logger) (*backend, error) {
	b := &backend{records: records{kv}, costs: newPluginMetrics()}
	fail := func(what string, err error) (*backend, error) {
		return nil, errors.Join(fmt.Errorf("%s: %w", what, err), b.close(ctx))
	}
	var err error
	if b.tables, err = table.Open(ctx, kv, table.DefaultOptions()); err != nil {
		return fail("open tables", err)
	}
	b.closes = append(b.closes, b.tables.Close)
	if b.spool, err = spool.Open(filepath.Join(cfg.Data, spoolFolder), spool.DefaultOptions()); err != nil {
		return fail("open spool", err)
	}
	sandbox := pluginConfig(cfg)
	sandbox.Events = b.costs.events()
	box, err := plugins.New(sandbox)
	if err != nil {
		return fail("open plugins", err)
	}
	b.closes = append(b.closes, box.Close)
	b.plugins = plugins.NewRegistry(box, pluginRecords{b.records})
	engineConfig := engine.DefaultConfig()
	engineConfig.MaxReportBytes, engineConfig.QueuedJobs = cfg.MaxReportBytes, cfg.MaxQueuedJobs
	b.engine = engine.New(engineConfig, store{records{kv}, b.tables}, uploads{b.spool}, enginePlugins{b.plugins}, log)
	if err := b.engine.Start(ctx); err != nil {
		return fail("start engine", err)
	}
	b.closes = append(b.closes, b.engine.Close)
	return b, nil
}

// pluginConfig bounds the sandbox as the operator set it.
func pluginConfig(cfg Config) plugins.Config {
	c := plugins.DefaultConfig()
	c.Dir = filepath.Join(cfg.Data, cacheFolder)
	c.Child, c.ChildCPU = cfg.PluginChild, cfg.PluginCompileTime
	c.Limits = cfg.pluginLimits()
	return c
}

// close closes everything, the last opened first.
func (b *backend) close(ctx context.Context) error {
	var errs []error
	for i := len(b.closes) - 1; i >= 0; i-- {
		errs = append(errs, b.closes[i](ctx))
	}
	b.closes = nil
	return errors.Join(errs...)
}
