package storage

import "fmt"

// Verify reports whether value is what Seal made for key, as whatever kind: it
// finds every accident that a reader of that kind would.
func Verify(key, value []byte) error {
	if len(value) < Overhead {
		return ErrDamaged
	}
	_, _, err := Open(key, value, value[kindOffset])
	return err
}

// KeyError is the failure of a Scan to read the value of one key; a scan after
// that key may go on.
type KeyError struct {
	Key []byte
	Err error
}

func (e *KeyError) Error() string { return fmt.Sprintf("value of key %x: %v", e.Key, e.Err) }

func (e *KeyError) Unwrap() error { return e.Err }
