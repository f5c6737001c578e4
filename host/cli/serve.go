package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"sluice/host"
)

// serveCmd mirrors host.Config; the defaults are host's own.
type serveCmd struct {
	output
	Addr           string `help:"Where the API listens. Only 127.0.0.1 unless you ask for more, as 0.0.0.0:8080." default:"127.0.0.1:8080"`
	AdminAddr      string `help:"Where metrics and pprof listen; empty: nowhere." default:"127.0.0.1:8081"`
	Data           string `help:"Folder of everything that lasts." default:"./data" type:"path"`
	TLSCert        string `help:"PEM file of the certificate; with --tls-key the API speaks HTTPS." type:"path"`
	TLSKey         string `help:"PEM file of the certificate's key. Both files are read again when they change." type:"path"`
	MaxStreamBytes int64  `help:"Largest upload but for JSON, which ends at 20 MiB; decompressed." default:"${max_stream_bytes}"`
	MaxReportBytes int64  `help:"Most bytes kept of a job's failed rows and results." default:"${max_report_bytes}"`
	MaxConnections int    `help:"Open connections; more are answered 503." default:"${max_connections}"`
	MaxQueuedJobs  int    `help:"Jobs of one tenant that have not ended; more are answered 429." default:"${max_queued_jobs}"`
	RateLimit      int    `help:"Requests in 60 s of a key that has no limit of its own." default:"${rate_limit}"`
	pluginLimits
	ShutdownGrace time.Duration `help:"For running requests and jobs when the server stops." default:"${shutdown_grace}"`
	LogFormat     string        `help:"text or json." enum:"text,json" default:"text"`
	LogLevel      slog.Level    `help:"debug, info, warn or error." default:"info"`
}

// serveDefaults are host's defaults, for the flags' tags.
func serveDefaults() map[string]string {
	d := host.DefaultConfig()
	return map[string]string{
		"max_stream_bytes":        fmt.Sprint(d.MaxStreamBytes),
		"max_report_bytes":        fmt.Sprint(d.MaxReportBytes),
		"max_connections":         fmt.Sprint(d.MaxConnections),
		"max_queued_jobs":         fmt.Sprint(d.MaxQueuedJobs),
		"rate_limit":              fmt.Sprint(d.RateLimit),
		"plugin_memory":           fmt.Sprint(d.PluginMemory),
		"plugin_row_fuel":         fmt.Sprint(d.PluginRowFuel),
		"plugin_fuel":             fmt.Sprint(d.PluginFuel),
		"plugin_max_traps":        fmt.Sprint(d.PluginMaxTraps),
		"plugin_compile_time":     d.PluginCompileTime.String(),
		"plugin_batch_time":       d.PluginBatchTime.String(),
		"plugin_max_rows_out":     fmt.Sprint(d.PluginMaxRowsOut),
		"plugin_max_bytes_out":    fmt.Sprint(d.PluginMaxBytesOut),
		"plugin_max_errors":       fmt.Sprint(d.PluginMaxErrors),
		"plugin_max_log_lines":    fmt.Sprint(d.PluginMaxLogLines),
		"plugin_max_log_bytes":    fmt.Sprint(d.PluginMaxLogBytes),
		"plugin_max_module_bytes": fmt.Sprint(d.PluginMaxModuleBytes),
		"shutdown_grace":          d.ShutdownGrace.String(),
	}
}

func (c *serveCmd) config() host.Config {
	cfg := host.DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data = c.Addr, c.AdminAddr, c.Data
	cfg.TLSCert, cfg.TLSKey = c.TLSCert, c.TLSKey
	cfg.MaxStreamBytes, cfg.MaxReportBytes = c.MaxStreamBytes, c.MaxReportBytes
	cfg.MaxConnections, cfg.RateLimit = c.MaxConnections, c.RateLimit
	cfg.MaxQueuedJobs = c.MaxQueuedJobs
	cfg.ShutdownGrace = c.ShutdownGrace
	c.apply(&cfg)
	return cfg
}

// badFlags names the flags where host names its Config's fields.
func badFlags(err error) error {
	var bad host.ConfigError
	if !errors.As(err, &bad) {
		return err
	}
	lines := make([]string, len(bad))
	for i, p := range bad {
		lines[i] = flagOf(p.Field) + ": " + p.Problem
	}
	return misuse("%s", strings.Join(lines, "\n"))
}

var (
	wordEnd = regexp.MustCompile(`([a-z])([A-Z])`)
	nameEnd = regexp.MustCompile(`([A-Z])([A-Z][a-z])`)
)

// flagOf is the flag that sets a field: they have the same name.
func flagOf(field string) string {
	return "--" + strings.ToLower(nameEnd.ReplaceAllString(wordEnd.ReplaceAllString(field, "$1-$2"), "$1-$2"))
}

// Run serves until the context ends, then stops within the grace.
func (c *serveCmd) Run(p *process) error {
	opts := &slog.HandlerOptions{Level: c.LogLevel}
	log := slog.New(slog.NewTextHandler(p.stderr, opts))
	if c.LogFormat == "json" {
		log = slog.New(slog.NewJSONHandler(p.stderr, opts))
	}
	prepareHeap()
	server, err := host.Open(p.ctx, c.config(), log)
	if err != nil {
		return badFlags(err)
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	at := fmt.Sprintf("%s://%s", scheme, server.Addr())
	said := c.print(p, map[string]string{"listening": at}, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, "listening on", at)
		return err
	})
	if said != nil {
		log.Warn("nobody reads where the server listens", "error", said)
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Run() }()
	select {
	case err = <-failed:
	case <-p.ctx.Done():
		log.Info("stopping", "grace", c.ShutdownGrace)
	}
	// The grace bounds the stop; the context that ended must not.
	if closed := server.Close(context.WithoutCancel(p.ctx)); err == nil {
		err = closed
	}
	return err
}
