// Package conform checks a plugin's module against the ABI: what the sandbox
// would refuse or make a trap of, and what it cannot see in one job, as answers
// that hang on how rows are cut into batches.
//
// Check runs the module in the very sandbox that imports run it in, on rows of
// its own making; it stores nothing and leaves nothing open. It takes about a
// second, most of it to compile a module that the sandbox does not know yet, so
// that tools may do it before each upload. A Report says what was held and what
// to change; a server takes a module whatever is found, so long as its sandbox does.
// Modules are untrusted: whatever they do ends as a Finding.
package conform
