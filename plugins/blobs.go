package plugins

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// A module is stored under its hash in pieces that stay far below a commit's
// limit; several names and versions may share it. A hash is only referred to once
// all of its pieces are there.
const (
	blobPiece = 1 << 20
	perCommit = 4 // pieces

	// keepFor is how long what jobs may need outlives what users see: a job and
	// its errors stay 7 days.
	keepFor = 8 * 24 * time.Hour
)

func (r *Registry) putBlob(ctx context.Context, tenant, hash string, wasm []byte) error {
	prefix := tuple.New(tenant, kindBlob).String(hash)
	var changes []Change
	for i := uint64(0); len(wasm) > 0; i++ {
		n := min(len(wasm), blobPiece)
		changes = append(changes, Change{append(tuple.Key(nil), prefix...).Uint64(i), wasm[:n]})
		if wasm = wasm[n:]; len(changes) < perCommit && len(wasm) > 0 {
			continue
		}
		if err := r.records.Write(ctx, changes); err != nil {
			return fmt.Errorf("store module: %w", err)
		}
		changes = nil
	}
	return nil
}

// blob returns a stored module.
func (r *Registry) blob(ctx context.Context, tenant, hash string) ([]byte, error) {
	var wasm []byte
	err := r.records.Records(ctx, tuple.New(tenant, kindBlob).String(hash), nil, func(_ tuple.Key, value []byte) (bool, error) {
		wasm = append(wasm, value...)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	if Hash(wasm) != hash {
		return nil, fault.New(fault.ImportFailed, "the plugin's module is no longer stored; upload it again")
	}
	return wasm, nil
}

// tidy removes what was kept for jobs that are over by now.
func (r *Registry) tidy(ctx context.Context, tenant string) error {
	var hashes []string
	var changes []Change
	old := r.now().Add(-keepFor)
	expired := func(kind string, also func(part string)) error {
		prefix := tuple.New(tenant, kind)
		return r.records.Records(ctx, prefix, nil, func(key tuple.Key, value []byte) (bool, error) {
			if at, ok := cutTime(value); ok && at.Before(old) {
				part, _, err := key[len(prefix):].CutString()
				if err != nil {
					return false, err
				}
				also(part)
				changes = append(changes, Change{Key: append(tuple.Key(nil), key...)})
			}
			return len(changes) < 100, nil
		})
	}
	err := errors.Join(
		expired(kindGone, func(hash string) { hashes = append(hashes, hash) }),
		expired(kindBundle, func(string) {}))
	for _, hash := range hashes {
		err = errors.Join(err, r.records.Records(ctx, tuple.New(tenant, kindBlob).String(hash), nil,
			func(key tuple.Key, _ []byte) (bool, error) {
				changes = append(changes, Change{Key: append(tuple.Key(nil), key...)})
				return true, nil
			}))
	}
	// At most 100 hashes of 8 pieces, and 100 bundles: within one commit unless
	// modules may be far larger than by default.
	for len(changes) > 0 && err == nil {
		n := min(len(changes), 500)
		err = r.records.Write(ctx, changes[:n])
		changes = changes[n:]
	}
	if err != nil {
		return fmt.Errorf("tidy plugins: %w", err)
	}
	return nil
}

// timeRecord is a time as a record, or the beginning of one.
func timeRecord(t time.Time) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(t.UnixMilli()))
}

func cutTime(value []byte) (time.Time, bool) {
	if len(value) < 8 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.LittleEndian.Uint64(value))), true
}
