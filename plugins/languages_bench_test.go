package plugins

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"sluice/engine/batch"
	"sluice/plugins/abi"
	"sluice/plugins/meter"
	"sluice/plugins/plugintest"
)

// endless is the meter's global of a module that has none.
type endless struct{ api.MutableGlobal }

func (endless) Get() uint64 { return meter.AddFuel(0, math.MaxInt32) }
func (endless) Set(uint64)  {}

// unmetered starts a module as it was uploaded, in a runtime of config's.
func unmetered(b *testing.B, wasm []byte, config wazero.RuntimeConfig) *instance {
	b.Helper()
	ctx := context.Background()
	m := &module{runtime: wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(api.CoreFeaturesV2).WithMemoryLimitPages(1024))}
	b.Cleanup(func() { m.close(ctx) })
	if err := addHostModules(ctx, m.runtime); err != nil {
		b.Fatal(err)
	}
	var err error
	if m.code, err = m.runtime.CompileModule(ctx, wasm); err != nil {
		b.Fatal(err)
	}
	mod, err := m.instantiate(ctx)
	if err != nil {
		b.Fatal(err)
	}
	in := &instance{mod: mod, alloc: mod.ExportedFunction(abi.ExportAlloc), open: mod.ExportedFunction(abi.ExportOpen),
		process: mod.ExportedFunction(abi.ExportProcess), init: mod.ExportedFunction(abi.ExportInitialize),
		log: newLog(DefaultLimits()), random: newRandom(1)}
	in.call.in, in.tank.global = in, endless{}
	if in.init != nil {
		if _, err := steady(ctx, in, func() error { return called(in, in.init, in.stack[:0]) }); err != nil {
			b.Fatal(err)
		}
	}
	return in
}

// steady is run without a gate, under a context that outlives the call, which
// close-on-context looks at from a goroutine of its own. It returns the
// processor's time.
func steady(ctx context.Context, in *instance, fn func() error) (time.Duration, error) {
	in.call.Context, in.effort = ctx, &effort{limit: time.Hour}
	in.tank.fill(1 << 40)
	in.turn = 0
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	in.since, in.yielded = threadTime(), time.Now()
	err := fn()
	in.clockRun()
	return in.effort.ran, err
}

// thousandRows are as the files of a CRM's export, in the columns' order.
func thousandRows(values []string) *batch.Batch {
	b := &batch.Batch{}
	b.Reset(len(values))
	for i := range 1000 {
		b.Rows = append(b.Rows, batch.Row{Number: uint64(i + 1)})
		for _, v := range values {
			if v[len(v)-1] == '#' {
				v = v[:len(v)-1] + itoa(i)
			}
			b.Cells = append(b.Cells, b.Append(batch.Text, []byte(v)))
		}
	}
	return b
}

// language is a guest with a job and rows that suit it.
type language struct {
	name string
	wasm []byte
	job  Job
	rows *batch.Batch
}

// languages are the examples, and a guest in Go without an SDK, with 8 columns.
func languages(b *testing.B) []language {
	b.Helper()
	lead := []string{"Company #", "https://www.company.example/about?x=#", "Software", "250", "Berlin", "Germany", "+49 30 123456", "A company like many others"}
	account := []string{"0015g00000ABCDe", "Company #", "https://www.company.example/about?x=#", "Software", "Berlin", "Germany", "+49 30 123456", "250"}
	var list []language
	add := func(name string, wasm []byte, columns, values []string, config string) {
		job := jobOf(wasm, columns...)
		job.Config = json.RawMessage(config)
		list = append(list, language{name, wasm, job, thousandRows(values)})
	}
	committed := func(name string) []byte {
		wasm, err := os.ReadFile("examples/" + name + "/" + name + ".wasm")
		if err != nil {
			b.Fatal(err)
		}
		return wasm
	}
	leads := []string{"Company", "Website", "Industry", "Employees", "City", "Country", "Phone", "Description"}
	add("C", committed("cleaner"), leads, lead, "")
	add("Rust", committed("hubspot"), []string{"Record ID", "Company name", "Company Domain Name", "Industry", "City", "Country/Region", "Phone Number", "Number of Employees"}, account, "")
	add("AssemblyScript", committed("salesforce"), []string{"Id", "Name", "Website", "Industry", "BillingCity", "BillingCountry", "Phone", "NumberOfEmployees"}, account, "")
	add("Go-rules", plugintest.BuildGo(b, "examples/rules"), leads, lead,
		`{"rules":[{"column":"Company","required":true},{"column":"Employees","min":1,"max":100000}]}`)
	add("Go", plugintest.BuildGo(b, "testdata/goguest"), leads, lead, "")
	return list
}

