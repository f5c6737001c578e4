package plugins

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero/api"

	"sluice/plugins/abi"
	"sluice/plugins/meter"
)

// instance is one running copy of a module, with memory, clock, random numbers
// and fuel of its own. It belongs to one goroutine at a time, serves one job, and
// is closed after a trap.
type instance struct {
	mod      api.Module
	alloc    api.Function
	open     api.Function
	process  api.Function
	describe api.Function // nil: not exported
	init     api.Function // nil: not exported
	call     callContext
	stack    [2]uint64

	gate   *gate
	tenant string
	placed bool // it holds a place in the gate

	tank    tank
	effort  *effort       // of the batch that is being worked on
	turn    time.Duration // run since it last made room
	since   time.Duration // the thread's time when it was last seen
	yielded time.Time

	log     *Log
	streams [2]lineWriter // standard output and error
	epoch   int64         // calendar time at the start, Unix nanoseconds
	elapsed int64
	random  *rand.ChaCha8

	columns int // that open was told of last; -1: not opened
	calls   int // of process
}

// surroundings are what an instance is given besides its module.
type surroundings struct {
	gate   *gate
	tenant string
	log    *Log
	seed   uint64
	clock  int64
}

// start makes a fresh instance and runs its _initialize.
func (m *module) start(ctx context.Context, s surroundings, e *effort, fuel int64) (*instance, error) {
	mod, err := m.instantiate(ctx)
	if err != nil {
		return nil, fmt.Errorf("instantiate plugin: %w", err)
	}
	in := &instance{
		mod:      mod,
		alloc:    mod.ExportedFunction(abi.ExportAlloc),
		open:     mod.ExportedFunction(abi.ExportOpen),
		process:  mod.ExportedFunction(abi.ExportProcess),
		describe: mod.ExportedFunction(abi.ExportDescribe),
		init:     mod.ExportedFunction(abi.ExportInitialize),
		gate:     s.gate,
		tenant:   s.tenant,
		log:      s.log,
		streams:  [2]lineWriter{{level: abi.LogInfo}, {level: abi.LogWarn}},
		epoch:    s.clock,
		random:   newRandom(s.seed),
		columns:  -1,
	}
	in.call.in = in
	global, ok := mod.ExportedGlobal(meter.GlobalMeter).(api.MutableGlobal)
	if !ok || in.alloc == nil || in.open == nil || in.process == nil || mod.Memory() == nil {
		_ = mod.Close(ctx)
		return nil, fmt.Errorf("instantiate plugin: the module was not made by this version of the meter")
	}
	in.tank.global = global
	if in.init == nil {
		return in, nil
	}
	if _, err := in.run(ctx, e, fuel, func() error { return called(in, in.init, in.stack[:0]) }); err != nil {
		in.close(ctx)
		return nil, err
	}
	return in, nil
}

func newRandom(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

// run calls the guest, by fn, with a budget of fuel of its own, and returns what
// was spent. It waits for a place among the guests that run.
func (in *instance) run(ctx context.Context, e *effort, fuel int64, fn func() error) (int64, error) {
	if err := in.gate.enter(ctx, in.tenant); err != nil {
		return 0, err
	}
	in.placed, in.turn = true, 0
	in.call.Context, in.effort = ctx, e
	in.tank.fill(fuel)
	runtime.LockOSThread()
	in.since, in.yielded = threadTime(), time.Now()

	err := fn()

	in.clockRun()
	runtime.UnlockOSThread()
	if in.placed {
		in.placed = false
		in.gate.leave(in.tenant, in.turn)
	}
	in.call.Context = nil
	for i := range in.streams {
		in.streams[i].flush(in.log)
	}
	return in.tank.spent(err != nil), err
}

// close frees the instance's memory. It never fails in a way that matters: what
// it closes has no files.
func (in *instance) close(ctx context.Context) { _ = in.mod.Close(ctx) }

// memory is all of the guest's memory; a view until the guest runs again.
func (in *instance) memory() []byte {
	mem := in.mod.Memory()
	all, _ := mem.Read(0, mem.Size())
	return all
}

// allocate has the guest allocate a region and checks it.
func (in *instance) allocate(size int) (ptr uint32, region []byte, err error) {
	in.stack[0] = uint64(size)
	if err := called(in, in.alloc, in.stack[:1]); err != nil {
		return 0, nil, err
	}
	ptr = uint32(in.stack[0])
	if ptr == 0 {
		return 0, nil, trapf("%s has no memory for %d bytes", abi.ExportAlloc, size)
	}
	if ptr%abi.AllocAlign != 0 {
		return 0, nil, trapf("%s answered %d, which is not a multiple of 8", abi.ExportAlloc, ptr)
	}
	region, ok := abi.Bytes(in.memory(), ptr, uint32(size))
	if !ok {
		return 0, nil, trapf("%s answered %d, where %d bytes do not fit into memory", abi.ExportAlloc, ptr, size)
	}
	return ptr, region, nil
}

// openJob gives the guest a job's context and returns a copy of its answer.
func (in *instance) openJob(ctx context.Context, e *effort, fuel int64, context []byte, maxBytes int) ([]byte, error) {
	var answer []byte
	_, err := in.run(ctx, e, fuel, func() error {
		ptr, region, err := in.allocate(len(context))
		if err != nil {
			return err
		}
		copy(region, context)
		in.stack[0], in.stack[1] = uint64(ptr), uint64(len(context))
		if err := called(in, in.open, in.stack[:2]); err != nil {
			return err
		}
		answer, err = in.text(abi.ExportOpen, in.stack[0], maxBytes)
		return err
	})
	return answer, err
}

// describeSelf returns a copy of what the guest says of itself; nil: nothing.
func (in *instance) describeSelf(ctx context.Context, e *effort, fuel int64, maxBytes int) ([]byte, error) {
	if in.describe == nil {
		return nil, nil
	}
	var answer []byte
	_, err := in.run(ctx, e, fuel, func() error {
		if err := called(in, in.describe, in.stack[:1]); err != nil {
			return err
		}
		var err error
		answer, err = in.text(abi.ExportDescribe, in.stack[0], maxBytes)
		return err
	})
	return answer, err
}

// text copies the bytes that a packed answer points to.
func (in *instance) text(from string, packed uint64, maxBytes int) ([]byte, error) {
	ptr, n := abi.Unpack(packed)
	view, ok := abi.Bytes(in.memory(), ptr, n)
	if !ok {
		return nil, trapf("%s answered %d bytes at %d, outside of memory", from, n, ptr)
	}
	if len(view) > maxBytes {
		return nil, trapf("%s answered %d bytes; at most %d are allowed", from, n, maxBytes)
	}
	return append([]byte{}, view...), nil
}
