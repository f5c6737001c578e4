package sdk

import (
	"errors"
	"io/fs"
	"strings"
)

// Module is the file that a build makes.
const Module = "plugin.wasm"

// Language is one that plugins are written in, and how a project in it is built.
type Language struct {
	ID       string // go, rust, c, as
	Title    string
	Source   string // the file that a tenant edits
	Marker   string // a file by which a project in it is known
	Install  string // what to do where a tool is missing
	Compiler Tool
	Needs    []Tool     // besides the compiler
	Env      []string   // NAME=value of each step
	Steps    [][]string // arguments of the compiler, run in the project's folder

	sdk string // the folder of the SDK's sources
}

// Tool is a program of a toolchain.
type Tool struct {
	Variable string   // names another one
	Names    []string // programs or paths that are tried in order; "./": of the project
	Makefile string   // what a Makefile takes where the variable is not set
	Target   string   // that a rustc must have the library of
}

// Languages lists all.
func Languages() []Language {
	return []Language{goLanguage(), rustLanguage(), cLanguage(), asLanguage()}
}

// ByID finds a language by its ID.
func ByID(id string) (Language, bool) {
	for _, l := range Languages() {
		if l.ID == id {
			return l, true
		}
	}
	return Language{}, false
}

// ErrNoProject is what Detect gives for a folder that it can't build.
var ErrNoProject = errors.New("no go.mod, Cargo.toml, package.json or plugin.c is there")

// Detect tells the language of the project in a folder.
func Detect(folder fs.FS) (Language, error) {
	for _, l := range Languages() {
		if info, err := fs.Stat(folder, l.Marker); err == nil && info.Mode().IsRegular() {
			return l, nil
		}
	}
	return Language{}, ErrNoProject
}

func goLanguage() Language {
	return Language{
		ID: "go", Title: "Go", Source: "main.go", Marker: "go.mod", sdk: "go",
		Install:  "install Go 1.24 or newer, from https://go.dev/dl or Debian's golang-go",
		Compiler: Tool{Variable: "GO", Names: []string{"go"}, Makefile: "go"},
		Env:      []string{"GOOS=wasip1", "GOARCH=wasm", "GOWORK=off"},
		Steps:    [][]string{{"build", "-buildmode=c-shared", "-trimpath", "-ldflags=-w", "-o", Module, "."}},
	}
}

func rustLanguage() Language {
	const target = "wasm32-unknown-unknown"
	args := func(more string) []string {
		return strings.Fields("--edition 2021 --target " + target + " -C opt-level=3 -C panic=abort " + more)
	}
	return Language{
		ID: "rust", Title: "Rust", Source: "plugin.rs", Marker: "Cargo.toml", sdk: "rust",
		Install:  "install Debian's rustc and libstd-rust-dev-wasm32, or with rustup: rustup target add " + target,
		Compiler: Tool{Variable: "RUSTC", Names: []string{"rustc", "/usr/bin/rustc"}, Makefile: "rustc", Target: target},
		Steps: [][]string{
			args("--crate-type rlib --crate-name sluice -o libsluice.rlib sluice/src/lib.rs"),
			args("-C strip=debuginfo --crate-type cdylib --extern sluice=libsluice.rlib -o " + Module + " plugin.rs"),
		},
	}
}

func cLanguage() Language {
	return Language{
		ID: "c", Title: "C", Source: "plugin.c", Marker: "plugin.c", sdk: "c",
		Install:  "install Debian's clang and lld",
		Compiler: Tool{Variable: "CLANG", Names: []string{"clang"}, Makefile: "clang"},
		Needs:    []Tool{{Names: []string{"wasm-ld"}}},
		Steps: [][]string{strings.Fields("--target=wasm32 -O2 -nostdlib -ffreestanding -fvisibility=hidden -mbulk-memory " +
			"-Wl,--no-entry -Wl,--strip-debug -o " + Module + " plugin.c")},
	}
}

func asLanguage() Language {
	return Language{
		ID: "as", Title: "AssemblyScript", Source: "plugin.ts", Marker: "package.json", sdk: "as/assembly",
		Install: "run npm install in the project's folder, once (Debian's npm and nodejs), or npm install -g assemblyscript@0.28.9",
		Compiler: Tool{Variable: "ASC", Names: []string{"./node_modules/.bin/asc", "asc"},
			Makefile: "$(firstword $(wildcard node_modules/.bin/asc) asc)"},
		Steps: [][]string{strings.Fields("plugin.ts -o " + Module +
			" -O3 --noAssert --runtime minimal --use abort= --exportStart _initialize")},
	}
}
