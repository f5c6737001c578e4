// Package abi is version 1 of the contract between Sluice and a tenant's
// WebAssembly plugin, as one file of constants and helpers. It imports nothing,
// so that a guest may import it as well as the host; it never panics on bytes
// that the other side wrote.
//
// # Calls
//
// The guest exports its memory as "memory" and these functions:
//
//	sluice_v1_alloc(size u32) → ptr u32     8-aligned region the host may write; 0 = no memory
//	sluice_v1_open(ptr u32, len u32) → u64   job context JSON in; Pack(ptr, len) of JSON out
//	sluice_v1_process(batch u32) → u32       address of a batch in, of a result out
//	sluice_v1_describe() → u64               optional: Pack(ptr, len) of JSON
//	_initialize()                            optional: called once, before all others
//
// The host calls alloc exactly once before each open and each process, and all
// that it writes lies in the region that alloc gave. What a call returns is valid
// until the next alloc or open. A guest may import sluice.log(level, ptr, len).
//
// # Layouts
//
// All integers are unsigned 32-bit, little-endian, at addresses that divide by
// four. A table of no entries may have the address 0.
//
//	batch     offset  0  rows      never 0
//	                  4  cols      columns that cross the border
//	                  8  cells     address of rows × cols cells, row by row
//	                 12  0         reserved
//
//	cell      offset  0  ptr       address of the bytes
//	                  4  meta      length in bits 0–27, kind in bits 28–31
//
//	result    offset  0  rows      output rows
//	                  4  cells     address of rows × (open's "columns") cells, row by row
//	                  8  source    address of rows × u32, or 0: row i comes from input row i
//	                 12  errors    number of errors
//	                 16  errors_ptr address of the errors
//
//	error     offset  0  row       of the batch
//	                  4  column    of the batch, or NoColumn
//	                  8  code ptr, 12 code len      [a-z0-9_]{1,64}
//	                 16  message ptr, 20 message len UTF-8, at most 1,024 bytes
//
// # Worked example
//
// alloc answers 0x1000 and the host sends one row of two columns, the text
// "acme.io" and JSON null:
//
//	0x1000  01 00 00 00  02 00 00 00  10 10 00 00  00 00 00 00   1 row, 2 columns, cells at 0x1010
//	0x1010  20 10 00 00  07 00 00 00                             7 bytes at 0x1020, kind 0 (text)
//	0x1018  20 10 00 00  00 00 00 20                             0 bytes, kind 2 (null)
//	0x1020  61 63 6d 65  2e 69 6f                                "acme.io"
//
// The guest, whose open answered {"columns":["domain"]}, leaves the cell where it
// is and answers 0x2000:
//
//	0x2000  01 00 00 00  14 20 00 00  00 00 00 00  00 00 00 00  00 00 00 00
//	0x2014  20 10 00 00  07 00 00 00
//
// Or it rejects the row, naming column 0:
//
//	0x2000  00 00 00 00  00 00 00 00  00 00 00 00  01 00 00 00  14 20 00 00
//	0x2014  00 00 00 00  00 00 00 00  2c 20 00 00  03 00 00 00  2f 20 00 00  08 00 00 00
//	0x202c  "bad" "no reply"
//
// open's result for 18 bytes of JSON at 0x2040 is 0x2040<<32 | 18 =
// 0x0000204000000012.
package abi

// Version of this contract. Another one would have other export names.
const Version = 1

// Names of what a guest exports and may import.
const (
	ExportMemory     = "memory"
	ExportAlloc      = "sluice_v1_alloc"
	ExportOpen       = "sluice_v1_open"
	ExportProcess    = "sluice_v1_process"
	ExportDescribe   = "sluice_v1_describe"
	ExportInitialize = "_initialize"

	ImportModule = "sluice"
	ImportLog    = "log"
	ImportWASI   = "wasi_snapshot_preview1"
)

// Sizes of the structures, and the alignment of their addresses.
const (
	BatchSize  = 16
	CellSize   = 8
	ResultSize = 20
	ErrorSize  = 24
	SourceSize = 4
	Align      = 4
	AllocAlign = 8
)

// Kinds of a cell.
const (
	KindText   = 0 // characters
	KindAbsent = 1 // the row has no such key; no bytes
	KindNull   = 2 // JSON null; no bytes
	KindNumber = 3 // a JSON number, as written
	KindBool   = 4 // true or false
	KindJSON   = 5 // a JSON array or object, as written; in an answer any JSON value
	Kinds      = 6
)

// Limits of single values.
const (
	KindShift  = 28
	MaxCell    = 1<<KindShift - 1 // longest cell
	MaxCode    = 64               // of an error
	MaxMessage = 1024             // of an error
	MaxLogLine = 1024             // the rest of a longer line is dropped
	NoColumn   = 0xFFFFFFFF       // the error concerns the row as a whole
)

// Levels of sluice.log.
const (
	LogDebug = 0
	LogInfo  = 1
	LogWarn  = 2
	LogError = 3
)

// Pack makes the u64 that open and describe return.
func Pack(ptr, n uint32) uint64 { return uint64(ptr)<<32 | uint64(n) }

// Unpack is Pack's inverse.
func Unpack(v uint64) (ptr, n uint32) { return uint32(v >> 32), uint32(v) }

// Meta makes a cell's second word. n above MaxCell has no meaning.
func Meta(kind uint8, n uint32) uint32 { return n&MaxCell | uint32(kind)<<KindShift }