// BenchmarkLanguages is what a row of 8 columns costs at 1,000 rows a call, guest
// and border: metered, as it runs; beside it wazero's own way to stop a guest, and
// a guest that nothing stops. They take turns, and the fastest call of each counts,
// in time of the processor: others use this machine too.
func BenchmarkLanguages(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background()) // one that can end is what close-on-context looks at
	defer cancel()
	for _, g := range languages(b) {
		b.Run(g.name, func(b *testing.B) {
			m := metered(b, g.wasm, DefaultLimits())
			around := surroundings{gate: newGate(1), log: newLog(DefaultLimits()), seed: 1}
			guest, err := m.start(ctx, around, &effort{limit: time.Minute}, 1<<40)
			if err != nil {
				b.Fatal(err)
			}
			if err := guest.gate.enter(ctx, ""); err != nil {
				b.Fatal(err)
			}
			defer guest.gate.leave("", 0)
			runs := [3]func() time.Duration{
				caller(ctx, b, guest, g),
				caller(ctx, b, unmetered(b, g.wasm, wazero.NewRuntimeConfigCompiler().WithCloseOnContextDone(true)), g),
				caller(ctx, b, unmetered(b, g.wasm, wazero.NewRuntimeConfigCompiler()), g),
			}
			fastest := [3]time.Duration{time.Hour, time.Hour, time.Hour}
			b.ReportAllocs()
			for b.Loop() {
				for i, run := range runs {
					fastest[i] = min(fastest[i], run())
				}
			}
			rows := float64(len(g.rows.Rows))
			b.ReportMetric(0, "ns/op") // of all three; bytes a second would be, too
			b.ReportMetric(float64(fastest[0])/rows, "metered-ns/row")
			b.ReportMetric(float64(fastest[1])/rows, "closing-ns/row")
			b.ReportMetric(float64(fastest[2])/rows, "unmetered-ns/row")
			b.ReportMetric(100*float64(fastest[0]-fastest[2])/float64(fastest[2]), "overhead-%")
			b.ReportMetric(float64(guest.tank.spent(false))/rows, "fuel/row")
		})
	}
}

// caller opens an instance and returns what gives it the rows in one call, with
// the processor's time.
func caller(ctx context.Context, b *testing.B, in *instance, g language) func() time.Duration {
	b.Helper()
	job, rows := g.job, g.rows
	limits := DefaultLimits()
	text, err := openContext(job, job.Columns)
	if err != nil {
		b.Fatal(err)
	}
	var said []byte
	_, err = steady(ctx, in, func() error {
		ptr, region, err := in.allocate(len(text))
		if err != nil {
			return err
		}
		copy(region, text)
		in.stack[0], in.stack[1] = uint64(ptr), uint64(len(text))
		if err := called(in, in.open, in.stack[:2]); err != nil {
			return err
		}
		said, err = in.text(abi.ExportOpen, in.stack[0], limits.OpenBytes)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	a, err := parseAnswer(said, job.Columns)
	if err != nil {
		b.Fatal(err)
	}
	send := outgoing{in: rows, input: a.input, whole: a.identity}
	list := make([]uint32, len(rows.Rows))
	for i := range list {
		list[i] = uint32(i)
	}
	send.measure(list, len(list), maxCallBytes)
	got := incoming{columns: a.own, crossed: len(send.input), rows: len(list)}
	out := &batch.Batch{}
	call := func() error {
		ptr, region, err := in.allocate(send.size())
		if err != nil {
			return err
		}
		send.write(region, ptr)
		in.stack[0] = uint64(ptr)
		if err := called(in, in.process, in.stack[:1]); err != nil {
			return err
		}
		return got.check(in.memory(), uint32(in.stack[0]), &send, a.pass, limits)
	}
	return func() time.Duration {
		took, err := steady(ctx, in, call)
		if err != nil {
			b.Fatal(err)
		}
		out.Reset(len(a.columns))
		out.Source = out.Source[:0]
		got.copyOut(&send, out, a.pass)
		if len(out.Source) != len(list) {
			b.Fatalf("%d rows, faults %v", len(out.Source), rows.Faults[:min(3, len(rows.Faults))])
		}
		return took
	}
}
