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
//	sluice_meter.refill(meter i64, reason i32) → i64
//
// and exports one more mutable i64 global, "sluice_meter". No guest can use
// these names, as it may import or export nothing else that starts with
// "sluice". The global's lower half is the fuel, its upper half the guest's own
// stack budget: a host reads it with [Fuel] and changes it with [AddFuel], and
// never sets it to a value of its own making.
//
//   - The fuel starts as 0. Before its first call the host adds a slice. Function
//     entries, loop heads and blocks subtract what they cost; bulk instructions
//     and memory.grow subtract by size before they run.
//   - When a check finds the fuel below zero the guest calls refill with the meter
//     and [ReasonFuel]. The answer becomes the meter, so the host answers
//     AddFuel(meter, n) that brings the fuel to a slice, which means paying the
//     debt too. It ends the guest by panicking instead. The global is stale while
//     refill runs: refill must neither read nor set it.
//   - refill is called with [ReasonStack] when the guest's frames are too many or
//     too large. The host panics; should it answer, the guest traps.
//   - Around all other host calls the global is exact. A host function that costs
//     by size subtracts from it before it does the work, and when that leaves less
//     than nothing does what refill does: charging alone would let a straight run
//     of host calls go unchecked for long.
//   - After a call has returned the global is exact: what was granted less what is
//     left was spent. After a trap it may be up to one slice too high, as functions
//     with loops keep it in a local; count the slice as spent. The instance must be
//     discarded, as the stack budget isn't given back.
//   - No grant or charge is over [MaxCharge].
//
// The same calls to a fresh instance cost the same fuel on every engine.
package meter

// Names that the rewriter adds to a module.
const (
	ImportModule = "sluice_meter" // of the one added import
	ImportRefill = "refill"
	GlobalMeter  = "sluice_meter" // exported mutable i64

	Added = ImportModule + "." // how the added functions' names begin in a stack trace
)

// Reasons that the guest gives when it calls refill.
const (
	ReasonFuel  = 0 // the fuel is below zero
	ReasonStack = 1 // the stack bound was exceeded
)

// Version names the rewriting rules and prices. It changes whenever the same
// module would be rewritten differently, so that caches can tell.
const Version = 4
