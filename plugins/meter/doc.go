// Package meter reads an uploaded WebAssembly module with a strict parser of
// its own and rewrites it so that it pays for what it executes.
//
// Bytes in, bytes out: [Rewrite] neither compiles nor runs anything, holds no
// state, is safe for concurrent use, and keeps no reference to its input. What
// it refuses it refuses as a fault.Error with code plugin_invalid, whose
// message states the reason and what to change. It allocates by the bytes that
// are there, never by a count that the module declares. Operand types are not
// checked; the engine that compiles the result does that.
//
// # What the rewritten module expects of its host
//
// The module imports one function more than before,
//
//	sluice_meter.refill(fuel i64, reason i32) → i64
//
// and exports two more mutable i64 globals, "sluice_fuel" and "sluice_stack".
// No guest can use these names, as it may import or export nothing else that
// starts with "sluice".
//
//   - Before the first call of a guest's function the host sets sluice_fuel to a
//     slice of fuel (it starts as 0). Function entries, loop heads and blocks
//     subtract what they cost; bulk memory instructions and memory.grow subtract
//     by size before they run.
//   - When the fuel has fallen below zero at a check, the guest calls refill with
//     what is left (a negative number: the debt) and [ReasonFuel]. The answer
//     becomes the fuel, so the host answers fuel+slice, or more if the debt is
//     greater than a slice. It ends the guest by panicking instead. The global
//     is stale while refill runs: refill must neither read nor set it.
//   - refill is called with [ReasonStack] when the guest's frames are too many or
//     too large. The host panics; should it answer, the guest traps.
//   - Around all other host calls sluice_fuel is exact. A host function that
//     costs by size subtracts from it before it does the work; when that makes it
//     negative it does what refill does (charging alone would let a straight run
//     of host calls go unchecked for long).
//   - After a call has returned, sluice_fuel is exact: what was granted less what
//     is left was spent. After a trap it may be up to one slice too high, as
//     functions with loops keep the fuel in a local; count the slice as spent.
//   - sluice_stack is the guest's own; it has its first value again whenever no
//     guest function runs. After a trap the instance must be discarded.
//
// The same calls to a fresh instance cost the same fuel on every engine.
package meter

// Names that the rewriter adds to a module.
const (
	ImportModule = "sluice_meter" // of the one added import
	ImportRefill = "refill"
	GlobalFuel   = "sluice_fuel"  // exported mutable i64
	GlobalStack  = "sluice_stack" // exported mutable i64
)

// Reasons that the guest gives when it calls refill.
const (
	ReasonFuel  = 0 // the fuel is below zero
	ReasonStack = 1 // the stack bound was exceeded
)

// Version names the rewriting rules and prices. It changes whenever the same
// module would be rewritten differently, so that caches can tell.
const Version = 1
