// Package plugintest makes small WebAssembly modules for tests of the sandbox: a
// flat assembler for hand-written guests, some ready guests, and a compiler for Go
// guests. It is for tests alone and panics on its caller's mistakes.
package plugintest

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Func is one function. Body is text of instructions as in WebAssembly's text
// format, flat, without comments: "local.get 0 i32.const 8 i32.add". Functions are
// called by "call $name".
type Func struct {
	Name    string // for calls and for the name section
	Export  string
	Params  string // types, separated by spaces
	Results string
	Locals  string
	Body    string
}

// Import is one imported function; it is called by its Name.
type Import struct {
	Module, Name    string
	Params, Results string
}

// Global is one global of type i32 or i64.
type Global struct {
	Type    string
	Mutable bool
	Value   int64
	Export  string
}

// Data is bytes at an address.
type Data struct {
	At    int
	Bytes string
}

// Module is a module to be.
type Module struct {
	Imports   []Import
	Funcs     []Func
	Globals   []Global
	Data      []Data
	Memory    int // pages at the start; 0: one
	MaxMemory int // pages; 0: not declared
	Table     int // entries of a table of functions; 0: none
	Names     bool
	Extra     []Section // as they are, at the end
}

// Section is a raw section.
type Section struct {
	ID      byte
	Content []byte
}

