package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"sluice/engine/fault"
	"sluice/plugins"
	"sluice/plugins/conform"
)

type pluginsPushCmd struct {
	remote
	output
	pluginLimits
	File     string   `arg:"" help:"The module, as plugin.wasm."`
	Name     string   `required:"" help:"The plugin's name: a-z, 0-9, _ and -."`
	Activate bool     `help:"Let imports go through it from now on."`
	Columns  []string `help:"The columns that the plugin is checked with, for one that refuses the common ones."`
	Config   string   `help:"JSON that the plugin is checked with, for one that refuses a job without any."`
	Strict   bool     `help:"Refuse to upload a module of which the check finds anything, rather than warn."`
	NoCheck  bool     `help:"Check nothing here: let the server decide."`
}

// pushed is a version and what the check found of its module.
type pushed struct {
	*plugins.Version
	Findings []conform.Finding `json:"findings"`
}

// Run checks the module as the server will, so that what is refused is refused
// here, and uploads it. A server takes what breaks the ABI on some rows, so that
// is a warning.
func (c *pluginsPushCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	if _, _, err := parseRef(c.Name); err != nil {
		return err
	}
	if c.Config != "" && !json.Valid([]byte(c.Config)) {
		return misuse("--config is no JSON: %s", c.Config)
	}
	if c.Strict && c.NoCheck {
		return misuse("give either --strict, which refuses what the check finds, or --no-check")
	}
	wasm, err := readModule(c.File)
	if err != nil {
		return err
	}
	findings := []conform.Finding{}
	if !c.NoCheck {
		if findings, err = c.check(p, wasm); err != nil {
			return err
		}
	}
	resp, err := cl.open(p.ctx, request{method: http.MethodPost, path: "/v1/plugins?name=" + url.QueryEscape(c.Name),
		header: http.Header{"Content-Type": {"application/wasm"}}, body: bytes.NewReader(wasm)})
	var refused *apiError
	if errors.As(err, &refused) && refused.Code == "plugin_invalid" {
		return refuse(fault.PluginInvalid, "%s is refused by the server: %s", c.File, refused.Message)
	}
	if err != nil {
		return err
	}
	v := &plugins.Version{}
	if err := decodeData(resp, v); err != nil {
		return err
	}
	if c.Activate {
		if _, err := activate(p.ctx, cl, v.Name, v.Version); err != nil {
			return fmt.Errorf("%s@%d is uploaded, but not active: %w", v.Name, v.Version, err)
		}
		v.Active = true
	}
	return c.print(p, pushed{v, findings}, func(w io.Writer) error {
		fmt.Fprintf(w, "%s@%d uploaded: %d bytes, %d fuel a row in the trial\n", v.Name, v.Version, v.Size, v.Report.FuelPerRow)
		if v.Report.Problem != "" {
			fmt.Fprintf(w, "  the trial's made-up rows did not suit it: %s\n", v.Report.Problem)
		}
		what := fmt.Sprintf("not active; sluice plugins activate %s@%d lets imports go through it", v.Name, v.Version)
		if v.Active {
			what = "active: imports go through it from now on"
		}
		_, err := fmt.Fprintf(w, "  %s\n", what)
		return err
	})
}

// check holds the module against the ABI and says what it finds.
func (c *pluginsPushCmd) check(p *process, wasm []byte) (findings []conform.Finding, err error) {
	bench, err := c.workbench()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, bench.Close(context.WithoutCancel(p.ctx))) }()
	if _, err := bench.Check(p.ctx, wasm); err != nil {
		return nil, refusal(c.File, err)
	}
	report, err := bench.Conform(p.ctx, wasm, conform.Options{Columns: c.Columns, Config: json.RawMessage(c.Config)})
	if err != nil {
		return nil, problem(c.File, err)
	}
	for _, f := range report.Findings {
		fmt.Fprintf(p.stderr, "warning: %s: %s\n  %s\n", f.Check, f.Problem, f.Advice)
	}
	if c.Strict && len(report.Findings) > 0 {
		return nil, refuse(fault.PluginInvalid, "%s does not pass the check, and is not uploaded; without --strict it is", c.File)
	}
	return report.Findings, nil
}

type pluginsListCmd struct {
	remote
	output
	Name string `arg:"" optional:"" help:"Only this plugin's versions."`
}

func (c *pluginsListCmd) Run(p *process) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	path := "/v1/plugins"
	if c.Name != "" {
		name, version, err := parseRef(c.Name)
		if err != nil {
			return err
		}
		if version > 0 {
			return misuse("list takes a name without a version: sluice plugins list %s", name)
		}
		path += "/" + name
	}
	list := []*plugins.Version{}
	if err := cl.call(p.ctx, http.MethodGet, path, nil, &list, nil); err != nil {
		return unknownPlugin(c.Name, err)
	}
	return c.print(p, list, func(w io.Writer) error {
		if len(list) == 0 {
			_, err := fmt.Fprintln(w, "no plugin is there; sluice plugins push uploads one")
			return err
		}
		return table(w, func(add func(...string)) {
			add("PLUGIN", "ACTIVE", "BYTES", "FUEL A ROW", "SHA256", "UPLOADED")
			for _, v := range list {
				active, fuel := "", ""
				if v.Active {
					active = "active"
				}
				if v.Report != nil {
					fuel = fmt.Sprint(v.Report.FuelPerRow)
				}
				add(fmt.Sprintf("%s@%d", v.Name, v.Version), active, fmt.Sprint(v.Size), fuel,
					v.SHA256[:min(12, len(v.SHA256))], v.CreatedAt.Format(time.RFC3339))
			}
		})
	})
}

// unknownPlugin says what to do about a plugin that the server does not have.
func unknownPlugin(name string, err error) error {
	var failed *apiError
	if name != "" && errors.As(err, &failed) && failed.Code == "not_found" {
		return refuse(fault.NotFound, "there is no plugin %s; sluice plugins list shows those that are there", name)
	}
	return err
}
