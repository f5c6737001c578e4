// Package plugins runs tenants' WebAssembly plugins: untrusted code that sees
// every row of an import. It is the only importer of wazero.
//
// # Lifecycle
//
// A Sandbox compiles modules and runs them; a Registry keeps each tenant's
// modules and says which one is active. An upload goes through the meter
// (strict parsing, fuel), then through a child process with limits on time and
// memory that compiles it and runs it once on both of wazero's engines; what
// comes out is kept in a cache that only we can write. Open starts a module for
// one job as a Session, whose Process gives batches to fresh instances. Close
// frees instances, sessions, modules and the sandbox, in any order.
//
// # Concurrency
//
// Sandbox, Registry and Session are safe for concurrent use. At most
// Config.Guests guests run at once; tenants that wait take turns by the time
// that they have used.
//
// # Bytes
//
// The host copies a batch into a region that the guest allocated and copies the
// answer out before the next call. No view of a guest's memory leaves a call.
//
// # What a guest cannot do
//
// Every pointer, count and length of a guest is checked in 64 bits before it is
// used. Fuel bounds what it executes, and comes in slices so that it cannot hold
// up the collector or a cancellation. A trap costs the instance and the guilty
// rows, never the runtime, another job or another tenant.
package plugins
