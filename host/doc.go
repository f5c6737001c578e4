// Package host is the server: the HTTP API on fasthttp, keys and their limits,
// and the wiring of storage, plugins and engine.
//
// # Lifecycle
//
// Open makes a Server from a Config: it opens the data folder, takes up
// unfinished jobs and listens. Run serves until Close, which stops taking
// requests, lets running ones finish within Config.ShutdownGrace and then closes
// what is left.
//
// # A request
//
// Every request is admitted before its body is waited for (see admission): key,
// rate limit, scope, route, media type, conflicts and announced size, in that
// order. What is admitted goes to the handler of its route, which answers once
// through its Request, or returns an error that becomes the answer.
//
// # Rules
//
// RULES.md numbers what a client may rely on; tests name the rules they hold.
//
// # Bytes
//
// What a Request gives as a string is a copy. What it gives as bytes, and the
// reader of its body, are valid until its handler returns.
package host
