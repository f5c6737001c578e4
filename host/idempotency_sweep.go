package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sluice/engine"
	"sluice/engine/tuple"
)

const (
	sweepEvery = time.Hour

	// One commit of the sweep changes so many records, or answers of so many bytes.
	sweepBatch = 500
	sweepBytes = 1 << 20
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

// note remembers that a day has records.
func (i *idempotency) note(day uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.days[day] = struct{}{}
}

// forget drops days that have no records, or that are always looked at.
func (i *idempotency) forget(which func(day uint64) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for d := range i.days {
		if which(d) {
			delete(i.days, d)
		}
	}
}

// ahead lists the days beyond tomorrow that may have records.
func (i *idempotency) ahead(today uint64) (days []uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for d := range i.days {
		if d > today+1 {
			days = append(days, d)
		}
	}
	return days
}

// open notes the days beyond tomorrow that have records from before the clock was
// set back.
func (i *idempotency) open(ctx context.Context) error {
	prefix := tuple.New("", kindIdempotency)
	for next := day(i.now()) + 2; ; {
		found := false
		err := i.records.Records(ctx, prefix, prefix.Uint64(next), func(key tuple.Key, _ []byte) (bool, error) {
			d, _, err := key[len(prefix):].CutUint64()
			if err == nil {
				found, next = true, d+1
				i.note(d)
			}
			return false, err
		})
		if err != nil || !found {
			return err
		}
	}
}

// sweep deletes the records of whole days, which may keep one for a day longer
// than it is replayed. It reads no younger ones, but for those of days beyond
// tomorrow, which become today's: they would stay until their day has come.
func (i *idempotency) sweep(ctx context.Context) error {
	today := day(i.now())
	for _, d := range i.ahead(today) {
		left := false // its day has records still
		err := i.sweepWhile(ctx, d, func(made uint64) bool { return made == d }, func(key tuple.Key, value []byte) ([]engine.Change, error) {
			changes, err := i.rebase(key, value)
			if errors.Is(err, errStoredAnswer) { // one that is damaged must not keep the others
				i.log.Error("a damaged idempotent answer from the future is left where it is", "record", fmt.Sprintf("%q", key), "error", err)
				left = true
				return nil, nil
			}
			return changes, err
		})
		if err != nil {
			return fmt.Errorf("move answers from the future: %w", err)
		}
		i.forget(func(day uint64) bool { return day == d && !left })
	}
	err := i.sweepWhile(ctx, 0, func(made uint64) bool { return made < today-1 }, func(key tuple.Key, _ []byte) ([]engine.Change, error) {
		return []engine.Change{{Key: key}}, nil
	})
	if err != nil {
		return fmt.Errorf("delete old answers: %w", err)
	}
	i.forget(func(day uint64) bool { return day < today })
	return nil
}

// sweepWhile changes records from a day on, as long as their days are meant. One
// for which change has nothing stays.
func (i *idempotency) sweepWhile(ctx context.Context, from uint64, meant func(day uint64) bool, change func(key tuple.Key, value []byte) ([]engine.Change, error)) error {
	prefix := tuple.New("", kindIdempotency)
	after := prefix.Uint64(from)
	for {
		var changes []engine.Change
		bytes := 0
		err := i.records.Records(ctx, prefix, after, func(key tuple.Key, value []byte) (bool, error) {
			made, _, err := key[len(prefix):].CutUint64()
			if err != nil || !meant(made) {
				return false, err
			}
			after = append(tuple.Key(nil), key...)
			more, err := change(after, value)
			if len(more) > 0 {
				changes = append(changes, more...)
				bytes += len(value)
			}
			return len(changes) < sweepBatch && bytes < sweepBytes, err
		})
		if err != nil || len(changes) == 0 {
			return err
		}
		if err := i.records.Write(ctx, changes); err != nil {
			return err
		}
	}
}

// rebase moves a record to this moment. What lies there already is not younger:
// its request came when this one was not found.
func (i *idempotency) rebase(key tuple.Key, value []byte) ([]engine.Change, error) {
	stored, err := decodeStoredAnswer(value)
	if err != nil {
		return nil, err
	}
	prefix, now := tuple.New("", kindIdempotency), i.now()
	_, rest, err := key[len(prefix):].CutUint64()
	if err != nil {
		return nil, err
	}
	stored.created = now.UnixMilli()
	i.note(day(now))
	return []engine.Change{{Key: key}, {Key: append(prefix.Uint64(day(now)), rest...), Value: stored.encode()}}, nil
}
