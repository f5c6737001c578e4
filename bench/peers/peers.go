// Package peers runs, on the very file that Sluice is measured with, the systems
// that people would take instead: each as its own users would, with the settings
// that its Settings state, and held to the same end: the rows are unique by
// domain, the domain was taken out of the address, and the disk has them.
//
// A peer is measured from the statement that reads the file to the one that makes
// its work durable; starting a process or a server is not counted. After each
// step its rows are counted, and a count that is wrong is an error.
//
// Peers that are not installed are reported with the command that installs them.
// The install scripts lie in install/ and need Debian's or npm's packages alone.
package peers

import (
	"context"
	"errors"
	"fmt"
)

// Peer is one system.
type Peer struct {
	Name     string
	Settings string // what it was told, and what it therefore promises
	Install  string // the command that installs it
	Steps    []Step

	version func(ctx context.Context) (string, error)
	run     func(ctx context.Context, job Job) ([]Run, error)
}

// Step is one thing that a peer does; each run has one measurement a step.
type Step struct {
	Name  string
	About string
	Again bool // the rows are there already, and are written again
}

// Job is what a peer has to do.
type Job struct {
	Dir  string // an empty folder of its own, removed by the caller
	CSV  string // with a header, every domain once
	Rows int
}

// Run is the measurement of one step; what could not be measured is 0.
type Run struct {
	Seconds    float64
	CPUSeconds float64
	PeakAnon   int64
	WriteBytes int64
	DiskBytes  int64
}

// ErrNotInstalled says that a peer is not there; its message says what to run.
var ErrNotInstalled = errors.New("not installed")

// All lists the peers.
func All() []Peer {
	return []Peer{duckDB(), clickHouse(), sqlite(), postgres(), plainBadger()}
}

// Version asks the peer for its version. That it isn't installed is
// ErrNotInstalled, with the command that changes it.
func (p Peer) Version(ctx context.Context) (string, error) {
	v, err := p.version(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: run %s (%w)", ErrNotInstalled, p.Install, err)
	}
	return v, nil
}

// Measure runs the peer once and returns a run for each of its steps.
func (p Peer) Measure(ctx context.Context, job Job) ([]Run, error) {
	runs, err := p.run(ctx, job)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	if len(runs) != len(p.Steps) {
		return nil, fmt.Errorf("%s: %d steps were measured, not %d", p.Name, len(runs), len(p.Steps))
	}
	return runs, nil
}

// counted checks what a peer says that it stored.
func counted(step string, got, want int) error {
	if got != want {
		return fmt.Errorf("%s: %d rows are stored, not %d", step, got, want)
	}
	return nil
}
