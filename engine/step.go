package engine

import "errors"

const (
	// commitBatches fill a commit nearly to the store's limit, for few fsyncs.
	commitBatches = 32

	// longerAfter is how many commits a short step is kept up.
	longerAfter = 16
)

// errStep says that the step has changed, so that reading begins anew.
var errStep = errors.New("engine: step has changed")

// step is how much a job gives to one commit. Where a commit can't hold it, as
// when small rows change huge companies, it is shortened for a while.
type step struct {
	rows    int // of a batch
	batches int // of a commit
	commits int // of a short step so far
}

func wholeStep() step { return step{rows: batchRows, batches: commitBatches} }

// shorten reports false for a single row.
func (s *step) shorten() bool {
	if s.batches == 1 && s.rows == 1 {
		return false
	}
	if s.batches == 1 {
		s.rows /= 2
	}
	s.batches, s.commits = 1, 0
	return true
}

// taken counts a commit and tells whether the step has become longer.
func (s *step) taken() bool {
	if s.commits++; s.batches == commitBatches || s.commits < longerAfter {
		return false
	}
	s.commits = 0
	if s.rows *= 2; s.rows >= batchRows {
		*s = wholeStep()
	}
	return true
}
