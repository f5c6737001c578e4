package cli

import (
	"errors"
	"fmt"
	"slices"

	"sluice/bench/peers"
)

type peersCmd struct {
	Name []string `arg:"" optional:"" help:"Only these."`
}

// Run prints what a run with peers would find.
func (c *peersCmd) Run(p *process) error {
	var missing error
	for _, peer := range peers.All() {
		if len(c.Name) > 0 && !slices.Contains(c.Name, peer.Name) {
			continue
		}
		version, err := peer.Version(p.ctx)
		if err != nil {
			version = err.Error()
			missing = errors.Join(missing, fmt.Errorf("%s: %w", peer.Name, err))
		}
		fmt.Fprintf(p.stdout, "%s %s\n  %s\n", peer.Name, version, peer.Settings)
		for _, step := range peer.Steps {
			fmt.Fprintf(p.stdout, "  %s: %s\n", step.Name, step.About)
		}
	}
	if len(c.Name) == 0 {
		return nil // a list, not a question
	}
	return missing
}
