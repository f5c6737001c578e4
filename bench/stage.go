package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sluice/bench/dataset"
	"sluice/bench/load"
	"sluice/bench/process"
)

// stage is what all scenarios of a run share: the work folder, the files, and a
// data folder with keys and plugins in it that each server begins with a copy of.
type stage struct {
	cfg    Config
	dir    string
	files  inputs
	keys   []string     // of tenants; the first one has the plugins
	bursts map[int]*set // requests made beforehand, by their rows
}

// tenants is how many share a server in the scenario of many.
const tenants = 50

const scopes = "write:companies,read:companies,read:imports,read:plugins,write:plugins"

// newStage makes the template that every server begins with. Its folder is the
// caller's to remove.
func newStage(ctx context.Context, cfg Config, dir string, scenarios []Scenario) (*stage, error) {
	s := &stage{cfg: cfg, dir: dir, bursts: map[int]*set{}}
	s.files = inputs{dir: filepath.Join(dir, "files"), made: map[string]*Input{}}
	if err := os.Mkdir(s.files.dir, 0o755); err != nil {
		return nil, err
	}
	server, err := process.Start(ctx, cfg.Binary, s.template())
	if err != nil {
		return nil, err
	}
	defer server.Kill()
	guests, users := needs(scenarios)
	for i := range users {
		// No limit that the bench could reach.
		key, err := server.Key(ctx, fmt.Sprintf("bench%d", i), scopes, "--rate-limit", "1000000000")
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, key)
	}
	c := load.New(server.URL, s.keys[0], 1)
	defer c.Close()
	for _, name := range guests {
		wasm, err := guest(ctx, dir, name)
		if err != nil {
			return nil, err
		}
		if err := c.PushPlugin(ctx, name, wasm); err != nil {
			return nil, err
		}
	}
	return s, server.Stop()
}

func (s *stage) template() string { return filepath.Join(s.dir, "template") }

// host is one running server, in a folder of its own.
type host struct {
	*process.Server
	client *load.Client
}

// start starts a server on a fresh copy of the template.
func (s *stage) start(ctx context.Context) (*host, error) {
	data, err := os.MkdirTemp(s.dir, "data-")
	if err != nil {
		return nil, err
	}
	if err := os.CopyFS(data, os.DirFS(s.template())); err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	return s.reopen(ctx, data)
}

// reopen starts a server on a data folder that another one left.
func (s *stage) reopen(ctx context.Context, data string) (*host, error) {
	server, err := process.Start(ctx, s.cfg.Binary, data)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	return &host{Server: server, client: load.New(server.URL, s.keys[0], tenants)}, nil
}

// close ends the server, whatever became of it, and removes its data.
func (h *host) close() error {
	h.client.Close()
	h.Kill()
	return os.RemoveAll(h.Data)
}

// use runs f with a fresh server, and cleans up behind it.
func (s *stage) use(ctx context.Context, f func(*host) error) (err error) {
	h, err := s.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	return f(h)
}

// clean is the file that everything begins with.
func (s *stage) clean() dataset.Clean { return dataset.Clean{Seed: s.cfg.Seed, Rows: s.cfg.Rows} }

// serverVersion is what the binary says of itself.
func serverVersion(ctx context.Context, binary string) (string, error) {
	out, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", binary, err)
	}
	return strings.TrimSpace(string(out)), nil
}
