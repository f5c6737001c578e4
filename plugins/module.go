package plugins

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// module is one compiled, metered module in a wazero runtime of its own: closing
// it gives back all that the module ever made the engine allocate, and nothing
// that happens in it can reach another tenant's.
type module struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache // nil: without
	code    wazero.CompiledModule
}

// moduleConfig says how a module is compiled.
type moduleConfig struct {
	memoryPages int
	interpret   bool   // on wazero's interpreter
	cacheDir    string // where wazero's file of native code lies or goes; "": nowhere
	workers     int    // goroutines that compile; 0: one
}

// compileModule decodes and compiles metered wasm. WithCloseOnContextDone stays
// off: fuel does its work at a tenth of the price.
func compileModule(ctx context.Context, wasm []byte, c moduleConfig) (m *module, err error) {
	config := wazero.NewRuntimeConfigCompiler()
	if c.interpret {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	config = config.WithCoreFeatures(api.CoreFeaturesV2).
		WithDebugInfoEnabled(false).
		WithMemoryLimitPages(uint32(c.memoryPages))
	m = &module{}
	if c.cacheDir != "" {
		if m.cache, err = wazero.NewCompilationCacheWithDir(c.cacheDir); err != nil {
			return nil, fmt.Errorf("open compile cache: %w", err)
		}
		config = config.WithCompilationCache(m.cache)
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("compile plugin: %v", r)
		}
		if err != nil {
			m.close(ctx)
			m = nil
		}
	}()
	if err := addHostModules(ctx, m.runtime); err != nil {
		return m, err
	}
	if c.workers > 1 {
		ctx = experimental.WithCompilationWorkers(ctx, c.workers)
	}
	if m.code, err = m.runtime.CompileModule(ctx, wasm); err != nil {
		return m, fmt.Errorf("compile plugin: %w", err)
	}
	return m, nil
}

// instantiate makes an instance without running any of its code.
func (m *module) instantiate(ctx context.Context) (api.Module, error) {
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(allocateMemory))
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	return m.runtime.InstantiateModule(ctx, m.code, config)
}

// close frees the module with its instances.
func (m *module) close(ctx context.Context) {
	_ = m.runtime.Close(ctx)
	if m.cache != nil {
		_ = m.cache.Close(ctx)
	}
}
