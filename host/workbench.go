package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"sluice/engine"
	"sluice/host/intake"
	"sluice/plugins"
	"sluice/plugins/conform"
	"sluice/storage/spool"
)

// Workbench runs plugins for their authors, without a server: it reads, maps,
// runs and validates rows as an import does, in the same sandbox, and stores
// nothing. What it needs lies in a temporary folder until Close.
type Workbench struct {
	dir    string
	box    *plugins.Sandbox
	engine *engine.Engine // never started: it only reads rows
}

// OpenWorkbench makes a Workbench with a server's limits.
func OpenWorkbench(cfg Config) (*Workbench, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sluice-plugins-")
	if err != nil {
		return nil, fmt.Errorf("make temporary folder: %w", err)
	}
	cfg.Data = dir
	box, err := plugins.New(pluginConfig(cfg))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	files, err := spool.Open(filepath.Join(dir, spoolFolder), spool.DefaultOptions())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), box.Close(context.Background()), os.RemoveAll(dir))
	}
	reader := engine.New(engine.DefaultConfig(), nil, uploads{files}, nil, slog.New(slog.DiscardHandler))
	return &Workbench{dir: dir, box: box, engine: reader}, nil
}

// Close removes everything.
func (b *Workbench) Close(ctx context.Context) error {
	return errors.Join(b.box.Close(ctx), os.RemoveAll(b.dir))
}

// Check decides whether a server would take a module, as an upload does.
func (b *Workbench) Check(ctx context.Context, wasm []byte) (*plugins.Report, error) {
	return b.box.Check(ctx, wasm)
}

// Conform holds a module against the ABI. What is wrong with it is in the report.
func (b *Workbench) Conform(ctx context.Context, wasm []byte, o conform.Options) (*conform.Report, error) {
	return conform.Check(ctx, b.box, wasm, o)
}

// TrialFile is a file to try a plugin on, as an import would be sent it.
type TrialFile struct {
	Body        io.Reader // not compressed
	ContentType string
	Query       string // the import's options
}

// Try gives the first rows of a file to a module.
func (b *Workbench) Try(ctx context.Context, name string, wasm []byte, f TrialFile) (*Trial, error) {
	form, err := intake.ParseForm(f.ContentType, "")
	if err != nil {
		return nil, err
	}
	limits := intake.DefaultLimits()
	limits.MaxStreamBytes, limits.MaxJSONBytes = tryBody, min(tryBody, limits.MaxJSONBytes)
	in := intake.Request{Form: form, Body: f.Body, Length: -1, Query: f.Query, Limits: limits}
	upload, res, err := readUpload(ctx, b.engine, in)
	if err != nil {
		return nil, err
	}
	defer upload.Abort()
	sample, err := b.engine.Sample(ctx, upload, res.Options, tryRows, tryBytes)
	if err != nil {
		return nil, err
	}
	job, err := trialJob(sample, res.Options)
	if err != nil {
		return nil, err
	}
	info := plugins.Info{Name: name, SHA256: plugins.Hash(wasm)}
	t, err := b.box.Try(ctx, wasm, job, sample.Batch)
	if err != nil {
		return nil, err
	}
	return newTrial(info, sample, t)
}

// Replay runs a bundle's batch on a module, which may be another one than the
// one that trapped; nil: it went well.
func (b *Workbench) Replay(ctx context.Context, bundle *plugins.Bundle, wasm []byte) (*plugins.Trap, *plugins.Log, error) {
	own := *bundle
	own.Plugin.SHA256 = plugins.Hash(wasm)
	return b.box.Replay(ctx, &own, own.Plugin.SHA256, func(context.Context) ([]byte, error) { return wasm, nil })
}
