package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"sluice/host"
	"sluice/host/backup"
	"sluice/storage/badgerkv"
)

type backupCmd struct {
	output
	File string `arg:"" help:"The file to write, or - for standard output."`
	URL  string `name:"url" help:"The server. Default: the data folder itself, or, while its server runs, http://127.0.0.1:8080."`
	Key  string `name:"key" help:"A key with the scope admin. Default: the data folder's admin.key."`
	Data string `name:"data" default:"./data" type:"path" help:"The data folder."`
	Base string `type:"existingfile" help:"An earlier backup: write only what has changed since. Restoring needs both."`
}

// Run takes a backup of a server that runs or of its folder, reads it while it is
// written, and keeps it only if it is whole.
func (c *backupCmd) Run(p *process) error {
	since, err := c.since()
	if err != nil {
		return err
	}
	if c.File == "-" {
		out := p.stdout
		p.stdout = p.stderr // what is said must not stand in the backup
		sum, err := c.take(p, since, out)
		if err != nil {
			return err
		}
		return c.print(p, sum, func(w io.Writer) error { return printBackup(w, "standard output", sum) })
	}
	sum, err := writeWhole(c.File, func(w io.Writer) (backup.Summary, error) { return c.take(p, since, w) })
	if err != nil {
		return err
	}
	return c.print(p, sum, func(w io.Writer) error { return printBackup(w, c.File, sum) })
}

func printBackup(w io.Writer, file string, sum backup.Summary) error {
	kind := "full backup"
	if sum.Since > 0 {
		kind = fmt.Sprintf("backup of what changed since state %d", sum.Since)
	}
	_, err := fmt.Fprintf(w, "%s to %s: state %d, %d of %s, %s of pending imports, %.1f MB\n",
		kind, file, sum.At, sum.Changed, count(sum.Keys, "key", "keys"), count(sum.Files, "upload", "uploads"), float64(sum.Bytes)/1e6)
	return err
}

// since is the point of the base.
func (c *backupCmd) since() (string, error) {
	if c.Base == "" {
		return "", nil
	}
	f, err := os.Open(c.Base)
	if err != nil {
		return "", err
	}
	defer f.Close() // it was only read
	r, err := backup.NewReader(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", c.Base, err)
	}
	return r.Point(), nil
}

func (c *backupCmd) take(p *process, since string, w io.Writer) (backup.Summary, error) {
	if c.URL == "" {
		sum, err := host.Backup(p.ctx, c.Data, since, w, warnings(p))
		if !errors.Is(err, badgerkv.ErrInUse) {
			return sum, err
		}
		c.URL = "http://127.0.0.1:8080"
	}
	cl, err := admin{remote{c.URL, c.Key}, c.Data}.client()
	if err != nil {
		return backup.Summary{}, err
	}
	return fetchBackup(p.ctx, cl, since, w)
}

func fetchBackup(ctx context.Context, cl *client, since string, w io.Writer) (backup.Summary, error) {
	path := "/v1/admin/backup"
	if since != "" {
		path += "?since=" + url.QueryEscape(since)
	}
	resp, err := cl.open(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return backup.Summary{}, err
	}
	defer resp.Body.Close()
	return backup.Verify(io.TeeReader(resp.Body, w))
}

// writeWhole writes a file that is there wholly or not at all, for the owner alone.
func writeWhole(path string, fill func(io.Writer) (backup.Summary, error)) (sum backup.Summary, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".backup-*")
	if err != nil {
		return sum, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	sum, err = fill(f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return sum, err
	}
	return sum, os.Rename(f.Name(), path)
}
