package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"sluice/engine/fault"
	"sluice/host"
	"sluice/plugins"
)

type pluginsCmd struct {
	Init     pluginsInitCmd     `cmd:"" help:"Start a plugin's project in a folder."`
	Build    pluginsBuildCmd    `cmd:"" help:"Build a project's module with its language's own compiler."`
	Test     pluginsTestCmd     `cmd:"" help:"Run a module on a file here, in a server's sandbox, and show what it did."`
	Replay   pluginsReplayCmd   `cmd:"" help:"Run a module on the batch on which a job's plugin trapped."`
	Push     pluginsPushCmd     `cmd:"" help:"Check a module here and upload it as a plugin's next version."`
	Activate pluginsActivateCmd `cmd:"" help:"Let imports go through a plugin."`
	Rollback pluginsRollbackCmd `cmd:"" help:"Go back to the plugin that was active before."`
	List     pluginsListCmd     `cmd:"" help:"List the plugins' versions."`
}

// pluginLimits are a server's limits of one plugin; tests on this machine have the
// same ones.
type pluginLimits struct {
	PluginMemory         int           `help:"Bytes of memory of one instance of a plugin." default:"${plugin_memory}"`
	PluginRowFuel        int64         `help:"Fuel that a plugin may burn on one row." default:"${plugin_row_fuel}"`
	PluginFuel           int64         `help:"Fuel that a plugin may burn on one batch of rows." default:"${plugin_fuel}"`
	PluginBatchTime      time.Duration `help:"Processor time that a plugin may take for one batch of rows, tried again or not; past it the job fails." default:"${plugin_batch_time}"`
	PluginMaxTraps       int           `help:"Rows on which a plugin may trap before its job fails." default:"${plugin_max_traps}"`
	PluginMaxRowsOut     int           `help:"Records that a plugin may make of one row." default:"${plugin_max_rows_out}"`
	PluginMaxBytesOut    int           `help:"Bytes that a plugin may answer in one call." default:"${plugin_max_bytes_out}"`
	PluginMaxErrors      int           `help:"Errors that a plugin may report, for each row of a call." default:"${plugin_max_errors}"`
	PluginMaxLogLines    int           `help:"Lines that are kept of a plugin's log of one job." default:"${plugin_max_log_lines}"`
	PluginMaxLogBytes    int           `help:"Bytes that are kept of a plugin's log of one job." default:"${plugin_max_log_bytes}"`
	PluginMaxModuleBytes int           `help:"Largest module of a plugin." default:"${plugin_max_module_bytes}"`
	PluginCompileTime    time.Duration `help:"Processor time that compiling and trying a module may take." default:"${plugin_compile_time}"`
}

func (l pluginLimits) apply(cfg *host.Config) {
	cfg.PluginMemory, cfg.PluginRowFuel, cfg.PluginFuel = l.PluginMemory, l.PluginRowFuel, l.PluginFuel
	cfg.PluginMaxTraps, cfg.PluginBatchTime, cfg.PluginCompileTime = l.PluginMaxTraps, l.PluginBatchTime, l.PluginCompileTime
	cfg.PluginMaxModuleBytes, cfg.PluginMaxRowsOut, cfg.PluginMaxBytesOut = l.PluginMaxModuleBytes, l.PluginMaxRowsOut, l.PluginMaxBytesOut
	cfg.PluginMaxErrors, cfg.PluginMaxLogLines, cfg.PluginMaxLogBytes = l.PluginMaxErrors, l.PluginMaxLogLines, l.PluginMaxLogBytes
}

// workbench runs modules on this machine; close it.
func (l pluginLimits) workbench() (*host.Workbench, error) {
	cfg := host.DefaultConfig()
	l.apply(&cfg)
	bench, err := host.OpenWorkbench(cfg)
	return bench, badFlags(err)
}

// readModule reads a file that must hold a Wasm module.
func readModule(path string) ([]byte, error) {
	wasm, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, refuse(fault.NotFound, "there is no %s; sluice plugins build makes a plugin.wasm", path)
	}
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(wasm, []byte("\x00asm")) {
		return nil, misuse("%s is no Wasm module, its first four bytes are not \\0asm; give the .wasm file that a build makes", path)
	}
	return wasm, nil
}

// refusal says why a module is not taken.
func refusal(path string, err error) error {
	if errors.Is(err, fault.PluginInvalid) {
		return refuse(fault.PluginInvalid, "%s is refused: %s", path, fault.Message(err))
	}
	return problem(path, err)
}

// problem is an error of code that ran here as its caller reads it: the cause is
// for a server's log, and here nobody else has it.
func problem(what string, err error) error {
	if fault.CodeOf(err) == fault.Internal {
		return fmt.Errorf("%s: %w", what, err)
	}
	return refuse(fault.CodeOf(err), "%s: %s", what, fault.Message(err))
}

// parseRef splits NAME or NAME@VERSION; version 0 is the newest.
func parseRef(ref string) (name string, version int, err error) {
	name, number, given := strings.Cut(ref, "@")
	if err := plugins.CheckName(name); err != nil {
		return "", 0, misuse("%s", fault.Message(err))
	}
	if given {
		if version, given = plugins.ParseVersion(number); !given {
			return "", 0, misuse("%q is no version of a plugin; versions are whole numbers from 1, as in %s@1", number, name)
		}
	}
	return name, version, nil
}
