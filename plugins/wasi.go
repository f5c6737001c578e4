package plugins

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// errno is a WASI error number.
type errno uint32

const (
	errnoSuccess errno = 0
	errnoBadf    errno = 8
	errnoFault   errno = 21
	errnoInval   errno = 28
	errnoSpipe   errno = 70
)

// A wasiFunc is one stub; params has one letter for each, w for i32 and d for
// i64. proc_exit has no call, as it never returns.
type wasiFunc struct {
	name   string
	params string
	call   func(in *instance, mem api.Memory, p []uint64) errno
}

func (f wasiFunc) host() api.GoModuleFunc {
	if f.call == nil {
		return procExit
	}
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		in := instanceOf(ctx)
		in.charge(costHostCall)
		stack[0] = uint64(f.call(in, mod.Memory(), stack))
	}
}

// wasiFuncs is what runtimes of Go, Rust, TinyGo and AssemblyScript start with.
// There are no files, no environment, no arguments and no sockets.
func wasiFuncs() []wasiFunc {
	none := func(*instance, api.Memory, []uint64) errno { return errnoSuccess }
	noFile := func(*instance, api.Memory, []uint64) errno { return errnoBadf }
	return []wasiFunc{
		{"proc_exit", "w", nil},
		{"sched_yield", "", none},
		{"args_get", "ww", none},
		{"args_sizes_get", "ww", zeroSizes},
		{"environ_get", "ww", none},
		{"environ_sizes_get", "ww", zeroSizes},
		{"clock_res_get", "ww", clockRes},
		{"clock_time_get", "wdw", clockTime},
		{"random_get", "ww", randomGet},
		{"poll_oneoff", "wwww", pollOneoff},
		{"fd_write", "wwww", fdWrite},
		{"fd_read", "wwww", fdRead},
		{"fd_seek", "wdww", standardOnly(errnoSpipe)},
		{"fd_tell", "ww", standardOnly(errnoSpipe)},
		{"fd_close", "w", standardOnly(errnoSuccess)},
		{"fd_sync", "w", standardOnly(errnoInval)},
		{"fd_datasync", "w", standardOnly(errnoInval)},
		{"fd_fdstat_get", "ww", fdstatGet},
		{"fd_fdstat_set_flags", "ww", standardOnly(errnoSuccess)},
		{"fd_filestat_get", "ww", filestatGet},
		{"fd_prestat_get", "ww", noFile},
		{"fd_prestat_dir_name", "www", noFile},
	}
}

// procExit is a trap whatever the code: a plugin is a library.
func procExit(_ context.Context, _ api.Module, stack []uint64) {
	panic(trapf("exited with code %d", uint32(stack[0])))
}

const standardFiles = 3

func standardOnly(answer errno) func(*instance, api.Memory, []uint64) errno {
	return func(_ *instance, _ api.Memory, p []uint64) errno {
		if uint32(p[0]) >= standardFiles {
			return errnoBadf
		}
		return answer
	}
}

func zeroSizes(_ *instance, mem api.Memory, p []uint64) errno {
	if !mem.WriteUint32Le(uint32(p[0]), 0) || !mem.WriteUint32Le(uint32(p[1]), 0) {
		return errnoFault
	}
	return errnoSuccess
}

// clockStep is what the clock moves by each time that it is read, so that a
// guest that waits for time to pass doesn't wait for ever.
const clockStep = int64(time.Microsecond)

func clockRes(_ *instance, mem api.Memory, p []uint64) errno {
	if uint32(p[0]) > 3 {
		return errnoInval
	}
	if !mem.WriteUint64Le(uint32(p[1]), uint64(clockStep)) {
		return errnoFault
	}
	return errnoSuccess
}

// clockTime reads a clock that depends on the job and the guest's own calls.
// Clock 0 is the calendar's, the others count from the instance's start.
func clockTime(in *instance, mem api.Memory, p []uint64) errno {
	id := uint32(p[0])
	if id > 3 {
		return errnoInval
	}
	in.elapsed += clockStep
	if !mem.WriteUint64Le(uint32(p[2]), uint64(in.now(id))) {
		return errnoFault
	}
	return errnoSuccess
}

// now is the time of a clock, without moving it.
func (in *instance) now(id uint32) int64 {
	if id == 0 {
		return in.epoch + in.elapsed
	}
	return in.elapsed
}

func randomGet(in *instance, mem api.Memory, p []uint64) errno {
	buf, ok := mem.Read(uint32(p[0]), uint32(p[1]))
	if !ok {
		return errnoFault
	}
	in.charge(costByte * int64(len(buf)))
	_, _ = in.random.Read(buf) // never fails
	return errnoSuccess
}

