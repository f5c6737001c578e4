// Package demo shows Sluice at work on the kind of file that customers send.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"sluice/bench/dataset"
	"sluice/bench/process"
)

// Config says what to run.
type Config struct {
	Binary string
	Plugin string // the module that the rows go through
	Rows   int
	Stdout io.Writer
	Stderr io.Writer
}

const pluginName = "cleaner"

const scopes = "write:companies,read:companies,read:imports,read:plugins,write:plugins"

// Run starts a server in a temporary folder, pushes and activates a plugin, imports
// one messy file in each encoding through it, shows what became of them, and
// removes everything.
func Run(ctx context.Context, cfg Config) (err error) {
	dir, err := os.MkdirTemp("", "sluice-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	server, err := process.Start(ctx, cfg.Binary, filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	defer func() {
		if stopped := server.Stop(); err == nil {
			err = stopped
		}
	}()
	d := &demo{Config: cfg, server: server}
	d.say("A server is at %s, its data in a temporary folder.", server.URL)
	if d.key, err = server.Key(ctx, "acme", scopes); err != nil {
		return err
	}
	if err := d.push(ctx); err != nil {
		return err
	}
	files := []dataset.Messy{
		{Seed: 1, Rows: cfg.Rows},
		{Seed: 2, Rows: cfg.Rows / 5, Windows: true},
	}
	for i, f := range files {
		path := filepath.Join(dir, fmt.Sprintf("companies-%d.csv", i+1))
		if err := write(path, f); err != nil {
			return err
		}
		if err := d.importFile(ctx, path, f); err != nil {
			return err
		}
	}
	if err := d.showCleaned(ctx, filepath.Join(dir, "companies-1.csv")); err != nil {
		return err
	}
	return d.show(ctx)
}

type demo struct {
	Config
	server *process.Server
	key    string
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.Stdout, "\n"+format+"\n", args...) }

func write(path string, m dataset.Messy) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = m.Write(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// push uploads the plugin and lets imports go through it.
func (d *demo) push(ctx context.Context) error {
	d.say("Pushing a plugin, written in C and run in a sandbox: it tidies names, domains, countries and company sizes.")
	code, err := d.server.Sluice(ctx, d.key, d.Stdout, d.Stderr, "plugins", "push", d.Plugin, "--name", pluginName, "--activate")
	if err == nil && code != 0 {
		err = fmt.Errorf("sluice plugins push: exit %d", code)
	}
	return err
}

func (d *demo) importFile(ctx context.Context, path string, m dataset.Messy) error {
	encoding := "UTF-8"
	if m.Windows {
		encoding = "Windows-1252"
	}
	d.say("Importing %d companies as a customer sends them, %s: semicolons, quoted line ends, dirty and doubled domains, rows that are wrong.\n"+
		"Where a stray quote tears a company's lines apart, each line counts as a row: a few rows more than companies are reported.", m.Rows, encoding)
	code, err := d.server.Sluice(ctx, d.key, d.Stdout, d.Stderr, "import", path, "--tag", "demo")
	if err != nil {
		return err
	}
	const someRowsFailed = 2 // as they must: the file has bad rows
	if code != someRowsFailed {
		return fmt.Errorf("sluice import: exit %d, want %d", code, someRowsFailed)
	}
	return nil
}

// show prints some stored companies.
func (d *demo) show(ctx context.Context) error {
	companies, err := d.companies(ctx, url.Values{"per_page": {"3"}, "search": {"müller"}})
	if err != nil {
		return err
	}
	d.say("Three of the stored companies whose name has \"müller\":")
	for _, c := range companies {
		fmt.Fprintf(d.Stdout, "  %s\n", c)
	}
	return nil
}

// companies asks for stored companies; there must be one.
func (d *demo) companies(ctx context.Context, query url.Values) ([]json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.server.URL+"/v1/companies?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+d.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var page struct {
		Data []json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, err
	}
	if len(page.Data) == 0 {
		return nil, fmt.Errorf("no company is stored for %s (status %d)", query.Encode(), resp.StatusCode)
	}
	return page.Data, nil
}