// Bytes assembles m.
func (m Module) Bytes() []byte {
	a := assembler{indexes: make(map[string]int), types: make(map[string]int)}
	for i, imp := range m.Imports {
		a.indexes[imp.Name] = i
	}
	for i, f := range m.Funcs {
		if f.Name != "" {
			a.indexes[f.Name] = len(m.Imports) + i
		}
	}
	var imports, funcs, exports, code [][]byte
	for _, imp := range m.Imports {
		b := appendName(appendName(nil, imp.Module), imp.Name)
		imports = append(imports, appendU(append(b, 0), a.signature(imp.Params, imp.Results)))
	}
	for i, f := range m.Funcs {
		funcs = append(funcs, appendU(nil, a.signature(f.Params, f.Results)))
		code = append(code, a.function(f))
		if f.Export != "" {
			exports = append(exports, appendU(append(appendName(nil, f.Export), 0), len(m.Imports)+i))
		}
	}
	exports = append(exports, append(appendName(nil, "memory"), 2, 0))
	var globals [][]byte
	for i, g := range m.Globals {
		b := []byte{valueType(g.Type), 0, 0x41}
		if g.Mutable {
			b[1] = 1
		}
		if g.Type == "i64" {
			b[2] = 0x42
		}
		globals = append(globals, append(appendS(b, g.Value), 0x0b))
		if g.Export != "" {
			exports = append(exports, appendU(append(appendName(nil, g.Export), 3), i))
		}
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = appendVector(out, 1, a.typeList)
	out = appendVector(out, 2, imports)
	out = appendVector(out, 3, funcs)
	if m.Table > 0 {
		out = appendVector(out, 4, [][]byte{appendU([]byte{0x70, 0}, m.Table)})
	}
	out = appendVector(out, 5, [][]byte{m.memory()})
	out = appendVector(out, 6, globals)
	out = appendVector(out, 7, exports)
	if m.Table > 0 {
		element := []byte{0, 0x41, 0, 0x0b}
		element = appendU(element, min(m.Table, len(m.Funcs)))
		for i := range min(m.Table, len(m.Funcs)) {
			element = appendU(element, len(m.Imports)+i)
		}
		out = appendVector(out, 9, [][]byte{element})
	}
	out = appendVector(out, 10, code)
	var data [][]byte
	for _, d := range m.Data {
		b := append(appendS([]byte{0, 0x41}, int64(d.At)), 0x0b)
		data = append(data, appendName(b, d.Bytes))
	}
	out = appendVector(out, 11, data)
	if m.Names {
		out = appendSection(out, 0, m.nameSection())
	}
	for _, s := range m.Extra {
		out = appendSection(out, s.ID, s.Content)
	}
	return out
}

func (m Module) memory() []byte {
	least := max(m.Memory, 1)
	if m.MaxMemory == 0 {
		return appendU([]byte{0}, least)
	}
	return appendU(appendU([]byte{1}, least), m.MaxMemory)
}

func (m Module) nameSection() []byte {
	var names []byte
	count := 0
	for i, f := range m.Funcs {
		if f.Name != "" {
			names = appendName(appendU(names, len(m.Imports)+i), f.Name)
			count++
		}
	}
	names = append(appendU(nil, count), names...)
	return append(appendU(append(appendName(nil, "name"), 1), len(names)), names...)
}

type assembler struct {
	indexes  map[string]int
	types    map[string]int
	typeList [][]byte
}

func (a *assembler) signature(params, results string) int {
	b := []byte{0x60}
	for _, list := range []string{params, results} {
		types := strings.Fields(list)
		b = appendU(b, len(types))
		for _, t := range types {
			b = append(b, valueType(t))
		}
	}
	i, ok := a.types[string(b)]
	if !ok {
		i = len(a.typeList)
		a.types[string(b)] = i
		a.typeList = append(a.typeList, b)
	}
	return i
}

func (a *assembler) function(f Func) []byte {
	locals := strings.Fields(f.Locals)
	b := appendU(nil, len(locals))
	for _, l := range locals {
		b = append(b, 1, valueType(l))
	}
	b = append(a.body(b, strings.Fields(f.Body)), 0x0b)
	return append(appendU(nil, len(b)), b...)
}

func (a *assembler) body(b []byte, words []string) []byte {
	for len(words) > 0 {
		op, ok := opcodes()[words[0]]
		if !ok {
			panic(fmt.Sprintf("BUG: no instruction %q", words[0]))
		}
		b = append(b, op.code...)
		words = words[1:]
		for _, kind := range op.immediates {
			b = a.immediate(b, kind, words[0])
			words = words[1:]
		}
		b = append(b, op.after...)
	}
	return b
}

func (a *assembler) immediate(b []byte, kind rune, word string) []byte {
	switch kind {
	case 't': // targets, and the default as the last: 0,1,2
		targets := strings.Split(word, ",")
		b = appendU(b, len(targets)-1)
		for _, target := range targets {
			b = a.immediate(b, 'u', target)
		}
		return b
	case 'b': // block type
		if word == "void" {
			return append(b, 0x40)
		}
		return append(b, valueType(word))
	case 'f':
		i, ok := a.indexes[strings.TrimPrefix(word, "$")]
		if !ok {
			return appendU(b, int(number(word)))
		}
		return appendU(b, i)
	case 'm': // offset of a load or store; the alignment stands in its code
		return appendU(b, int(number(word)))
	case 's':
		return appendS(b, number(word))
	case 'd':
		f, err := strconv.ParseFloat(word, 64)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return appendU(b, int(number(word)))
}

func number(word string) int64 {
	n, err := strconv.ParseInt(word, 0, 64)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return n
}

func valueType(t string) byte {
	switch t {
	case "i32":
		return 0x7f
	case "i64":
		return 0x7e
	case "f32":
		return 0x7d
	case "f64":
		return 0x7c
	case "funcref":
		return 0x70
	}
	panic("BUG: no type " + t)
}

func appendName(b []byte, s string) []byte { return append(appendU(b, len(s)), s...) }

// appendU appends an unsigned LEB128.
func appendU(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

// appendS appends a signed LEB128.
func appendS(b []byte, n int64) []byte {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

func appendSection(b []byte, id byte, content []byte) []byte {
	return append(appendU(append(b, id), len(content)), content...)
}

func appendVector(b []byte, id byte, items [][]byte) []byte {
	if len(items) == 0 {
		return b
	}
	content := appendU(nil, len(items))
	for _, item := range items {
		content = append(content, item...)
	}
	return appendSection(b, id, content)
}