// Sizes and limits of what poll_oneoff and fd_write read.
const (
	subscriptionSize = 48
	eventSize        = 32
	iovecSize        = 8
	maxSubscriptions = 1024
	maxIovecs        = 1024

	eventClock      = 0
	flagAbsolute    = 1
	maxPollAdvance  = int64(24 * time.Hour)
	offUserdata     = 0
	offKind         = 8
	offClockID      = 16
	offFile         = 16
	offTimeout      = 24
	offClockFlags   = 40
	offEventErrno   = 8
	offEventKind    = 10
	fileStatSize    = 64
	fdStatSize      = 24
	charDevice      = 2
	offFileStatType = 16
)

// pollOneoff returns at once: files are ready, and where there are none the
// clock moves to the earliest timeout.
func pollOneoff(in *instance, mem api.Memory, p []uint64) errno {
	n := uint32(p[2])
	if n == 0 || n > maxSubscriptions {
		return errnoInval
	}
	in.charge(costSubscription * int64(n))
	subs, ok := mem.Read(uint32(p[0]), n*subscriptionSize)
	if !ok {
		return errnoFault
	}
	events, ok := mem.Read(uint32(p[1]), n*eventSize)
	if !ok {
		return errnoFault
	}
	subs = append([]byte(nil), subs...) // the two may overlap

	files, wait := false, int64(math.MaxInt64)
	for i := range n {
		if sub := subs[i*subscriptionSize:][:subscriptionSize]; sub[offKind] == eventClock {
			wait = min(wait, in.until(sub))
		} else {
			files = true
		}
	}
	if files || wait < 0 {
		wait = 0
	}
	count := uint32(0)
	for i := range n {
		sub := subs[i*subscriptionSize:][:subscriptionSize]
		kind, result := sub[offKind], errnoSuccess
		if kind == eventClock && in.until(sub) > wait {
			continue
		}
		if kind != eventClock && binary.LittleEndian.Uint32(sub[offFile:]) >= standardFiles {
			result = errnoBadf
		}
		event := events[count*eventSize:][:eventSize]
		clear(event)
		copy(event, sub[offUserdata:offKind])
		binary.LittleEndian.PutUint16(event[offEventErrno:], uint16(result))
		event[offEventKind] = kind
		count++
	}
	in.elapsed += min(wait, maxPollAdvance)
	if !mem.WriteUint32Le(uint32(p[3]), count) {
		return errnoFault
	}
	return errnoSuccess
}

// until is how long a clock subscription still has to wait.
func (in *instance) until(sub []byte) int64 {
	le := binary.LittleEndian
	timeout := int64(min(le.Uint64(sub[offTimeout:]), uint64(1<<62)))
	if le.Uint16(sub[offClockFlags:])&flagAbsolute != 0 {
		timeout -= in.now(le.Uint32(sub[offClockID:]))
	}
	return timeout
}

// fdWrite puts what is written to standard output and error into the log.
func fdWrite(in *instance, mem api.Memory, p []uint64) errno {
	file, n := uint32(p[0]), uint32(p[2])
	if file != 1 && file != 2 {
		return errnoBadf
	}
	if n > maxIovecs {
		return errnoInval
	}
	in.charge(costVector * int64(n))
	vectors, ok := mem.Read(uint32(p[1]), n*iovecSize)
	if !ok {
		return errnoFault
	}
	total := uint64(0)
	for ; len(vectors) >= iovecSize; vectors = vectors[iovecSize:] {
		text, ok := mem.Read(binary.LittleEndian.Uint32(vectors), binary.LittleEndian.Uint32(vectors[4:]))
		if !ok {
			return errnoFault
		}
		in.charge(costByte * int64(len(text)))
		in.charge(costLine * int64(bytes.Count(text, []byte("\n"))))
		in.streams[file-1].write(in.log, text)
		total += uint64(len(text))
	}
	if total > 1<<32-1 || !mem.WriteUint32Le(uint32(p[3]), uint32(total)) {
		return errnoFault
	}
	return errnoSuccess
}

// fdRead is at the end of standard input.
func fdRead(_ *instance, mem api.Memory, p []uint64) errno {
	if uint32(p[0]) != 0 {
		return errnoBadf
	}
	if !mem.WriteUint32Le(uint32(p[3]), 0) {
		return errnoFault
	}
	return errnoSuccess
}

func fdstatGet(_ *instance, mem api.Memory, p []uint64) errno {
	return describeDevice(mem, p, fdStatSize, 0)
}

func filestatGet(_ *instance, mem api.Memory, p []uint64) errno {
	return describeDevice(mem, p, fileStatSize, offFileStatType)
}

// describeDevice writes a structure that says of a standard file that it is a
// character device.
func describeDevice(mem api.Memory, p []uint64, size uint32, typeAt int) errno {
	if uint32(p[0]) >= standardFiles {
		return errnoBadf
	}
	buf, ok := mem.Read(uint32(p[1]), size)
	if !ok {
		return errnoFault
	}
	clear(buf)
	buf[typeAt] = charDevice
	if size == fdStatSize {
		buf[8] = 0xFF // the rights to do what is not refused anyway
		buf[9] = 0x01
	}
	return errnoSuccess
}
