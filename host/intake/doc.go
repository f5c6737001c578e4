// Package intake turns the body of an import request into an upload: bytes of
// UTF-8 CSV or of NDJSON in a sink, and the options that came with them.
//
// # Lifecycle
//
// ParseForm looks at the headers alone and refuses what Sluice does not read.
// Form.MaxBytes tells what is too long by its own account. Read then takes the
// body apart while it arrives and returns when it was read to its end, or with
// the first fault, always a fault.Error unless the sink made another one.
//
// # Layers
//
// From the connection up, each an io.Reader: wire counts bytes against
// Content-Length and the raw limit; the content coding is undone, checksums
// verified; plain counts against the decoded limits and feeds the digest; then
// the body's form is read. A layer remembers the fault that it raised, so that a
// decoder above it that loses the cause can't turn a cut-off body into a short
// one.
//
// # Invariants
//
//  1. Read returns nil only if the body is complete, its checksums are right and
//     all of it was read.
//  2. Memory does not follow the input: buffers are pooled, the large ones few
//     (Request.Ahead), option values and multipart headers bounded.
//  3. The digest covers the decoded body, whichever way it was cut into reads.
//
// Nothing here knows of HTTP servers; a Read belongs to one goroutine.
package intake
