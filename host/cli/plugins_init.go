package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sluice/engine/fault"
	"sluice/plugins"
	"sluice/plugins/sdk"
)

type pluginsInitCmd struct {
	output
	Lang string `required:"" enum:"go,rust,c,as" help:"go, rust, c, or as for AssemblyScript."`
	Name string `help:"The plugin's name. Default: the folder's."`
	Dir  string `arg:"" help:"The folder; it must be new or empty."`
}

// Run writes the project: a plugin that works, the SDK, and a file to try it on.
func (c *pluginsInitCmd) Run(p *process) error {
	lang, _ := sdk.ByID(c.Lang) // the flag takes no other
	name := c.Name
	if name == "" {
		name = nameOf(filepath.Base(c.Dir))
	}
	if err := plugins.CheckName(name); err != nil {
		return misuse("%s; give another one with --name", fault.Message(err))
	}
	if entries, err := os.ReadDir(c.Dir); err == nil && len(entries) > 0 {
		return misuse("%s is not empty; name a new folder", c.Dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	files, err := lang.Files(name)
	if err != nil {
		return err
	}
	paths := []string{}
	for _, f := range files {
		path := filepath.Join(c.Dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
		paths = append(paths, f.Path)
	}
	return c.print(p, map[string]any{"folder": c.Dir, "language": lang.ID, "name": name, "files": paths}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s is a plugin in %s. %s says how to go on:\n\n  cd %s\n  sluice plugins build\n"+
			"  sluice plugins test %s --data testdata/companies.csv\n", c.Dir, lang.Title, filepath.Join(c.Dir, "README.md"), c.Dir, sdk.Module)
		return err
	})
}

// nameOf makes a plugin's name of a folder's.
func nameOf(folder string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(folder))
	return strings.TrimLeft(name, "-_")
}
