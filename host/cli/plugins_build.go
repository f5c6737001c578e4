package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sluice/engine/fault"
	"sluice/plugins"
	"sluice/plugins/sdk"
)

type pluginsBuildCmd struct {
	output
	Dir string `arg:"" optional:"" default:"." help:"The project's folder."`
}

// built is what a build made.
type built struct {
	Language string `json:"language"`
	Module   string `json:"module"`
	Size     int    `json:"size"`
	SHA256   string `json:"sha256"`
}

// Run builds the project with the toolchain of its language.
func (c *pluginsBuildCmd) Run(p *process) error {
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		return refuse(fault.NotFound, "there is no folder %s; sluice plugins init starts a project", c.Dir)
	}
	lang, err := sdk.Detect(os.DirFS(c.Dir))
	if err != nil {
		return misuse("%s is no plugin's project: %w; sluice plugins init starts one", c.Dir, err)
	}
	compiler, err := p.findTool(c.Dir, lang.Compiler)
	for _, need := range lang.Needs {
		if err == nil {
			_, err = p.findTool(c.Dir, need)
		}
	}
	if err != nil {
		return misuse("%s projects are built with %w; %s", lang.Title, err, lang.Install)
	}
	for _, step := range lang.Steps {
		cmd := exec.CommandContext(p.ctx, compiler, step...)
		cmd.Dir, cmd.Env = c.Dir, append(p.environ(), lang.Env...)
		cmd.Stdout, cmd.Stderr = p.stderr, p.stderr
		if err := cmd.Run(); err != nil {
			return refuse(fault.PluginInvalid, "%s %s: %w", lang.Compiler.Names[0], strings.Join(step, " "), err)
		}
	}
	path := filepath.Join(c.Dir, sdk.Module)
	wasm, err := readModule(path)
	if err != nil {
		return err
	}
	b := built{lang.ID, path, len(wasm), plugins.Hash(wasm)}
	return c.print(p, b, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %d bytes, from %s\n", b.Module, b.Size, lang.Title)
		return err
	})
}

var errNoTool = errors.New("which is not installed")

// findTool finds a program of a toolchain for a project.
func (p *process) findTool(dir string, t sdk.Tool) (string, error) {
	names := t.Names
	if own := p.env[t.Variable]; t.Variable != "" && own != "" {
		names = []string{own}
	}
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, "./"); ok {
			name = filepath.Join(dir, rest)
		}
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if path, err = filepath.Abs(path); err != nil {
			return "", err
		}
		if t.Target == "" || p.hasTarget(path, t.Target) {
			return path, nil
		}
	}
	if t.Target != "" {
		return "", fmt.Errorf("%s and its library for %s, %w", names[0], t.Target, errNoTool)
	}
	return "", fmt.Errorf("%s, %w", names[len(names)-1], errNoTool)
}

// hasTarget asks a rustc whether it has the library of a target.
func (p *process) hasTarget(rustc, target string) bool {
	cmd := exec.CommandContext(p.ctx, rustc, "--print", "target-libdir", "--target", target)
	cmd.Env = p.environ()
	out, err := cmd.Output()
	if err != nil {
		return false
	}
	info, err := os.Stat(strings.TrimSpace(string(out)))
	return err == nil && info.IsDir()
}

// environ is the environment for a program that is started.
func (p *process) environ() []string {
	list := make([]string, 0, len(p.env))
	for k, v := range p.env {
		list = append(list, k+"="+v)
	}
	return list
}
