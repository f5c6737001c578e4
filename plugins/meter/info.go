package meter

import "strings"

// ValueType is a WebAssembly value type, as encoded.
type ValueType byte

const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

func (t ValueType) valid() bool {
	return t >= V128 && t <= I32 || t == FuncRef || t == ExternRef
}

func (t ValueType) isRef() bool { return t == FuncRef || t == ExternRef }

func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return "unknown"
}

// Signature is a function's type.
type Signature struct {
	Params, Results []ValueType
}

func (s Signature) String() string {
	var b strings.Builder
	list := func(types []ValueType) {
		b.WriteByte('(')
		for i, t := range types {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(t.String())
		}
		b.WriteByte(')')
	}
	list(s.Params)
	b.WriteString(" -> ")
	list(s.Results)
	return b.String()
}

func (s Signature) equal(o Signature) bool {
	return string(typeBytes(s.Params)) == string(typeBytes(o.Params)) &&
		string(typeBytes(s.Results)) == string(typeBytes(o.Results))
}

func typeBytes(types []ValueType) []byte {
	b := make([]byte, len(types))
	for i, t := range types {
		b[i] = byte(t)
	}
	return b
}

// Kind says what an export is.
type Kind byte

const (
	KindFunc   Kind = 0
	KindTable  Kind = 1
	KindMemory Kind = 2
	KindGlobal Kind = 3
)

func (k Kind) String() string {
	return [...]string{"function", "table", "memory", "global"}[k&3]
}

// Import is a function that the guest imports; nothing else can be imported.
type Import struct {
	Module, Name string
	Signature    Signature
}

// Export is something that the guest exports.
type Export struct {
	Name      string
	Kind      Kind
	Signature Signature // of a function
	index     uint32
}

// Info is what the sandbox needs to know of a module.
type Info struct {
	Imports        []Import // the guest's own, without refill
	Exports        []Export // the guest's own, without the meter
	HasInitialize  bool
	HasDescribe    bool
	MemoryMinPages int
	MemoryMaxPages int // as rewritten: never above the limit
	TableEntries   int
	Functions      int // without imports
	Globals        int
	DataSegments   int
	NamedFunctions int // that the rebuilt name section names
}
