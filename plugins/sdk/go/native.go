//go:build !wasip1

package sluice

import (
	"errors"
	"unsafe"
)

// Natively a guest's memory is one slice, and an address is an offset into it. It
// is for tests: one plugin at a time, on one goroutine.
var space struct {
	memory []uint64
	used   int // words
	log    []string
}

const spaceWords = 8 << 20

func (m *machine) collect() {}

func grab(n int) []byte {
	if space.memory == nil {
		space.memory, space.used = make([]uint64, spaceWords), 1
	}
	words := (n + 7) / 8
	words++
	if space.used+words > len(space.memory) {
		panic("sluice: the test needs more than 64 MB of memory")
	}
	p := &space.memory[space.used]
	space.used += words
	return unsafe.Slice((*byte)(unsafe.Pointer(p)), n)
}

func pointer(at uint32) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(&space.memory[0]), int(at))
}

// offset is 0 for what lies elsewhere, in the program itself for one.
func offset(p unsafe.Pointer) uint32 {
	at := uintptr(p) - uintptr(unsafe.Pointer(&space.memory[0]))
	if at >= spaceWords*8 {
		return 0
	}
	return uint32(at)
}

func writeLog(_ Level, text string) { space.log = append(space.log, text) }

// Tried is what became of the rows that Try gave to a plugin.
type Tried struct {
	Fields []string
	Rows   [][]string // answered; "" where a field is absent or null
	Source []int      // the row that each of them came from
	Errors []TriedError
	Log    []string
}

// TriedError is one error of one row.
type TriedError struct {
	Row           int
	Column        string // "": the row as a whole
	Code, Message string
}

// Try runs the registered plugin natively on rows of texts, for the plugin's own
// tests. config is JSON; "": none. It is not the sandbox: `sluice plugins test` is.
func Try(config string, columns []string, rows ...[]string) (*Tried, error) {
	space.used, space.log = 1, nil
	plugin := guest.plugin
	guest = machine{plugin: plugin}
	if config == "" {
		config = "{}"
	}
	context := []byte(`{"object":"companies","columns":`)
	context = append(list(context, columns), `,"fields":[],"config":`...)
	context = append(append(context, config...), `,"options":{}}`...)
	ptr := guest.alloc(uint32(len(context)))
	copy(view(ptr, uint32(len(context))), context)
	said := guest.open(ptr, uint32(len(context)))
	answer := Value{string(view(uint32(said>>32), uint32(said)))}
	if message, ok := answer.Key("error").String(); ok {
		return nil, errors.New(message)
	}
	return tryRows(answer, columns, rows), nil
}

func tryRows(answer Value, columns []string, rows [][]string) *Tried {
	inputs := answer.Texts("input")
	size := 16 + len(rows)*len(inputs)*8
	for _, row := range rows {
		for _, text := range row {
			size += len(text)
		}
	}
	ptr := guest.alloc(uint32(size))
	*(*[4]uint32)(pointer(ptr)) = [4]uint32{uint32(len(rows)), uint32(len(inputs)), ptr + 16, 0}
	table, at := cellsAt(ptr+16, len(rows)*len(inputs)), ptr+16+uint32(len(rows)*len(inputs)*8)
	for i, row := range rows {
		for j, name := range inputs {
			text := row[indexOf(columns, name)]
			copy(view(at, uint32(len(text))), text)
			table[i*len(inputs)+j] = cell{at, uint32(len(text))}
			at += uint32(len(text))
		}
	}
	result := *(*[5]uint32)(pointer(guest.process(ptr)))
	t := &Tried{Fields: answer.Texts("columns"), Log: space.log}
	cells := cellsAt(result[1], int(result[0])*len(t.Fields))
	for i := range int(result[0]) {
		var row []string
		for _, c := range cells[i*len(t.Fields):][:len(t.Fields)] {
			row = append(row, string(view(c.ptr, c.meta&maxCell)))
		}
		t.Rows, t.Source = append(t.Rows, row), append(t.Source, int(guest.source[i]))
	}
	for _, e := range guest.errors {
		column := ""
		if int32(e.column) >= 0 {
			column = inputs[e.column]
		}
		t.Errors = append(t.Errors, TriedError{int(e.row), column, string(view(e.code, e.codeLen)), string(view(e.message, e.messageLen))})
	}
	return t
}

func indexOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return -1
}
