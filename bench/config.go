package bench

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Config says what to measure. Start from DefaultConfig or SmokeConfig.
type Config struct {
	Binary string // the server's; must exist
	Dir    string // where the work folder is made; empty: the system's temporary folder
	Seed   uint64 // of all files
	Rows   int    // of a file

	Runs     int           // of headline scenarios, peers and the floor; medians are of these
	SideRuns int           // of the other scenarios
	Burst    time.Duration // at most, for each scenario of small requests
	Budget   time.Duration // no round is begun that would probably end after it

	Scenarios []string // names or groups; empty: all that are not opt-in
	Peers     bool     // measure the peers that are installed

	Log io.Writer // progress; nil: none
}

// DefaultConfig is what make bench runs.
func DefaultConfig() Config {
	return Config{
		Binary: "bin/sluice", Seed: 1, Rows: 1_000_000,
		Runs: 7, SideRuns: 3, Burst: 3 * time.Second, Budget: 15 * time.Minute,
		Peers: true, Log: io.Discard,
	}
}

// SmokeConfig proves in seconds that everything works; its figures mean nothing.
func SmokeConfig() Config {
	c := DefaultConfig()
	c.Rows, c.Runs, c.SideRuns, c.Burst, c.Budget, c.Peers = 2_000, 1, 1, 100*time.Millisecond, 2*time.Minute, false
	return c
}

// minRows makes each file a job, not a synchronous import, even split among the
// tenants.
const (
	minRows = 1_000
	maxRows = 100_000_000
)

// Validate reports every problem of c at once, each with its field.
func (c Config) Validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{field}, args...)...))
	}
	if _, err := os.Stat(c.Binary); err != nil {
		bad("Binary", "%w; make build makes it", err)
	}
	if c.Rows < minRows || c.Rows > maxRows {
		bad("Rows", "%d is not from %d to %d", c.Rows, minRows, maxRows)
	}
	if c.Runs < 1 || c.Runs > 1000 {
		bad("Runs", "%d is not from 1 to 1000", c.Runs)
	}
	if c.SideRuns < 1 || c.SideRuns > 1000 {
		bad("SideRuns", "%d is not from 1 to 1000", c.SideRuns)
	}
	if c.Burst <= 0 {
		bad("Burst", "%s is not above 0", c.Burst)
	}
	if c.Budget <= 0 {
		bad("Budget", "%s is not above 0", c.Budget)
	}
	if _, err := selected(c.Scenarios); err != nil {
		bad("Scenarios", "%w", err)
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("configuration: %w", errors.Join(errs...))
}
