package badgerkv

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"sluice/engine/fault"
	"sluice/storage"
)

// errSync stands for an fsync that Badger only logged.
var errSync = errors.New("fsync of the value log failed")

// entryOverhead is what Badger adds at most to the size of a key when it sums up
// a transaction: our prefix, a version, a pointer to the value and flags.
const entryOverhead = 1 + 8 + 10 + 12 + 2

// maxGroupBytes bounds what one fsync writes, for the sake of those that wait.
const maxGroupBytes = storage.MaxCommitBytes

// env connects a committer to the store.
func (kv *KV) env() commitEnv {
	maxSize, maxCount := int(kv.db.MaxBatchSize()), int(kv.db.MaxBatchCount())
	committed := kv.cfg.Events.Committed
	if committed == nil {
		committed = func(Group) {}
	}
	return commitEnv{
		room:       kv.room,
		version:    kv.version,
		write:      kv.write,
		committed:  committed,
		stallAfter: kv.cfg.StallAfter,
		newBudget: func() budget {
			return budget{keys: maxCount - 2, size: maxSize - entryOverhead, bytes: maxGroupBytes}
		},
	}
}

// budget is what is left of one write: Badger's limits of a transaction, where a
// value in the value log counts as a pointer, and our own of the bytes.
type budget struct{ keys, size, bytes int }

// spend takes the cost of ops and reports whether it was there.
func (b *budget) spend(ops []storage.Op) bool {
	for i := range ops {
		b.keys--
		b.bytes -= len(ops[i].Key) + len(ops[i].Value)
		b.size -= len(ops[i].Key) + entryOverhead
		if len(ops[i].Value) < valueThreshold {
			b.size -= len(ops[i].Value)
		}
	}
	return b.keys >= 0 && b.size >= 0 && b.bytes >= 0
}

// write makes ops durable and then visible. Only the committer calls it.
func (kv *KV) write(ops []storage.Op) error {
	for i := range ops {
		kv.written.Add(int64(len(ops[i].Value)))
	}
	return kv.writeAs(dataKey, ops)
}

// writeAs writes ops under their keys as stored has them. The next version is
// taken only once it is on disk: a failed write leaves readers where they are. It
// is then the last, or the next one would take its version, and readers see what
// it left.
func (kv *KV) writeAs(stored func(key []byte) []byte, ops []storage.Op) error {
	kv.writing.Lock()
	defer kv.writing.Unlock()
	if kv.torn != nil {
		return kv.torn
	}
	version := kv.snapshots.current() + 1
	txn := kv.db.NewTransactionAt(version, true)
	defer txn.Discard()
	for i := range ops {
		var err error
		if key := stored(ops[i].Key); ops[i].Delete {
			err = txn.Delete(key)
		} else {
			err = txn.Set(key, ops[i].Value)
		}
		if errors.Is(err, badger.ErrTxnTooBig) {
			return storage.ErrTooLarge
		} else if err != nil {
			return fmt.Errorf("add to transaction: %w", err)
		}
	}
	if kv.torn = kv.commitAt(txn, version); kv.torn != nil {
		return kv.torn
	}
	kv.snapshots.publish(version)
	kv.db.SetDiscardTs(kv.snapshots.oldest())
	return nil
}

// commitAt has a transaction on disk when it returns nil.
func (kv *KV) commitAt(txn *badger.Txn, version uint64) error {
	if err := txn.CommitAt(version, nil); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	if kv.log.syncFailed.Load() {
		return errSync
	}
	return kv.names.sync()
}

// room refuses a write that the disk may not hold. Where it does, the collector is
// to look for what can be given back.
func (kv *KV) room(bytes int) error {
	err := kv.cfg.room(1, bytes)
	if err != nil {
		kv.refused.Store(true)
	}
	return err
}

// roomToCollect lets the collector use half of what is held back from writes, so
// that a store which takes no more of them can still make room.
func (kv *KV) roomToCollect(bytes int) error {
	return kv.cfg.room(2, bytes)
}

// roomToOpen refuses to open a store where replaying its logs, through memory maps
// too, would kill the process. What was held back for that is used.
func (c Config) roomToOpen() error {
	return c.room(4, 0)
}

// room refuses where less is free than some bytes beside that part of the reserve.
func (c Config) room(part uint64, bytes int) error {
	free, total, err := c.diskSpace(c.Dir)
	if err != nil {
		return fmt.Errorf("ask for disk space: %w", err)
	}
	if need := min(c.MinFreeBytes, total/4)/part + uint64(bytes); free < need {
		return fault.New(fault.Overloaded, "The disk is nearly full: %d MB are free, %d MB are needed. Free some, or lower the reserve.",
			free>>20, need>>20)
	}
	return nil
}
