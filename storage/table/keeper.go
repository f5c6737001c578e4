package table

import (
	"context"
	"fmt"

	"sluice/storage"
)

// keeper is the upkeep of one table: it folds deltas into buckets and vectors
// and rewrites blocks. It works in the writer's goroutine, one bounded commit
// at a time, and all it did so far is on disk, so it can stop anywhere.
type keeper struct {
	waiting []*request // rounds asked for that have not begun
	serving []*request // those that the round under way answers
	stage   stage
	wanted  bool // a round was asked for, so fold whatever there is
	fold    *fold
	tidy    uint64 // blocks below it were looked at for being in pieces
	at      uint64 // next block to look at
	scratch scratch
}

type stage uint8

const (
	idle stage = iota
	foldDomains
	foldIDs
	foldDead
	foldPages
	dropOld   // log keys and directory pages that the fold made useless
	rewriting // blocks
	stages
)

// The size of one step. It is what an Update may have to wait for.
const (
	stepBytes = 2 << 20
	stepKeys  = 500
)

// maxLogs is how many keys the log may have before they are joined.
const maxLogs = 512

// keep does upkeep between two commits: as much as keeps the delta within its
// bounds, and one step more where the background is allowed. It reports whether
// there is more to do now.
func (t *Table) keep() (more bool) {
	k := &t.keeper
	err := t.settle(1)
	if err == nil && (t.set.opts.Vacuum || len(k.waiting)+len(k.serving) > 0) {
		more, err = t.upkeep()
	}
	if err != nil {
		// Those who asked are told. Otherwise it is tried again after the next
		// commit, and settle fails that one once the delta is too large.
		k.answer(err)
		return false
	}
	return more && (!t.writer.closing() || len(k.waiting)+len(k.serving) > 0)
}

func (k *keeper) answer(err error) {
	for _, r := range append(k.serving, k.waiting...) {
		if err != nil {
			r.done <- fmt.Errorf("vacuum table: %w", err)
		} else {
			r.done <- nil
		}
	}
	k.serving, k.waiting = nil, nil
}

// deltaLimit is how many changes the table collects before it folds them: a
// share of what the fold rewrites, so that each row is rewritten a few times
// only, however large the table becomes.
func (t *Table) deltaLimit() int {
	o, v := &t.set.opts, t.view.Load()
	if t.set.deltaRows.Load() > int64(o.DeltaRows) {
		return min(minDeltaRows, o.DeltaRows)
	}
	return max(min(minDeltaRows, o.DeltaRows), min(int(v.doms.count), o.DeltaRows))
}

// settle steps on until upkeep is as far as the delta is full. slack is how many
// times full it may be.
func (t *Table) settle(slack int) error {
	for {
		v, limit := t.view.Load(), t.deltaLimit()
		switch k := &t.keeper; {
		case v.frozen == nil && v.active.size() < limit && v.active.logs < maxLogs*slack:
			return nil
		case v.frozen != nil && k.progress(v)*limit*slack >= v.active.size()*progressDone:
			return nil
		}
		if _, err := t.upkeep(); err != nil {
			return err
		}
	}
}

// progressDone is progress's scale.
const progressDone = 1000

// progress tells how far the fold is.
func (k *keeper) progress(v *view) int {
	part := func(ix *index) int { return int(ix.done * 250 >> ix.depth) }
	switch k.stage {
	case foldDomains:
		return part(v.doms)
	case foldIDs:
		return 250 + part(v.ids)
	case foldDead:
		return 500 + 400*k.fold.at/max(1, len(k.fold.blocks))
	case foldPages:
		return 900
	}
	return progressDone
}

// upkeep does the next step.
func (t *Table) upkeep() (more bool, err error) {
	k, v := &t.keeper, t.view.Load()
	if v.frozen == nil && v.active.size() >= t.deltaLimit() {
		t.freeze() // what a round has begun goes on after it
		return true, nil
	}
	if v.frozen == nil && v.active.logs >= maxLogs {
		return true, t.joinLogs()
	}
	switch k.stage {
	case idle:
		if len(k.waiting) > 0 && len(k.serving) == 0 {
			k.serving, k.waiting = k.waiting, nil
			k.wanted = true
		}
		switch {
		case k.wanted && v.active.size() > 0:
			t.freeze()
		case k.wanted:
			k.stage = rewriting
		default:
			return false, nil
		}
	case foldDomains, foldIDs:
		err = t.foldIndex()
	case foldDead:
		err = t.foldDead()
	case foldPages:
		err = t.foldPages()
	case dropOld:
		err = t.dropOld()
	case rewriting:
		err = t.rewrite()
	}
	return true, err
}

// next begins the following stage.
func (k *keeper) next() {
	if k.stage++; k.stage < stages {
		return
	}
	k.stage, k.wanted, k.at = idle, false, 0
	serving := k.serving
	k.serving = nil
	for _, r := range serving {
		r.done <- nil
	}
}

// freeze ends the active delta and begins to fold it.
func (t *Table) freeze() {
	v := *t.view.Load()
	t.keeper.fold = &fold{seq: v.seq, next: v.next, live: v.live, dir: v.dir.edit()}
	t.keeper.fold.halves = [2]bool{v.doms.next != nil, v.ids.next != nil}
	t.keeper.fold.blocks = v.active.dead.sorted()
	v.frozen, v.active = v.active, newDelta()
	t.keeper.stage = foldDomains
	t.view.Store(&v)
}

// joinLogs makes one key of the log's small ones, so that many small commits
// don't make opening slow.
func (t *Table) joinLogs() error {
	const maxBytes = stepBytes
	prefix := t.src.space.section(sectLog, 0)
	var ops []storage.Op
	var payload []byte
	err := t.src.kv.Scan(context.Background(), prefix, nil, func(key, value []byte) error {
		if len(ops) >= stepKeys || len(payload)+len(value) > maxBytes {
			if len(ops) > 1 {
				return storage.ErrStop
			}
			ops, payload = ops[:0], payload[:0]
		}
		version, p, err := storage.Open(key, value, sealLog)
		if err != nil || version != formatVersion {
			return damaged("log", key)
		}
		payload = append(payload, p...)
		ops = append(ops, storage.Op{Key: append([]byte(nil), key...), Delete: true})
		return nil
	})
	if err != nil {
		return fmt.Errorf("join log: %w", err)
	}
	v := *t.view.Load()
	if len(ops) < 2 {
		v.active.logs = 0 // all are large; count anew
		return nil
	}
	last := &ops[len(ops)-1]
	*last = storage.Op{Key: last.Key, Value: storage.Seal(nil, last.Key, sealLog, formatVersion, payload)}
	if err := t.put(context.Background(), ops); err != nil {
		return fmt.Errorf("join log: %w", err)
	}
	v.active.logs -= len(ops) - 1
	return nil
}
