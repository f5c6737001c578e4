package host

import (
	"context"
	"encoding/json"
	"fmt"

	"sluice/engine"
	"sluice/engine/tuple"
	"sluice/plugins"
)

// enginePlugins lets the engine use a registry of plugins. The two packages don't
// know each other.
type enginePlugins struct{ registry *plugins.Registry }

func (p enginePlugins) Pin(ctx context.Context, tenant string, ref engine.PluginRef) (*engine.PluginInfo, error) {
	info, err := p.registry.Pin(ctx, tenant, plugins.Ref{None: ref.None, Name: ref.Name, Version: ref.Version})
	if info == nil || err != nil {
		return nil, err
	}
	pinned := engine.PluginInfo(*info)
	return &pinned, nil
}

func (p enginePlugins) Open(ctx context.Context, tenant string, job engine.PluginJob) (engine.Transformer, error) {
	options, err := pluginOptions(job.Options)
	if err != nil {
		return nil, err
	}
	session, err := p.registry.Open(ctx, tenant, plugins.Job{
		ID:      job.ID,
		Plugin:  plugins.Info(job.Plugin),
		Columns: job.Columns,
		Config:  job.Config,
		Options: options,
		Seed:    job.Seed,
		Clock:   job.Clock,
	})
	if err != nil {
		return nil, err
	}
	return session, nil
}

// pluginOptions is what a plugin is told of an import's options: what bears on a
// row's meaning. A dry run is not among them, as it must not differ from the real
// one.
func pluginOptions(o engine.Options) (json.RawMessage, error) {
	if o.Tags == nil {
		o.Tags = []string{}
	}
	data, err := json.Marshal(struct {
		HasHeader      bool     `json:"has_header"`
		UpdateExisting bool     `json:"update_existing"`
		Tags           []string `json:"tags"`
	}{o.HasHeader, o.UpdateExisting, o.Tags})
	if err != nil {
		return nil, fmt.Errorf("encode plugin options: %w", err)
	}
	return data, nil
}

// pluginRecords keeps a registry's records beside the engine's.
type pluginRecords struct{ records engine.Records }

func (r pluginRecords) Record(ctx context.Context, key tuple.Key) ([]byte, error) {
	return r.records.Record(ctx, key)
}

func (r pluginRecords) Records(ctx context.Context, prefix, after tuple.Key, fn func(key tuple.Key, value []byte) (bool, error)) error {
	return r.records.Records(ctx, prefix, after, fn)
}

func (r pluginRecords) Write(ctx context.Context, changes []plugins.Change) error {
	own := make([]engine.Change, len(changes))
	for i, c := range changes {
		own[i] = engine.Change(c)
	}
	return r.records.Write(ctx, own)
}

var (
	_ engine.Plugins     = enginePlugins{}
	_ engine.Transformer = (*plugins.Session)(nil)
	_ plugins.Records    = pluginRecords{}
)
