package storage

import (
	"errors"
	"fmt"
)

// MaxKeyBytes is the longest key. The longest part of a key that a caller
// chooses is an Idempotency-Key of 255 bytes.
const MaxKeyBytes = 1 << 10

// ErrKey is what an empty or over-long key gives.
var ErrKey = errors.New("storage: key is empty or too long")

// CheckKey reports whether key can be stored.
func CheckKey(key []byte) error {
	if len(key) == 0 || len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrKey, len(key), MaxKeyBytes)
	}
	return nil
}

// CheckCommit applies the limits that every KV keeps to one commit: a store that
// took more would hide a bug until the engine below is changed.
func CheckCommit(ops []Op, guards []Guard) error {
	if len(ops) >= MaxCommitKeys || len(guards) >= MaxCommitKeys {
		return fmt.Errorf("%w: %d keys and %d guards, limit %d", ErrTooLarge, len(ops), len(guards), MaxCommitKeys-1)
	}
	size := 0
	for i := range ops {
		if err := CheckKey(ops[i].Key); err != nil {
			return err
		}
		size += len(ops[i].Key) + len(ops[i].Value)
	}
	if size > MaxCommitBytes {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, size, MaxCommitBytes)
	}
	for i := range guards {
		if err := CheckKey(guards[i].Key); err != nil {
			return err
		}
	}
	return nil
}
