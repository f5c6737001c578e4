package badgerkv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"sluice/storage"
)

// Badger rewrites a value log file when it knows that much of it is dead. It
// learns of dead values when a compaction drops their keys, and compacts what
// memtables have been flushed; but with values in the log a memtable of 16 MB
// holds the keys of some gigabytes. So the collector first fills the memtable up
// to have it flushed, and compacts everything.
const (
	collectBytes = 256 << 20 // written since the last time, that make a busy store collect
	idleBytes    = 16 << 20  // the same for a store at rest
	busyRatio    = 0.5       // rewrite files of which this much is dead, of a busy store
	idleRatio    = 0.2       // and of one at rest

	flushTime = 30 * time.Second // after which a collection goes on without
	flushPoll = 20 * time.Millisecond
)

// collector gives back the disk space of values that were replaced or deleted.
type collector struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func startCollector(kv *KV) *collector {
	ctx, cancel := context.WithCancel(context.Background())
	c := &collector{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		if kv.cfg.CollectEvery > 0 {
			kv.collectUntil(ctx)
		}
	}()
	return c
}

// stop ends the collector after the file it is rewriting, or the table it is reading.
func (c *collector) stop() {
	c.cancel()
	<-c.done
}

func (kv *KV) collectUntil(ctx context.Context) {
	tick := time.NewTicker(kv.cfg.CollectEvery)
	defer tick.Stop()
	var p plan
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if kv.watch(ctx) != nil {
			return
		}
		written := kv.written.Load()
		if ratio, due := p.look(written, kv.refused.Swap(false)); due {
			err := kv.collect(ctx, ratio)
			if err != nil && ctx.Err() == nil {
				kv.cfg.Logger.Warn("collect value log", "error", err)
			}
			p.collected(written, ratio, kv.written.Load(), err)
		}
	}
}

// plan tells when to collect, and how much must be dead of a file to rewrite it.
type plan struct {
	before int64 // written, when it looked last
	owed   int64 // written before the last collection, if that was one of a busy store
}

// look is given what was written since the last collection, and whether the disk was
// found full meanwhile.
func (p *plan) look(written int64, full bool) (ratio float64, due bool) {
	idle := written == p.before
	p.before = written
	switch {
	case full && written > 0, idle && written+p.owed >= idleBytes:
		return idleRatio, true
	case written >= collectBytes:
		return busyRatio, true
	}
	return 0, false
}

// collected notes what became of it. A busy store's collection leaves files that are
// half dead, for the store at rest: they would stay until as much is written again.
func (p *plan) collected(written int64, ratio float64, since int64, err error) {
	if p.before = since; ratio == busyRatio && err == nil {
		p.owed += written
	} else {
		p.owed = 0
	}
}

// Compact gives back the disk space of replaced and deleted values, as the
// collector does now and then. Commits and reads go on.
func (kv *KV) Compact(ctx context.Context) error {
	leave, err := kv.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return kv.collect(ctx, idleRatio)
}

func (kv *KV) collect(ctx context.Context, ratio float64) error {
	kv.collecting.Lock()
	defer kv.collecting.Unlock()
	if err := kv.verify(ctx); err != nil { // or what is damaged would be compacted away
		return err
	}
	kv.written.Store(0)
	if err := kv.flush(ctx); err != nil {
		return fmt.Errorf("flush memtable: %w", err)
	}
	files := 0
	for ctx.Err() == nil {
		// A rewrite needs room before it gives any.
		if err := kv.roomToCollect(int(kv.cfg.ValueLogFileSize)); err != nil {
			return err
		}
		if err := verifyNext(kv.cfg.Dir); err != nil {
			return err
		}
		err := kv.db.RunValueLogGC(ratio)
		if errors.Is(err, badger.ErrNoRewrite) || errors.Is(err, badger.ErrRejected) {
			break
		} else if err != nil {
			return fmt.Errorf("rewrite value log file: %w", err)
		}
		files++
	}
	if files > 0 && kv.cfg.Events.Collected != nil {
		kv.cfg.Events.Collected(files)
	}
	return ctx.Err()
}

const (
	fillKeys  = 1000
	fillValue = valueThreshold - 1
)

// flush has the memtable written to a table, by filling the rest of it with
// values that are deleted again, and compacts.
// Badger's own way, DropPrefix, would hold up all reads.
func (kv *KV) flush(ctx context.Context) error {
	ops := make([]storage.Op, fillKeys)
	for i := range ops {
		ops[i] = storage.Op{Key: binary.BigEndian.AppendUint16(nil, uint16(i)), Value: make([]byte, fillValue)}
	}
	fill := func() error {
		if err := kv.roomToCollect(fillKeys * fillValue); err != nil {
			return err
		}
		err := kv.writeAs(ownKey, ops)
		if err != nil {
			kv.commits.fail(err)
		}
		return err
	}
	newest, last := kv.newestTable(), kv.snapshots.current()
	for left := kv.cfg.MemTableSize; left > 0; left -= fillKeys * fillValue {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fill(); err != nil {
			return err
		}
	}
	for i := range ops {
		ops[i].Value, ops[i].Delete = nil, true
	}
	if err := fill(); err != nil {
		return err
	}
	for deadline := time.Now().Add(flushTime); !kv.settled(newest, last); {
		if time.Now().After(deadline) {
			return nil // what is not yet flushed is collected the next time
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(flushPoll):
		}
	}
	// All levels into one: a replaced value is dead only when its key's old and new
	// versions meet. Keys and small values are about a hundredth of the store.
	return kv.db.Flatten(1)
}

// settled tells whether what was written up to a version is in tables, none of
// them at level 0: Flatten leaves those alone when there are no others. The
// version itself may be gone already, when all of it was deletions; then a table
// newer than newest shows it.
func (kv *KV) settled(newest, version uint64) bool {
	flushed := false
	for _, table := range kv.db.Tables() {
		if table.Level == 0 {
			return false
		}
		flushed = flushed || table.MaxVersion >= version || table.ID > newest
	}
	return flushed
}

// newestTable returns the highest number of a table.
func (kv *KV) newestTable() (id uint64) {
	for _, table := range kv.db.Tables() {
		id = max(id, table.ID)
	}
	return id
}

func ownKey(key []byte) []byte { return append([]byte{ownPrefix}, key...) }
