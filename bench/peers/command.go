package peers

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"

	"sluice/bench/measure"
)

// waitWatched waits for a command that was started, and returns the most memory
// that was seen of it; 0 where it was too short to be seen.
func waitWatched(cmd *exec.Cmd) (peak int64, err error) {
	watch, watchErr := measure.StartWatch(cmd.Process.Pid)
	err = cmd.Wait()
	if watchErr == nil {
		watch.Close()
		peak = watch.Peak()
	}
	return peak, err
}

// withStderr adds what a command printed to its exit.
func withStderr(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}
