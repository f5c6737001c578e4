package engine

import (
	"context"
	"errors"
	"io"

	"sluice/engine/company"
	"sluice/engine/tuple"
)

// ErrFull is what Update, Stream and Write give when one commit can't hold what
// they alone want to change.
var ErrFull = errors.New("engine: commit is full")

// Store is where imports end up: each tenant's table of companies, and the
// records that must commit together with it.
type Store interface {
	// Update runs fn as part of the next commit of the tenant's table and
	// returns when that is durable. fn may run more than once; if it returns an
	// error, its changes alone are undone and Update returns that error.
	Update(ctx context.Context, tenant string, fn func(Tx) error) error

	// Stream is Update for an fn that runs once, at the beginning of a commit. It
	// may wait a moment for what it applies: only the table's other writes wait
	// with it.
	Stream(ctx context.Context, tenant string, fn func(Tx) error) error

	// DryRun judges ops as Update would, without writing companies. ctx is that
	// of all the trial's calls.
	DryRun(ctx context.Context, tenant string) (Trial, error)

	// Tenants lists the tenants that have a table.
	Tenants(ctx context.Context) ([]string, error)

	Records
}

// Records are the records beside the tables: jobs, reports. A value is returned
// as it was put.
type Records interface {
	// Record returns one record, or an error of code not_found.
	Record(ctx context.Context, key tuple.Key) ([]byte, error)

	// Records calls fn for each record whose key begins with prefix and is
	// greater than after, in order, on one snapshot. Both views end with the
	// call. An fn that returns false ends the walk.
	Records(ctx context.Context, prefix, after tuple.Key, fn func(key tuple.Key, value []byte) (bool, error)) error

	// Write puts and deletes records in one commit, without a table. After an error
	// that is neither overloaded nor ctx's, whether they are there is known only when
	// the store is opened again.
	Write(ctx context.Context, changes []Change) error
}

// Change is one record to put, or to delete where Value is nil.
type Change struct {
	Key   tuple.Key
	Value []byte
}

// Tx is a commit being made.
type Tx interface {
	// Apply applies ops in order and fills results. n < len(ops) without an
	// error: the commit is full, and ops from n on were not applied.
	Apply(ops []company.Op, results []company.Result) (n int, err error)

	// Put adds a record to the commit; it counts towards its limits.
	Put(c Change)

	// Job names the job that the rows come from.
	Job(id string)

	// Bytes is how much the commit holds so far.
	Bytes() int
}

// Trial judges the ops of a dry run, in order and at any size.
type Trial interface {
	Apply(ops []company.Op, results []company.Result) error

	// Made reports whether an id is of a company that only the trial knows.
	Made(id company.ID) bool

	Close(ctx context.Context) error
}

// Spool keeps uploads, one a job, from the answer that promises them to the
// job's end.
type Spool interface {
	Create(id string) (SpoolWriter, error)
	Open(id string) (SpoolReader, error)
	Remove(id string) error

	// Sweep removes the uploads that keep does not know.
	Sweep(keep func(id string) bool) error
}

// SpoolWriter receives an upload. Commit makes it durable; Abort drops it, and
// does nothing after Commit.
type SpoolWriter interface {
	io.Writer
	Commit() error
	Abort() error
}

// SpoolReader reads an upload from anywhere in it.
type SpoolReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}
