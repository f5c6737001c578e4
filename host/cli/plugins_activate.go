package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"sluice/engine/fault"
	"sluice/plugins"
)

// activePlugin is which plugin imports go through; null: none.
type activePlugin struct {
	Object  string  `json:"object"`
	Name    *string `json:"name"`
	Version *int    `json:"version"`
	SHA256  *string `json:"sha256"`
}

func (a *activePlugin) String() string {
	if a.Name == nil || a.Version == nil {
		return "no plugin"
	}
	return fmt.Sprintf("%s@%d", *a.Name, *a.Version)
}

func (a *activePlugin) show(w io.Writer) error {
	_, err := fmt.Fprintf(w, "imports go through %s from now on; jobs that have begun keep theirs\n", a)
	return err
}

// activate makes a version active, 0 being the newest; name "": none.
func activate(ctx context.Context, cl *client, name string, version int) (*activePlugin, error) {
	in := map[string]any{"object": plugins.Object, "name": nil}
	if name != "" {
		in["name"] = name
	}
	if version > 0 {
		in["version"] = version
	}
	a := new(activePlugin)
	return a, cl.call(ctx, http.MethodPut, "/v1/plugins/active", in, a, nil)
}

type pluginsActivateCmd struct {
	remote
	output
	Ref  string `arg:"" optional:"" name:"plugin" help:"name, which is its newest version, or name@version."`
	None bool   `help:"Let imports go through no plugin."`
}

func (c *pluginsActivateCmd) Run(p *process) error {
	if (c.Ref == "") != c.None {
		return misuse("give either a plugin, as name or name@version, or --none")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	name, version := "", 0
	if !c.None {
		if name, version, err = parseRef(c.Ref); err != nil {
			return err
		}
	}
	a, err := activate(p.ctx, cl, name, version)
	if err != nil {
		return unknownPlugin(c.Ref, err)
	}
	return c.print(p, a, a.show)
}

type pluginsRollbackCmd struct {
	remote
	output
}

// Run makes active what was active before the last change, as the audit says; two
// rollbacks in a row end where they began.
func (c *pluginsRollbackCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	was, err := activeBefore(p.ctx, cl)
	if err != nil {
		return err
	}
	a, err := activate(p.ctx, cl, was.Name, was.Version)
	var failed *apiError
	if errors.As(err, &failed) && failed.Code == "not_found" {
		return refuse(fault.NotFound, "%s@%d was active before, but is deleted; activate another one with sluice plugins activate", was.Name, was.Version)
	}
	if err != nil {
		return err
	}
	return c.print(p, a, a.show)
}

// activeBefore reads the audit, the newest entry first, for what was active before
// what is active now. An entry that changed nothing counts for nothing.
func activeBefore(ctx context.Context, cl *client) (*plugins.AuditEntry, error) {
	const perPage, maxPages = 100, 100
	var now *plugins.AuditEntry
	for page := 1; page <= maxPages; page++ {
		var entries []plugins.AuditEntry
		path := fmt.Sprintf("/v1/plugins/audit?page=%d&per_page=%d", page, perPage)
		if err := cl.call(ctx, http.MethodGet, path, nil, &entries, nil); err != nil {
			return nil, err
		}
		for i := range entries {
			e := &entries[i]
			switch {
			case e.Action != "activate" && e.Action != "deactivate" || e.Object != plugins.Object:
			case now == nil:
				now = e
			case e.Name != now.Name || e.Version != now.Version:
				return e, nil
			}
		}
		if len(entries) < perPage {
			break
		}
	}
	if now == nil {
		return nil, refuse(fault.Conflict, "no plugin was ever active; sluice plugins activate makes one so")
	}
	return nil, refuse(fault.Conflict, "no other plugin was active before; sluice plugins activate --none lets imports go through none")
}
