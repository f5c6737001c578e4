package badgerkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"sluice/storage"
)

// All keys get one byte in front: Badger keeps keys that begin with "!badger!"
// for itself, and we keep a few too, while a tenant may have any name.
const (
	dataPrefix = 'd'
	ownPrefix  = 'o' // the collector's
)

func dataKey(key []byte) []byte {
	k := make([]byte, 0, len(key)+1)
	return append(append(k, dataPrefix), key...)
}

// Get implements storage.KV.
func (kv *KV) Get(ctx context.Context, key []byte) ([]byte, uint64, error) {
	leave, err := kv.enter(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	if err := storage.CheckKey(key); err != nil {
		return nil, 0, err
	}
	snap := kv.snapshots.acquire()
	defer kv.snapshots.release(snap)
	return kv.get(snap.version, dataKey(key))
}

// readTries is how often a value is looked up: the collector may move it to
// another file and remove the first between our finding the place and reading it.
const readTries = 4

// errMoved is a value that is not where its key points to: for a moment, or lost.
var errMoved = fmt.Errorf("%w: not in the value log", storage.ErrDamaged)

// lost tells that Badger could not read a value: it says so in its log and gives an
// empty one, which must not pass for the value.
func lost(item *badger.Item, value []byte) bool { return len(value) == 0 && item.ValueSize() > 0 }

// copyValue copies an item's value over dst.
func copyValue(item *badger.Item, dst []byte) ([]byte, error) {
	value, err := item.ValueCopy(dst)
	if err == nil && lost(item, value) {
		err = errMoved
	}
	return value, err
}

func (kv *KV) get(at uint64, key []byte) (value []byte, version uint64, err error) {
	for range readTries {
		txn := kv.db.NewTransactionAt(at, false)
		var item *badger.Item
		if item, err = txn.Get(key); err == nil {
			version = item.Version()
			value, err = copyValue(item, nil)
		}
		txn.Discard()
		if err == nil {
			return value, version, nil
		}
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil, 0, storage.ErrNotFound
		}
	}
	return nil, 0, fmt.Errorf("get value: %w", err)
}

// View implements storage.KV. Meanwhile Badger's lock of the value's file is held.
func (kv *KV) View(ctx context.Context, key []byte, fn func(value []byte) error) error {
	leave, err := kv.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := storage.CheckKey(key); err != nil {
		return err
	}
	snap := kv.snapshots.acquire()
	defer kv.snapshots.release(snap)
	return kv.view(snap.version, dataKey(key), fn)
}

func (kv *KV) view(at uint64, key []byte, fn func(value []byte) error) error {
	var err error
	for range readTries {
		var given error
		seen := false
		txn := kv.db.NewTransactionAt(at, false)
		var item *badger.Item
		if item, err = txn.Get(key); err == nil {
			err = item.Value(func(value []byte) error {
				if lost(item, value) {
					return errMoved
				}
				seen, given = true, fn(value)
				return nil
			})
		}
		txn.Discard()
		if seen {
			return given
		}
		if errors.Is(err, badger.ErrKeyNotFound) {
			return storage.ErrNotFound
		}
	}
	return fmt.Errorf("view value: %w", err)
}

// version returns the version of a stored key, 0 when there is none.
func (kv *KV) version(key []byte) (uint64, error) {
	snap := kv.snapshots.acquire()
	defer kv.snapshots.release(snap)
	txn := kv.db.NewTransactionAt(snap.version, false)
	defer txn.Discard()
	item, err := txn.Get(dataKey(key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("get version: %w", err)
	}
	return item.Version(), nil
}

// Scan implements storage.KV. Values are copied one at a time into one buffer:
// giving out Badger's own bytes would hold the lock of their file, and an fn that
// commits would wait for itself; fetching ahead would hold megabytes for each
// scan, while the kernel reads ahead in a mapped file anyway.
func (kv *KV) Scan(ctx context.Context, prefix, after []byte, fn func(key, value []byte) error) error {
	leave, err := kv.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	snap := kv.snapshots.acquire()
	defer kv.snapshots.release(snap)
	return kv.scan(ctx, snap.version, prefix, after, 0, func(key, value []byte, _ bool) error { return fn(key, value) })
}

// scan is Scan of the state at a version. Of keys that did not change since
// another version it gives no value; since 0 all have changed.
func (kv *KV) scan(ctx context.Context, at uint64, prefix, after []byte, since uint64, fn func(key, value []byte, changed bool) error) error {
	txn := kv.db.NewTransactionAt(at, false)
	defer txn.Discard()

	prefix = dataKey(prefix)
	from := prefix
	if after != nil {
		// The least key greater than after, unless all of prefix is greater.
		if next := append(dataKey(after), 0); bytes.Compare(next, prefix) > 0 {
			from = next
		}
	}
	for tries := 0; ; tries++ {
		next, err := scanFrom(ctx, txn, prefix, from, since, fn)
		if errors.Is(err, storage.ErrStop) {
			return nil
		}
		if next == nil {
			return err
		}
		if !bytes.Equal(next, from) {
			from, tries = next, 0
		} else if tries == readTries {
			return fmt.Errorf("scan: %w", &storage.KeyError{Key: next[1:], Err: err})
		}
	}
}

// scanFrom is a scan from a stored key on, until fn ends it, or until a value has
// moved, whose key it returns. An error of fn is fn's, whatever it is: of another
// value that has moved, too.
func scanFrom(ctx context.Context, txn *badger.Txn, prefix, from []byte, since uint64, fn func(key, value []byte, changed bool) error) (next []byte, err error) {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	var key, value []byte
	for it.Seek(from); it.ValidForPrefix(prefix); it.Next() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		item := it.Item()
		key = item.KeyCopy(key)
		changed := item.Version() > since
		if changed {
			if value, err = copyValue(item, value); errors.Is(err, errMoved) {
				return key, err
			} else if err != nil {
				return nil, err
			}
		}
		if err := fn(key[1:], value, changed); err != nil {
			return nil, err
		}
	}
	return nil, ctx.Err()
}
