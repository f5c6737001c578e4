// Package badgerkv is the embedded, durable storage.KV: Badger v4 behind the
// seam, and the only importer of Badger.
//
// Open takes the folder's lock, replays the logs and starts two goroutines, the
// committer and the collector; Close stops both after the commits and scans under
// way, which it waits for. All methods may be called at once.
//
// Commits that arrive while another is on its way to disk share the next fsync
// (see committer). Reads never wait for commits: they see the last state that is
// on disk, a scan throughout. Badger runs in managed mode, so that we say which
// state that is: a commit whose fsync failed is never read.
//
// # Caveats
//
// Badger writes through memory maps of sparse files. A disk that fills up under
// it kills the process with SIGBUS, so commits are refused while less than
// Config.MinFreeBytes is free, and Open refuses with less than a quarter of that;
// whoever else fills the same disk while files are being written can still do it.
//
// At Open Badger drops, without a word, whatever follows the first damaged entry
// of a memtable's log, and of the newest value log. After a crash that is the
// unfinished commit; if a disk damages the middle of a log it is more. A value
// that is gone then reads as an error, a key as absent. Tables are read through at
// Open and now and then: one that is damaged ends all reads and commits.
package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"sluice/storage"
)

// ErrInUse is what Open gives when another process has the folder.
var ErrInUse = errors.New("storage: the data folder is in use by another process")

// ErrClosed is what every method gives after Close.
var ErrClosed = errors.New("storage: the store is closed")

// KV is an open store. Make it with Open.
type KV struct {
	cfg       Config
	db        *badger.DB
	log       *logger
	snapshots snapshots
	names     *names // used by whoever holds writing
	commits   *committer
	collector *collector

	collecting sync.Mutex   // one collection at a time
	writing    sync.Mutex   // one write at a time: the committer's or the collector's
	torn       error        // of the write that failed, and was the last; under writing
	written    atomic.Int64 // bytes of values written since the last collection
	refused    atomic.Bool  // a commit, for want of room, since the collector looked

	damaged   atomic.Pointer[error] // what verify found; nil: nothing
	verified  time.Time             // when verify did last, and how long it took; under collecting
	verifying time.Duration

	mu     sync.Mutex // guards closed and, with it, the growth of users
	closed bool
	users  sync.WaitGroup // reads and backups under way
}

// Open opens the store in cfg.Dir, which it makes when there is none.
func Open(cfg Config) (*KV, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	kv := &KV{cfg: cfg, log: newLogger(cfg.Logger)}
	opts := cfg.options(kv.log)
	if err := cfg.prepare(opts); errors.Is(err, ErrInUse) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, cfg.Dir)
	} else if err != nil {
		return nil, fmt.Errorf("open store in %s: %w", cfg.Dir, err)
	}
	kv.db, err = badger.OpenManaged(opts)
	if err != nil {
		if strings.Contains(err.Error(), "Cannot acquire directory lock") {
			return nil, fmt.Errorf("%w: %s", ErrInUse, cfg.Dir)
		}
		return nil, fmt.Errorf("open store in %s: %w", cfg.Dir, err)
	}
	if kv.names, err = openNames(cfg.Dir); err != nil {
		return nil, errors.Join(err, kv.db.Close())
	}
	kv.snapshots.publish(kv.db.MaxVersion())
	kv.db.SetDiscardTs(kv.snapshots.oldest())
	kv.commits = newCommitter(kv.env())
	kv.collector = startCollector(kv)
	return kv, nil
}

// prepare looks at the files before Badger does. The lock is free again when it
// returns, for Badger to take.
func (c Config) prepare(opts badger.Options) (err error) {
	folder, err := lock(c.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if err := c.roomToOpen(); err != nil {
		return err
	}
	if err := dropUnborn(c.Dir); err != nil {
		return err
	}
	return verifyTables(c.Dir, opts)
}

// Close waits for what is under way, flushes and gives the folder free. It may be
// called twice.
func (kv *KV) Close() error {
	kv.mu.Lock()
	again := kv.closed
	kv.closed = true
	kv.mu.Unlock()
	if again {
		return nil
	}
	kv.collector.stop()
	kv.commits.stop()
	kv.users.Wait()
	if err := kv.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// enter keeps the store open until the returned func is called.
func (kv *KV) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kv.mu.Lock()
	defer kv.mu.Unlock()
	if kv.closed {
		return nil, ErrClosed
	}
	if err := kv.damaged.Load(); err != nil {
		return nil, *err
	}
	kv.users.Add(1)
	return kv.users.Done, nil
}

// Commit implements storage.KV. Once its turn has come it is seen through, even
// if ctx ends: what is reported is what happened. An error other than those of
// the interface means that the outcome is known only when the store is opened
// again, and until then it refuses all commits.
func (kv *KV) Commit(ctx context.Context, ops []storage.Op, guards []storage.Guard) error {
	return kv.commits.commit(ctx, ops, guards)
}

// Failed is what Commit gives from now on, whatever comes: since a write failed, or
// damage was found. It is nil while commits are taken.
func (kv *KV) Failed() error { return kv.commits.refusal() }
