package plugins

import (
	"context"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero/api"

	"sluice/plugins/meter"
)

// Fuel is handed to a guest in slices, so that the host gets to see it often:
// about each 50 µs of plain code, each 10 ms when every load misses the cache.
const (
	fuelSlice = 100_000

	// A guest holds a processor that the collector may be waiting for.
	yieldAfter = time.Millisecond
)

// effort is the processor time of one batch with its retries, and where it ends.
type effort struct{ ran, limit time.Duration }

// tank is the host's side of a guest's fuel: what it may still be given.
type tank struct {
	global  api.MutableGlobal
	left    int64 // of the budget, not yet granted
	granted int64
}

// fill starts a budget; what was left of the last one is gone.
func (t *tank) fill(budget int64) {
	first := min(budget, fuelSlice)
	t.left, t.granted = budget-first, first
	m := t.global.Get()
	t.global.Set(meter.AddFuel(m, first-meter.Fuel(m)))
}

// spent is what was burnt of the budget. After a trap a slice that was begun
// counts as burnt.
func (t *tank) spent(trapped bool) int64 {
	if trapped {
		return t.granted
	}
	return t.granted - meter.Fuel(t.global.Get())
}

// grant is what a guest that owes fuel is given: its debt and a slice, or what is
// left; ok is false when that doesn't pay the debt.
func (t *tank) grant(debt int64) (more int64, ok bool) {
	if more = min(debt+fuelSlice, t.left); more < debt {
		return 0, false
	}
	t.left -= more
	t.granted += more
	return more, true
}

// refill is the guest's only way to more fuel. It ends the guest by a panic that
// wazero turns into the error of the call.
func refill(ctx context.Context, _ api.Module, stack []uint64) {
	in := instanceOf(ctx)
	if int32(stack[1]) == meter.ReasonStack {
		panic(trapf("stack overflow"))
	}
	stack[0] = in.refuel(stack[0])
}

// refuel grants more to a guest whose meter shows less than no fuel, and returns
// the new reading. Before that it lets others run and looks whether the guest must
// stop.
func (in *instance) refuel(reading uint64) uint64 {
	in.breathe()
	more, ok := in.tank.grant(-meter.Fuel(reading))
	if !ok {
		panic(&Trap{Reason: "out of fuel", Fuel: true})
	}
	return meter.AddFuel(reading, more)
}

// breathe is what the host does whenever a guest lets it.
func (in *instance) breathe() {
	if err := in.call.Err(); err != nil {
		panic(&stopped{err})
	}
	if time.Since(in.yielded) < yieldAfter {
		return
	}
	in.clockRun()
	if in.effort.ran > in.effort.limit {
		panic(outOfTime(in.effort.limit))
	}
	runtime.Gosched()
	if in.turn >= turn {
		ran := in.turn
		in.turn = 0
		if err := in.gate.pass(in.call.Context, in.tenant, ran); err != nil {
			in.placed = false
			panic(&stopped{err})
		}
	}
	in.yielded = time.Now()
}

// clockRun adds the time since the guest was last seen to what it has run. That is
// processor time, so that a busy machine makes no guest look slow; the thread is
// locked while a guest runs.
func (in *instance) clockRun() {
	now := threadTime()
	ran := now - in.since
	in.effort.ran += ran
	in.turn += ran
	in.since = now
}

// charge burns n of the guest's fuel on the host's account, before the work.
func (in *instance) charge(n int64) {
	reading := in.tank.global.Get()
	for n > 0 {
		part := min(n, meter.MaxCharge)
		n -= part
		if reading = meter.AddFuel(reading, -part); meter.Fuel(reading) < 0 {
			reading = in.refuel(reading)
		}
	}
	in.tank.global.Set(reading)
}
