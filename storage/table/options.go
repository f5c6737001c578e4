package table

import "time"

// Options of a Set. Start from DefaultOptions.
type Options struct {
	CacheBytes int64            // decoded index buckets and blocks of rows, of all tables together
	DeltaRows  int              // changes that one table keeps in memory before they are folded into its buckets
	Now        func() time.Time // the clock of created and updated dates
	Vacuum     bool             // fold and rewrite in the background; else only by Vacuum
}

// DefaultOptions suit one server with a few hundred megabytes for its tables.
func DefaultOptions() Options {
	return Options{CacheBytes: 160 << 20, DeltaRows: 1 << 20, Now: time.Now, Vacuum: true}
}

// minDeltaRows is how many changes a small table collects before a fold pays.
const minDeltaRows = 1 << 16
