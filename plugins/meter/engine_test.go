package meter

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// slice is the fuel that the tests' host grants at a time.
const slice = 100_000

var (
	errFuel  = errors.New("out of fuel")
	errStack = errors.New("out of stack")
)

// An engine is one of wazero's, with the host functions that guests import.
type engine struct {
	name string
	rt   wazero.Runtime
}

func engines(tb testing.TB) []engine {
	tb.Helper()
	return []engine{
		newEngine(tb, "compiler", wazero.NewRuntimeConfigCompiler()),
		newEngine(tb, "interpreter", wazero.NewRuntimeConfigInterpreter()),
	}
}

func newEngine(tb testing.TB, name string, cfg wazero.RuntimeConfig) engine {
	tb.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, cfg.WithCoreFeatures(api.CoreFeaturesV2).WithMemoryLimitPages(1024))
	tb.Cleanup(func() { rt.Close(ctx) })
	_, err := rt.NewHostModuleBuilder(ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(refill), []api.ValueType{api.ValueTypeI64, api.ValueTypeI32}, []api.ValueType{api.ValueTypeI64}).
		Export(ImportRefill).Instantiate(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = rt.NewHostModuleBuilder("sluice").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(hostLog), []api.ValueType{api.ValueTypeI32, api.ValueTypeI32, api.ValueTypeI32}, nil).
		Export("log").Instantiate(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	return engine{name, rt}
}

// A tank is the host's side of the fuel of one instance.
type tank struct {
	granted  int64
	limit    int64
	lowest   int64 // fuel seen by refill
	logPrice int64 // of a call of sluice.log
}

type tankKey struct{}

func refill(ctx context.Context, _ api.Module, stack []uint64) {
	t := ctx.Value(tankKey{}).(*tank)
	if int32(stack[1]) == ReasonStack {
		panic(errStack)
	}
	left := Fuel(stack[0])
	t.lowest = min(t.lowest, left)
	if t.granted-left > t.limit {
		panic(errFuel)
	}
	t.granted += slice - left
	stack[0] = AddFuel(stack[0], slice-left)
}

// hostLog does nothing, at a price.
func hostLog(ctx context.Context, mod api.Module, _ []uint64) {
	if meter, ok := mod.ExportedGlobal(GlobalMeter).(api.MutableGlobal); ok {
		meter.Set(AddFuel(meter.Get(), -ctx.Value(tankKey{}).(*tank).logPrice))
	}
}

// A guest is an instance, metered or not.
type guest struct {
	mod  api.Module
	tank *tank
	ctx  context.Context
}

func (e engine) start(tb testing.TB, wasm []byte) *guest {
	tb.Helper()
	g, err := e.tryStart(wasm)
	if err != nil {
		tb.Fatalf("%s: %v", e.name, err)
	}
	tb.Cleanup(func() { g.mod.Close(context.Background()) })
	return g
}

func (e engine) tryStart(wasm []byte) (*guest, error) {
	g := &guest{tank: &tank{limit: math.MaxInt64 / 2}}
	g.ctx = context.WithValue(context.Background(), tankKey{}, g.tank)
	compiled, err := e.rt.CompileModule(g.ctx, wasm)
	if err != nil {
		return nil, err
	}
	g.mod, err = e.rt.InstantiateModule(g.ctx, compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	if f, ok := g.mod.ExportedGlobal(GlobalMeter).(api.MutableGlobal); ok {
		f.Set(AddFuel(f.Get(), slice))
		g.tank.granted = slice
	}
	return g, nil
}

// limited ends the guest when it has spent more than limit.
func (g *guest) limited(limit int64) *guest {
	g.tank.limit = limit
	return g
}

// call calls an export; traps come back as errors.
func (g *guest) call(name string, args ...uint64) ([]uint64, error) {
	return g.mod.ExportedFunction(name).Call(g.ctx, args...)
}

func (g *guest) meter() uint64 { return g.mod.ExportedGlobal(GlobalMeter).Get() }

// spent is the fuel used so far; exact when no call has trapped.
func (g *guest) spent() int64 {
	return g.tank.granted - Fuel(g.meter())
}

// resetStack makes an instance usable after a trap, which only tests do.
func (g *guest) resetStack() {
	meter := g.mod.ExportedGlobal(GlobalMeter).(api.MutableGlobal)
	meter.Set(AddFuel(uint64(lax().budget()), Fuel(meter.Get())))
}
