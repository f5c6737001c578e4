package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"sluice/engine/fault"
	"sluice/host"
	"sluice/plugins/conform"
)

// pluginsTestCmd runs a module without a server.
type pluginsTestCmd struct {
	output
	pluginLimits
	File     string            `arg:"" help:"The module, as plugin.wasm."`
	Data     string            `help:"The file to run it on, CSV, NDJSON or JSON; - for standard input. The first 1,000 rows are run. Without a file the module is held against the ABI, on made-up rows." placeholder:"FILE" noenv:""`
	Format   string            `help:"csv, ndjson or json; auto goes by the file's name." enum:"auto,csv,ndjson,json" default:"auto"`
	Columns  []string          `help:"Without a file: the columns that the made-up rows have. Default: common ones."`
	Config   string            `help:"JSON given to the plugin, as an import's --plugin-config."`
	Map      map[string]string `help:"As for an import: --map Company=name." placeholder:"HEADER=FIELD"`
	NoHeader bool              `help:"As for an import: --map goes by column numbers from 1."`
	Plain    bool              `help:"Print what became of each row and nothing else: the same text at each run."`
	Expect   string            `help:"Compare what --plain prints with this file; exit with 0 if it is the same, whatever became of the rows." placeholder:"FILE"`
	Write    bool              `help:"Write the file of --expect anew."`
}

// Run exits with 2 where rows failed, as an import of them would, and with 1 where
// the module breaks the ABI.
func (c *pluginsTestCmd) Run(p *process) (err error) {
	wasm, err := readModule(c.File)
	if err != nil {
		return err
	}
	if c.Config != "" && !json.Valid([]byte(c.Config)) {
		return misuse("--config is no JSON: %s", c.Config)
	}
	if c.Write && c.Expect == "" {
		return misuse("--write writes the file of --expect; give that too")
	}
	if c.Data == "" && (c.Expect != "" || c.Plain || len(c.Map) > 0 || c.NoHeader) {
		return misuse("--expect, --plain, --map and --no-header are about the rows of a file; name it with --data")
	}
	if c.Data != "" && len(c.Columns) > 0 {
		return misuse("--columns is for made-up rows; a file has its own")
	}
	bench, err := c.workbench()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bench.Close(context.WithoutCancel(p.ctx))) }()
	if c.Data == "" {
		return c.conform(p, bench, wasm)
	}
	return c.try(p, bench, wasm)
}

// conform holds the module against the ABI.
func (c *pluginsTestCmd) conform(p *process, bench *host.Workbench, wasm []byte) error {
	report, err := bench.Conform(p.ctx, wasm, conform.Options{Columns: c.Columns, Config: json.RawMessage(c.Config)})
	if err != nil {
		return problem(c.File, err)
	}
	if !report.OK() {
		p.code = exitNotDone
	}
	return c.print(p, report, func(w io.Writer) error {
		_, err := fmt.Fprint(w, report)
		return err
	})
}

// try runs the rows of the file.
func (c *pluginsTestCmd) try(p *process, bench *host.Workbench, wasm []byte) error {
	data, _, err := openInput(p, c.Data)
	if err != nil {
		return err
	}
	defer data.Close()
	report, err := bench.Check(p.ctx, wasm)
	if err != nil {
		return refusal(c.File, err)
	}
	file, err := c.trialFile(data)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(c.File), ".wasm")
	trial, err := bench.Try(p.ctx, name, wasm, file)
	if err != nil {
		return problem(c.Data, err)
	}
	if c.Expect != "" {
		return c.compare(p, trial)
	}
	switch {
	case trial.Error != nil:
		p.code = exitNotDone
	case len(trial.Errors) > 0:
		p.code = exitRowsFailed
	}
	return c.print(p, trial, func(w io.Writer) error {
		if c.Plain {
			return plainTrial(w, trial)
		}
		return showTrial(w, describedAs(name, report.Describe), trial)
	})
}

// trialBytes is what is read of a file: far more than the rows that are run.
const trialBytes = 4 << 20

// trialFile is the file as an import would send it.
func (c *pluginsTestCmd) trialFile(data io.Reader) (host.TrialFile, error) {
	format, coding := fileKind(c.Data, c.Format)
	q := url.Values{}
	if c.Config != "" {
		q.Set("plugin_config", c.Config)
	}
	if c.NoHeader {
		q.Set("has_header", "false")
	}
	if len(c.Map) > 0 {
		raw, err := json.Marshal(c.Map)
		if err != nil {
			return host.TrialFile{}, err
		}
		q.Set("mapping", string(raw))
	}
	if format == "json" && len(q) > 0 {
		return host.TrialFile{}, misuse("a JSON file has its options inside, plugin_config too; give none on the command line")
	}
	data, err := unpacked(data, coding)
	if err != nil {
		return host.TrialFile{}, misuse("%s: decompress %s: %w", c.Data, coding, err)
	}
	if format == "json" {
		body, err := jsonBody(data, "")
		return host.TrialFile{Body: body, ContentType: mediaTypes[format]}, err
	}
	return host.TrialFile{Body: io.LimitReader(data, trialBytes), ContentType: mediaTypes[format], Query: q.Encode()}, nil
}

// compare holds what became of the rows against the file of --expect.
func (c *pluginsTestCmd) compare(p *process, t *host.Trial) error {
	var got bytes.Buffer
	if err := plainTrial(&got, t); err != nil {
		return err
	}
	if c.Write {
		if err := os.WriteFile(c.Expect, got.Bytes(), 0o644); err != nil {
			return err
		}
		return c.agreed(p, t, "%s says now what becomes of %s\n")
	}
	want, err := os.ReadFile(c.Expect)
	if err != nil {
		return fmt.Errorf("%w; --write makes it", err)
	}
	if diff := firstDifference(string(want), got.String()); diff != "" {
		return refuse(fault.Conflict, "the rows did not become what %s says, %s\nIf that is right, --write writes it anew", c.Expect, diff)
	}
	return c.agreed(p, t, "%s is what became of %s: ok\n")
}

func (c *pluginsTestCmd) agreed(p *process, t *host.Trial, format string) error {
	v := map[string]any{"expected": true, "row_count": t.RowCount, "fuel_per_row": t.FuelPerRow}
	return c.print(p, v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format, c.Expect, count(t.RowCount, "row", "rows"))
		return err
	})
}

// firstDifference names the first line in which two texts differ; "": none.
func firstDifference(want, got string) string {
	want, got = strings.ReplaceAll(want, "\r\n", "\n"), strings.ReplaceAll(got, "\r\n", "\n")
	if want == got {
		return ""
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	i := 0
	for i < len(w) && i < len(g) && w[i] == g[i] {
		i++
	}
	line := func(lines []string) string {
		if i < len(lines) && (i < len(lines)-1 || lines[i] != "") {
			return lines[i]
		}
		return "(no more lines)"
	}
	return fmt.Sprintf("from line %d on:\n  expected  %s\n  got       %s", i+1, line(w), line(g))
}

// describedAs is a plugin's name as its module says it.
func describedAs(name string, describe json.RawMessage) string {
	var d struct{ Name, Version, Description string }
	if json.Unmarshal(describe, &d) != nil || d.Name == "" {
		return name
	}
	s := strings.TrimSpace(d.Name + " " + d.Version)
	if d.Description != "" {
		s += ": " + d.Description
	}
	return s
}
