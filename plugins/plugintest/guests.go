package plugintest

import (
	"encoding/binary"
	"strconv"
)

// Addresses in the ready guests' memory. Tests that need more put it between the
// answer's and the heap's.
const (
	AtAnswer = 0x400  // of open's JSON
	AtResult = 0x800  // of the result's header
	AtHeap   = 0x2000 // where alloc's regions begin
)

// Guest is a plugin in parts, each of which has a default: it answers the columns
// of Answer with the cells that it was given, as many as were sent.
type Guest struct {
	Answer   string // open's JSON; default {"columns":["domain"]}
	Alloc    string // body of alloc(size) → ptr
	Open     string // body of open(ptr, len) → u64; default: Answer
	Process  string // body of process(batch) → result
	Describe string // body of describe() → u64
	Init     string // body of _initialize
	Locals   string // of each of them, after its parameters
	More     []Func
	Imports  []Import
	Globals  []Global // after the heap's own, which is global 0
	Data     []Data
	Memory   int
	Table    int
	Names    bool
}

// EchoProcess answers the batch's own table of cells, so it suits guests that
// answer as many columns as they are sent.
const EchoProcess = `
	i32.const 0x800 local.get 0 i32.load 0 i32.store 0
	i32.const 0x804 local.get 0 i32.load 8 i32.store 0
	i32.const 0x808 i32.const 0 i32.store 0
	i32.const 0x80c i32.const 0 i32.store 0
	i32.const 0x810 i32.const 0 i32.store 0
	i32.const 0x800`

// bumpAlloc always answers the start of the heap, and grows memory to hold size.
const bumpAlloc = `
	block void
		memory.size i32.const 16 i32.shl i32.const 0x2000 i32.sub local.get 0 i32.ge_u br_if 0
		local.get 0 i32.const 16 i32.shr_u i32.const 1 i32.add memory.grow i32.const -1 i32.eq
		if void i32.const 0 return end
	end
	i32.const 0x2000`

// Bytes assembles g.
func (g Guest) Bytes() []byte {
	if g.Answer == "" {
		g.Answer = `{"columns":["domain"]}`
	}
	if g.Alloc == "" {
		g.Alloc = bumpAlloc
	}
	if g.Open == "" {
		g.Open = "i64.const " + Packed(AtAnswer, len(g.Answer))
	}
	if g.Process == "" {
		g.Process = EchoProcess
	}
	m := Module{Imports: g.Imports, Memory: g.Memory, Table: g.Table, Names: g.Names,
		Globals: append([]Global{{Type: "i32", Mutable: true}}, g.Globals...),
		Data:    append([]Data{{AtAnswer, g.Answer}}, g.Data...),
		Funcs: []Func{
			{Name: "alloc", Export: "sluice_v1_alloc", Params: "i32", Results: "i32", Locals: g.Locals, Body: g.Alloc},
			{Name: "open", Export: "sluice_v1_open", Params: "i32 i32", Results: "i64", Locals: g.Locals, Body: g.Open},
			{Name: "process", Export: "sluice_v1_process", Params: "i32", Results: "i32", Locals: g.Locals, Body: g.Process},
		}}
	if g.Describe != "" {
		m.Funcs = append(m.Funcs, Func{Name: "describe", Export: "sluice_v1_describe", Results: "i64", Locals: g.Locals, Body: g.Describe})
	}
	if g.Init != "" {
		m.Funcs = append(m.Funcs, Func{Name: "start", Export: "_initialize", Locals: g.Locals, Body: g.Init})
	}
	m.Funcs = append(m.Funcs, g.More...)
	return m.Bytes()
}

// Packed is what open and describe answer: an address and a length, in decimal.
func Packed(ptr, n int) string { return strconv.FormatInt(int64(ptr)<<32|int64(n), 10) }

// Words are little-endian u32s, for Data.
func Words(words ...uint32) string {
	b := make([]byte, 0, 4*len(words))
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return string(b)
}
