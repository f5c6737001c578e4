// Package sdk holds what tenants write plugins against, one folder a language, and
// makes projects of it. The sources are embedded, so that the one binary can start a
// project on a machine that has nothing but that language's toolchain.
//
// A project is built from the files that it is made of alone: nothing is fetched.
// The exception is AssemblyScript, whose compiler is itself a package.
package sdk

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// The folder go is a package, and is embedded as source all the same.
//
//go:embed go/*.go go/README.md c/sluice.h c/README.md rust/Cargo.toml rust/README.md rust/src as/assembly as/README.md
//go:embed template
var files embed.FS

// File is one file of a project, its path with slashes.
type File struct {
	Path string
	Data []byte
}

// Files are the files of a new project whose plugin is called name, which must be
// a valid plugin's name.
func (l Language) Files(name string) ([]File, error) {
	var list []File
	add := func(folder, into string) error {
		return fs.WalkDir(files, folder, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || folder == l.sdk && strings.HasSuffix(p, "_test.go") {
				return err
			}
			data, err := files.ReadFile(p)
			if err != nil {
				return err
			}
			p = path.Join(into, strings.TrimPrefix(p, folder+"/"))
			list = append(list, File{finalName(p), l.fill(data, name)})
			return nil
		})
	}
	for _, part := range []struct{ folder, into string }{
		{"template/all", "."}, {"template/" + l.ID, "."}, {l.sdk, "sluice"},
	} {
		if err := add(part.folder, part.into); err != nil {
			return nil, fmt.Errorf("read embedded %s: %w", part.folder, err)
		}
	}
	if l.sdk != l.ID { // the page about the SDK lies above its sources
		data, err := files.ReadFile(l.ID + "/README.md")
		if err != nil {
			return nil, fmt.Errorf("read embedded README.md: %w", err)
		}
		list = append(list, File{"sluice/README.md", data})
	}
	return list, nil
}

// finalName is what an embedded file is called in a project. A go.mod would make
// its folder a module of its own, a .gitignore would be obeyed, and an embedded
// Cargo.toml taken for ours.
func finalName(p string) string {
	switch path.Base(p) {
	case "gitignore.txt":
		return path.Join(path.Dir(p), ".gitignore")
	case "go.mod.txt", "Cargo.toml.txt", "Makefile.txt":
		return strings.TrimSuffix(p, ".txt")
	}
	return p
}

// fill puts a project's own names and commands into a file of the template.
func (l Language) fill(data []byte, name string) []byte {
	return []byte(strings.NewReplacer(
		`sluice "sluice/plugins/sdk/go"`, `"example.com/`+name+`/sluice"`,
		"PLUGIN_NAME", name,
		"PLUGIN_LANGUAGE", l.Title,
		"PLUGIN_SOURCE", l.Source,
		"PLUGIN_INSTALL", l.Install,
		"PLUGIN_VARIABLE", l.Compiler.Variable,
		"PLUGIN_COMPILER", l.Compiler.Makefile,
		"PLUGIN_COMMANDS\n", l.makefile(),
	).Replace(string(data)))
}

// makefile renders the steps of a build as a recipe.
func (l Language) makefile() string {
	var s strings.Builder
	for _, step := range l.Steps {
		s.WriteByte('\t')
		for _, v := range l.Env {
			s.WriteString(v + " ")
		}
		fmt.Fprintf(&s, "$(%s) %s\n", l.Compiler.Variable, strings.Join(step, " "))
	}
	return s.String()
}
