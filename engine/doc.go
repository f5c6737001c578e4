// Package engine runs one import from bytes to counted outcome: an upload is
// spooled as UTF-8 CSV or NDJSON, decoded into row batches, mapped, given to the
// tenant's plugin, validated, and written to the tenant's table together with
// the counts and the checkpoint that describe it.
//
// # Lifecycle
//
// New makes an Engine, Start sweeps spools and takes up unfinished jobs, Close
// stops every job at its next commit. Receive reads an upload, Import finishes
// it at once when it is small or queues a job.
//
// # Invariants
//
//  1. Nothing of an upload is imported before it was read to its end.
//  2. A job is queued only when its spool is durable.
//  3. Rows, counts, checkpoint and report of a batch commit together.
//  4. Every row is counted once: created, updated, skipped or failed.
//  5. Rows act in file order, whatever ran in parallel before the commit.
//
// # Bytes
//
// A batch and what points into it belong to one stage at a time. What is kept
// beyond a commit is copied.
package engine
