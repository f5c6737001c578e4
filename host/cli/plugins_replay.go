package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/plugins"
)

type pluginsReplayCmd struct {
	remote
	output
	pluginLimits
	Bundle string `arg:"" help:"The file of GET /v1/import/jobs/{id}/replay, or a job's id to fetch it from the server."`
	Wasm   string `help:"The module to run, the one that trapped or a corrected one. Default: the one that trapped, if it is in this folder." placeholder:"FILE"`
}

// replayed is what a replay found.
type replayed struct {
	Plugin  plugins.Info      `json:"plugin"`
	Trapped string            `json:"trapped"` // in the job
	Config  json.RawMessage   `json:"config"`
	Columns []string          `json:"columns"`
	Rows    [][]string        `json:"rows"` // of the batch
	Module  string            `json:"module"`
	Same    bool              `json:"same_module"`
	Trap    *string           `json:"trap"` // now; null: none
	Log     []plugins.LogLine `json:"log"`
}

// Run exits with 2 where the module traps.
func (c *pluginsReplayCmd) Run(p *process) (err error) {
	bundle, err := c.read(p)
	if err != nil {
		return err
	}
	path, wasm, err := c.module(bundle)
	if err != nil {
		return err
	}
	bench, err := c.workbench()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bench.Close(context.WithoutCancel(p.ctx))) }()
	if _, err := bench.Check(p.ctx, wasm); err != nil {
		return refusal(path, err)
	}
	trap, log, err := bench.Replay(p.ctx, bundle, wasm)
	if err != nil {
		return problem(path, err)
	}
	r, err := describeReplay(bundle, path, wasm, trap)
	if err != nil {
		return err
	}
	if r.Log, _ = log.Lines(); r.Log == nil {
		r.Log = []plugins.LogLine{}
	}
	if trap != nil {
		p.code = exitRowsFailed
	}
	return c.print(p, r, r.show)
}

// read gets the bundle from a file or a server.
func (c *pluginsReplayCmd) read(p *process) (*plugins.Bundle, error) {
	data, err := os.ReadFile(c.Bundle)
	if errors.Is(err, os.ErrNotExist) && strings.HasPrefix(c.Bundle, "imp_co_") {
		data, err = c.fetch(p)
	} else if errors.Is(err, os.ErrNotExist) {
		return nil, refuse(fault.NotFound, "there is no %s; give the file of GET /v1/import/jobs/{id}/replay, or a job's id", c.Bundle)
	}
	if err != nil {
		return nil, err
	}
	bundle, err := plugins.UnmarshalBundle(data)
	if err != nil {
		return nil, misuse("%s: %w; give the file as GET /v1/import/jobs/{id}/replay answered it", c.Bundle, err)
	}
	return bundle, nil
}

// maxBundle is more than a server answers.
const maxBundle = 64 << 20

func (c *pluginsReplayCmd) fetch(p *process) ([]byte, error) {
	cl, err := c.client()
	if err != nil {
		return nil, err
	}
	resp, err := cl.open(p.ctx, request{method: http.MethodGet, path: "/v1/import/jobs/" + url.PathEscape(c.Bundle) + "/replay"})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxBundle))
}

// module finds the module to run: --wasm, or the one in this folder that trapped.
func (c *pluginsReplayCmd) module(b *plugins.Bundle) (string, []byte, error) {
	if c.Wasm != "" {
		wasm, err := readModule(c.Wasm)
		return c.Wasm, wasm, err
	}
	found, err := filepath.Glob("*.wasm")
	if err != nil {
		return "", nil, err
	}
	for _, path := range found {
		if wasm, err := readModule(path); err == nil && plugins.Hash(wasm) == b.Plugin.SHA256 {
			return path, wasm, nil
		}
	}
	return "", nil, refuse(fault.NotFound, "no module in this folder is %s@%d (sha256 %s); name one with --wasm", b.Plugin.Name, b.Plugin.Version, b.Plugin.SHA256)
}

func describeReplay(b *plugins.Bundle, path string, wasm []byte, trap *plugins.Trap) (*replayed, error) {
	was := &plugins.Trap{Reason: b.Trap, Frames: b.Frames}
	r := &replayed{Plugin: b.Plugin, Trapped: was.Error(), Module: path, Same: plugins.Hash(wasm) == b.Plugin.SHA256}
	if trap != nil {
		text := trap.Error()
		r.Trap = &text
	}
	var context struct {
		Columns []string        `json:"columns"`
		Config  json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(b.Context, &context); err != nil {
		return nil, fmt.Errorf("read the bundle's context: %w", err)
	}
	r.Columns, r.Config = context.Columns, context.Config
	rows, err := b.Rows()
	if err != nil {
		return nil, err
	}
	for i := range rows.Rows {
		r.Rows = append(r.Rows, texts(rows, i))
	}
	return r, nil
}

func texts(b *batch.Batch, row int) []string {
	list := []string{}
	for _, c := range b.Row(row) {
		list = append(list, string(b.Bytes(c)))
	}
	return list
}

func (r *replayed) show(w io.Writer) error {
	fmt.Fprintf(w, "%s@%d trapped on a batch of %s: %s\n", r.Plugin.Name, r.Plugin.Version, count(len(r.Rows), "row", "rows"), r.Trapped)
	fmt.Fprintf(w, "  config        %s\n  file columns  %s\n", r.Config, jsonText(r.Columns))
	for i, row := range r.Rows {
		if i == shownRows {
			fmt.Fprintf(w, "  … %s; --json prints them\n", count(len(r.Rows)-i, "more row", "more rows"))
			break
		}
		fmt.Fprintf(w, "  row sent      %s\n", jsonText(row))
	}
	for _, l := range r.Log {
		fmt.Fprintf(w, "log %s: %s\n", l.Level, l.Text)
	}
	what := "which is another module"
	if r.Same {
		what = "the same module"
	}
	if r.Trap == nil {
		_, err := fmt.Fprintf(w, "%s, %s, does not trap on it\n", r.Module, what)
		return err
	}
	_, err := fmt.Fprintf(w, "%s, %s, traps on it: %s\n", r.Module, what, *r.Trap)
	return err
}
