package meter

import (
	"strconv"
	"strings"

	"sluice/engine/fault"
)

// wasiModule is the only foreign module that a guest may import from.
const wasiModule = "wasi_snapshot_preview1"

// wasiParams lists the allowed WASI functions by their parameters, one letter
// each: w i32, d i64. All answer an errno but proc_exit. They are what the
// runtimes of Go, Rust, TinyGo and AssemblyScript start with; whatever opens a
// path or a socket isn't among them.
func wasiParams(name string) (string, bool) {
	switch name {
	case "sched_yield":
		return "", true
	case "proc_exit", "fd_close", "fd_sync", "fd_datasync":
		return "w", true
	case "args_get", "args_sizes_get", "environ_get", "environ_sizes_get", "random_get", "clock_res_get",
		"fd_fdstat_get", "fd_fdstat_set_flags", "fd_filestat_get", "fd_prestat_get", "fd_tell":
		return "ww", true
	case "clock_time_get":
		return "wdw", true
	case "fd_prestat_dir_name":
		return "www", true
	case "fd_read", "fd_write", "poll_oneoff":
		return "wwww", true
	case "fd_seek":
		return "wdww", true
	}
	return "", false
}

func checkImport(imp Import) *fault.Error {
	want := Signature{}
	params, ok := "", false
	switch imp.Module {
	case "sluice":
		params, ok = "www", imp.Name == "log"
	case wasiModule:
		params, ok = wasiParams(imp.Name)
		if imp.Name != "proc_exit" {
			want.Results = []ValueType{I32}
		}
	}
	full := printable(imp.Module) + "." + printable(imp.Name)
	if !ok {
		return reject("import %s is not allowed%s", full, importHint(imp))
	}
	for _, p := range params {
		t := I32
		if p == 'd' {
			t = I64
		}
		want.Params = append(want.Params, t)
	}
	if !imp.Signature.equal(want) {
		return reject("import %s has type %s; it must be %s", full, imp.Signature, want)
	}
	return nil
}

// importHint says what to change about a refused import.
func importHint(imp Import) string {
	switch {
	case imp.Module == "sluice":
		return "; the only function of that module is log"
	case imp.Module == wasiModule && (strings.HasPrefix(imp.Name, "path_") || imp.Name == "fd_readdir"):
		return "; plugins have no files, so remove what opens them"
	case imp.Module == wasiModule && strings.HasPrefix(imp.Name, "sock_"):
		return "; plugins have no network, so remove what uses it"
	case imp.Module == "env" && imp.Name == "abort":
		return "; build AssemblyScript with --use abort="
	case imp.Module == "gojs" || imp.Module == "go":
		return "; build with GOOS=wasip1 GOARCH=wasm -buildmode=c-shared"
	}
	return "; only sluice.log and basic " + wasiModule + " functions are"
}

// An abiExport is a function that hosts call by name.
type abiExport struct {
	name     string
	sig      Signature
	required bool
}

func abiExports() []abiExport {
	w, d := []ValueType{I32}, []ValueType{I64}
	return []abiExport{
		{"sluice_v1_alloc", Signature{w, w}, true},
		{"sluice_v1_open", Signature{[]ValueType{I32, I32}, d}, true},
		{"sluice_v1_process", Signature{w, w}, true},
		{"sluice_v1_describe", Signature{nil, d}, false},
		{"_initialize", Signature{}, false},
	}
}

// checkABI holds the exports against the plugin ABI.
func (m *module) checkABI() error {
	byName := make(map[string]Export, len(m.exports))
	for _, e := range m.exports {
		byName[e.Name] = e
	}
	if e, ok := byName["memory"]; !ok || e.Kind != KindMemory {
		return reject("export: the memory must be exported under the name memory")
	}
	if _, ok := byName["_start"]; ok {
		return reject("export: _start makes it a command; build a library that exports _initialize (Go: -buildmode=c-shared, AssemblyScript: --exportStart _initialize)")
	}
	known := make(map[string]bool)
	for _, want := range abiExports() {
		known[want.name] = true
		e, ok := byName[want.name]
		switch {
		case !ok && want.required:
			return reject("export: %s is missing; export it with type %s", want.name, want.sig)
		case !ok:
		case e.Kind != KindFunc:
			return reject("export: %s is a %s; it must be a function of type %s", e.Name, e.Kind, want.sig)
		case !e.Signature.equal(want.sig):
			return reject("export: %s has type %s; it must be %s", e.Name, e.Signature, want.sig)
		case int(e.index) < len(m.imports):
			return reject("export: %s is an imported function; define it in the module", e.Name)
		}
	}
	for _, e := range m.exports {
		if strings.HasPrefix(e.Name, "sluice") && !known[e.Name] {
			return reject("export: %s is not part of the ABI; names that start with sluice are reserved", printable(e.Name))
		}
	}
	return nil
}

// printable quotes what a message shows of an untrusted name, cut short.
func printable(name string) string {
	const most = 64
	if len(name) > most {
		name = name[:most] + "…"
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}
