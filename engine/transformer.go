package engine

import (
	"context"
	"encoding/json"

	"sluice/engine/batch"
)

// PluginInfo names the exact plugin that a job is pinned to.
type PluginInfo struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	SHA256  string `json:"sha256"`
}

// Plugins finds and opens the plugins of tenants.
type Plugins interface {
	// Pin resolves ref to one exact plugin; nil for none. A plugin that the
	// tenant does not have is an error of code validation_error.
	Pin(ctx context.Context, tenant string, ref PluginRef) (*PluginInfo, error)

	// Open starts the pinned plugin for one job. When the plugin refuses the job
	// the error has the code import_failed and the plugin's message.
	Open(ctx context.Context, tenant string, job PluginJob) (Transformer, error)
}

// PluginJob is what a plugin may know of its job. The same PluginJob gives the
// same answers, on any machine and after any restart.
type PluginJob struct {
	ID      string
	Plugin  PluginInfo
	Columns []string        // names of the columns as sent, or as mapped
	Config  json.RawMessage // plugin_config; nil: none
	Options Options
	Seed    uint64 // of the guest's random numbers
	Clock   int64  // the guest's clock, Unix nanoseconds
}

// Transformer is one job's open plugin.
type Transformer interface {
	// Extend tells of columns that appeared later: the longer list, the new
	// ones at its end. Batches with that many columns use the new answer.
	Extend(ctx context.Context, columns []string) error

	// Process gives the rows of in that have not failed to the plugin, fills
	// out and returns the names of out's columns: company fields and
	// "custom.x". Rows that the plugin rejects fail in in; out.Source says
	// where each answer came from. It may be called from several goroutines at
	// once. An error ends the job.
	Process(ctx context.Context, in, out *batch.Batch) (columns []string, err error)

	// Close frees the instances.
	Close(ctx context.Context) error
}
