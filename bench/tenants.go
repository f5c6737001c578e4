package bench

import (
	"context"
	"fmt"
	"sync"

	"sluice/bench/dataset"
	"sluice/bench/load"
)

// manyTenants measures imports of all tenants at once, each of its share.
func manyTenants(ctx context.Context, s *stage) (out Sample, err error) {
	in, err := s.files.get(csvShape, dataset.Clean{Seed: s.cfg.Seed, Rows: max(s.cfg.Rows/tenants, 1)})
	if err != nil {
		return out, err
	}
	all := &Input{Rows: in.Rows * tenants, Bytes: in.Bytes * tenants}
	err = s.use(ctx, func(h *host) error {
		clients := make([]*load.Client, tenants)
		for i := range clients {
			clients[i] = load.New(h.URL, s.keys[i], 1)
			defer clients[i].Close()
		}
		out, err = measured(h.Server, all, func() error { return importAll(ctx, clients, in) })
		if err != nil {
			return err
		}
		for _, c := range clients {
			if err := verify(ctx, c, uint64(in.Rows), in, true); err != nil {
				return err
			}
		}
		return s.atRest(ctx, h, in, false, &out)
	})
	return out, err
}

func importAll(ctx context.Context, clients []*load.Client, in *Input) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for i, c := range clients {
		running.Go(func() {
			counts, err := upload(ctx, c, in, noGuest, false)
			if want := allCreated(in.Rows); err == nil && counts != want {
				err = fmt.Errorf("the import answered %+v, not %+v", counts, want)
			}
			if err != nil {
				cancel(fmt.Errorf("tenant %d: %w", i, err)) // the first one counts
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}
