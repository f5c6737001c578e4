// Package demo shows Sluice at work on the kind of file that customers send.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"sluice/bench/dataset"
	"sluice/bench/process"
)

// Config says what to run.
type Config struct {
	Binary string
	Rows   int
	Stdout io.Writer
	Stderr io.Writer
}

const scopes = "write:companies,read:companies,read:imports,read:plugins,write:plugins"

// Run starts a server in a temporary folder, imports one messy file in each
// encoding, shows what became of them, and removes everything.
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

func (d *demo) importFile(ctx context.Context, path string, m dataset.Messy) error {
	encoding := "UTF-8"
	if m.Windows {
		encoding = "Windows-1252"
	}
	d.say("Importing %d rows as a customer sends them, %s: semicolons, quoted line ends, dirty and doubled domains, rows that are wrong.", m.Rows, encoding)
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.server.URL+"/v1/companies?per_page=3&search=m%C3%BCller", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+d.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var page struct {
		Data []json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return err
	}
	if len(page.Data) == 0 {
		return fmt.Errorf("no company is stored (status %d)", resp.StatusCode)
	}
	d.say("Three of the stored companies whose name has \"müller\":")
	for _, c := range page.Data {
		fmt.Fprintf(d.Stdout, "  %s\n", c)
	}
	return nil
}
