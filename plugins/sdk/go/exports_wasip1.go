package sluice

import (
	"runtime"
	"runtime/debug"
	"unsafe"
)

// garbage is how much may gather before it is collected.
const garbage = 8 << 20

// The collector is off: it works in goroutines, and none runs after an export has
// returned. collect does its work, between batches.
var _ = debug.SetGCPercent(-1)

// heap is what was in use after the last collection.
var heap uint64

func (m *machine) collect() {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	if s.HeapAlloc < heap+garbage {
		return
	}
	runtime.GC()
	runtime.ReadMemStats(&s)
	heap = s.HeapAlloc
}

func grab(n int) []byte {
	words := make([]uint64, (n+7)/8+1) // uint64 aligns it
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
}

func pointer(at uint32) unsafe.Pointer { return unsafe.Pointer(uintptr(at)) }
func offset(p unsafe.Pointer) uint32   { return uint32(uintptr(p)) }

func writeLog(level Level, text string) {
	if len(text) > 0 {
		hostLog(uint32(level), unsafe.Pointer(unsafe.StringData(text)), uint32(len(text)))
	}
}

//go:wasmimport sluice log
//go:noescape
func hostLog(level uint32, at unsafe.Pointer, n uint32)

//go:wasmexport sluice_v1_alloc
func exportAlloc(size uint32) uint32 { return guest.alloc(size) }

//go:wasmexport sluice_v1_open
func exportOpen(ptr, n uint32) uint64 { return guest.open(ptr, n) }

//go:wasmexport sluice_v1_describe
func exportDescribe() uint64 { return guest.describe() }

//go:wasmexport sluice_v1_process
func exportProcess(batch uint32) uint32 { return guest.process(batch) }

func (m *machine) describe() uint64 {
	b := quote([]byte(`{"name":`), m.plugin.Name)
	b = quote(append(b, `,"version":`...), m.plugin.Version)
	b = quote(append(b, `,"description":`...), m.plugin.Description)
	if m.plugin.Schema != "" {
		b = append(append(b, `,"config":`...), m.plugin.Schema...)
	}
	return m.say(append(b, '}'))
}
