// Package table keeps one tenant's companies as packed row groups on a KV, with
// an index by domain and ids that stay the same for ever. FORMAT.md has the
// stored bytes, RATIONALE.md the why.
//
// # How it works
//
// Each version of a company is a row with a record number, which only rises.
// 256 numbers are a block; a commit writes its rows as compressed groups, at
// most one block each. An update writes a new row and the old one is dead; an
// id carries the first record number of its company, scrambled. What a commit
// changed besides its rows is one log entry. In memory the changes since the
// last fold are a delta; a fold moves them, a bounded commit at a time, into
// index buckets, deletion vectors and directory pages.
//
// # Invariants
//
//  1. A commit is under the limits of storage, whatever the size of the table.
//  2. What is in memory changes only after the commit is durable, so a failed
//     one leaves nothing to undo.
//  3. A live row is in the index once by its domain, and, if it has moved, once
//     by its birth; Check holds all that is stored to it.
//  4. A row never changes its record number while it is not changed itself, so a
//     cursor walk meets it once, through folds and vacuum.
//  5. Nothing that a scan under way may have to give is deleted.
//
// # Lifecycle and concurrency
//
// Open a Set, ask it for Tables, Close it. All methods may be called from
// several goroutines. A table has one writer goroutine, which runs the fns of
// Update, commits, and does the upkeep; it ends when there is nothing to do.
// Those that look up, read and compress beside it end with it or before.
// Readers take no lock that is held during a commit. A Tx is only valid in its
// fn, a Dry belongs to one caller.
//
// # Bytes
//
// Get, ByDomain and Tx.Get return copies. What Scan gives is valid until its fn
// returns. Ops are not kept after Apply returns.
package table
