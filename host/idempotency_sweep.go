package host

import (
	"context"
	"fmt"
	"time"

	"sluice/engine"
	"sluice/engine/tuple"
)

const (
	sweepEvery = time.Hour

	// sweepBatch is how many records one commit deletes.
	sweepBatch = 500
)

// sweepAnswers deletes answers that are too old, now and then, until ctx ends.
func (s *Server) sweepAnswers(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.idempotency.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("old idempotent answers are left", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep deletes the records of whole days, which may keep one for a day longer
// than it is replayed. It reads no younger ones.
func (i *idempotency) sweep(ctx context.Context) error {
	oldest := day(i.now()) - 1
	prefix := tuple.New("", kindIdempotency)
	for {
		var old []engine.Change
		err := i.records.Records(ctx, prefix, nil, func(key tuple.Key, _ []byte) (bool, error) {
			made, _, err := key[len(prefix):].CutUint64()
			if err != nil || made >= oldest {
				return false, err
			}
			old = append(old, engine.Change{Key: append(tuple.Key(nil), key...)})
			return len(old) < sweepBatch, nil
		})
		if err != nil {
			return fmt.Errorf("find old answers: %w", err)
		}
		if len(old) == 0 {
			return nil
		}
		if err := i.records.Write(ctx, old); err != nil {
			return fmt.Errorf("delete old answers: %w", err)
		}
	}
}