// Split is Meta's inverse.
func Split(meta uint32) (kind uint8, n uint32) { return uint8(meta >> KindShift), meta & MaxCell }

// U32 reads the word at the start of p, which must hold it.
func U32(p []byte) uint32 {
	_ = p[3]
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
}

// PutU32 writes a word at the start of p, which must hold it.
func PutU32(p []byte, v uint32) {
	_ = p[3]
	p[0], p[1], p[2], p[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

// Bytes returns mem[ptr:ptr+n] as a view, or false where that leaves memory. The
// sum is made in 64 bits.
func Bytes(mem []byte, ptr, n uint32) ([]byte, bool) {
	end := uint64(ptr) + uint64(n)
	if end > uint64(len(mem)) {
		return nil, false
	}
	return mem[ptr:end:end], true
}

// Table returns count entries of size bytes at ptr as a view, or false where they
// leave memory or ptr is not aligned. Product and sum are made in 64 bits: count
// is at most 2^32 × 2^16 (rows × columns), size at most 24.
func Table(mem []byte, ptr uint32, count uint64, size uint32) ([]byte, bool) {
	if ptr%Align != 0 || count > uint64(len(mem)) || count*uint64(size) > uint64(len(mem)) {
		return nil, false
	}
	end := uint64(ptr) + count*uint64(size)
	if end > uint64(len(mem)) {
		return nil, false
	}
	return mem[ptr:end:end], true
}

// Batch is the header that process is given.
type Batch struct {
	Rows, Cols, Cells uint32
}

// Put writes the header at the start of p, which must hold BatchSize bytes.
func (b Batch) Put(p []byte) {
	_ = p[BatchSize-1]
	PutU32(p, b.Rows)
	PutU32(p[4:], b.Cols)
	PutU32(p[8:], b.Cells)
	PutU32(p[12:], 0)
}

// ReadBatch reads the header at ptr and returns it with its table of cells, a
// view; false where either is out of bounds or not aligned.
func ReadBatch(mem []byte, ptr uint32) (b Batch, cells []byte, ok bool) {
	p, ok := Table(mem, ptr, 1, BatchSize)
	if !ok {
		return Batch{}, nil, false
	}
	b = Batch{Rows: U32(p), Cols: U32(p[4:]), Cells: U32(p[8:])}
	if uint64(b.Rows) > uint64(len(mem)) || uint64(b.Cols) > uint64(len(mem)) {
		return Batch{}, nil, false
	}
	cells, ok = Table(mem, b.Cells, uint64(b.Rows)*uint64(b.Cols), CellSize)
	return b, cells, ok
}

// PutCell writes a cell at the start of p, which must hold CellSize bytes.
func PutCell(p []byte, kind uint8, ptr, n uint32) {
	_ = p[CellSize-1]
	PutU32(p, ptr)
	PutU32(p[4:], Meta(kind, n))
}

// ReadCell returns what the cell at the start of p, which must hold CellSize
// bytes, points to, as a view of mem; false where it is out of bounds, of an
// invalid kind, or has bytes that its kind cannot have.
func ReadCell(mem, p []byte) (kind uint8, value []byte, ok bool) {
	_ = p[CellSize-1]
	kind, n := Split(U32(p[4:]))
	if kind >= Kinds || n > 0 && (kind == KindAbsent || kind == KindNull) {
		return 0, nil, false
	}
	value, ok = Bytes(mem, U32(p), n)
	return kind, value, ok
}

// Result is the header that process returns.
type Result struct {
	Rows, Cells, Source, Errors, ErrorsPtr uint32
}

// Put writes the header at the start of p, which must hold ResultSize bytes.
func (r Result) Put(p []byte) {
	_ = p[ResultSize-1]
	PutU32(p, r.Rows)
	PutU32(p[4:], r.Cells)
	PutU32(p[8:], r.Source)
	PutU32(p[12:], r.Errors)
	PutU32(p[16:], r.ErrorsPtr)
}

// ReadResult reads the header at ptr; false where it is out of bounds or not
// aligned. What it points to is not looked at.
func ReadResult(mem []byte, ptr uint32) (Result, bool) {
	p, ok := Table(mem, ptr, 1, ResultSize)
	if !ok {
		return Result{}, false
	}
	return Result{U32(p), U32(p[4:]), U32(p[8:]), U32(p[12:]), U32(p[16:])}, true
}

// Error is one entry of a result's errors.
type Error struct {
	Row, Column            uint32
	CodePtr, CodeLen       uint32
	MessagePtr, MessageLen uint32
}

// Put writes the entry at the start of p, which must hold ErrorSize bytes.
func (e Error) Put(p []byte) {
	_ = p[ErrorSize-1]
	PutU32(p, e.Row)
	PutU32(p[4:], e.Column)
	PutU32(p[8:], e.CodePtr)
	PutU32(p[12:], e.CodeLen)
	PutU32(p[16:], e.MessagePtr)
	PutU32(p[20:], e.MessageLen)
}

// ReadError reads the entry at the start of p, which must hold ErrorSize bytes.
func ReadError(p []byte) Error {
	_ = p[ErrorSize-1]
	return Error{U32(p), U32(p[4:]), U32(p[8:]), U32(p[12:]), U32(p[16:]), U32(p[20:])}
}

// ValidCode reports whether code is [a-z0-9_]{1,64}.
func ValidCode(code []byte) bool {
	if len(code) == 0 || len(code) > MaxCode {
		return false
	}
	for _, c := range code {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
