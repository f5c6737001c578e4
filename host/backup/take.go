package backup

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/storage"
	"sluice/storage/badgerkv"
	"sluice/storage/spool"
)

// Source is what is backed up.
type Source struct {
	Store   StoreID
	States  func(ctx context.Context) (*badgerkv.State, error)
	Uploads *spool.Spool

	// Pending calls fn for the id of each job in a state that has not ended: their
	// uploads are part of it.
	Pending func(ctx context.Context, at *badgerkv.State, fn func(id string) error) error
}

// Summary is what a backup holds.
type Summary struct {
	Header
	Keys    uint64 `json:"keys"`    // all that there are
	Changed uint64 `json:"changed"` // of them, those with their values
	Files   uint64 `json:"files"`   // uploads of pending jobs
	Bytes   int64  `json:"bytes"`   // of the backup
}

// openTries is how often a state is taken whose jobs all have their uploads: a job
// may end, and its upload go, between the two.
const openTries = 100

// Take writes a backup of the last state that is on disk. since is the At of an
// earlier one of this store, or 0 for all. Writers are not held up.
func Take(ctx context.Context, src Source, since uint64, w io.Writer) (Summary, error) {
	for range openTries {
		at, err := src.States(ctx)
		if err != nil {
			return Summary{}, fmt.Errorf("take state: %w", err)
		}
		files, err := openPending(ctx, src, at)
		if errors.Is(err, storage.ErrNotFound) {
			at.Release()
			continue
		}
		if err != nil {
			at.Release()
			return Summary{}, err
		}
		t := &taking{at: at, out: &counter{w: w}}
		t.sum.Header = Header{Store: src.Store, Since: since, At: at.Version(), Made: time.Now().UTC()}
		err = t.run(ctx, files)
		at.Release()
		t.sum.Bytes = t.out.n
		return t.sum, errors.Join(err, closeAll(files))
	}
	return Summary{}, errors.New("take state: jobs end faster than their uploads can be opened")
}

// Since reports whether a state can be the base of a backup at this one.
func (src Source) Since(ctx context.Context, version uint64) (bool, error) {
	at, err := src.States(ctx)
	if err != nil {
		return false, err
	}
	defer at.Release()
	return version <= at.Version(), nil
}

// upload is the open file of a pending job, which stays readable when the job ends.
type upload struct {
	id string
	*spool.Reader
}

func openPending(ctx context.Context, src Source, at *badgerkv.State) (files []upload, err error) {
	err = src.Pending(ctx, at, func(id string) error {
		r, err := src.Uploads.Reader(id)
		if err == nil {
			files = append(files, upload{id, r})
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open uploads of pending jobs: %w", err), closeAll(files))
	}
	return files, nil
}

func closeAll(files []upload) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// taking is one Take under way.
type taking struct {
	at     *badgerkv.State
	out    *counter
	blocks blockWriter
	keys   []byte // the block being filled
	sum    Summary
}

func (t *taking) run(ctx context.Context, files []upload) error {
	t.blocks.w = t.out
	if err := t.blocks.write(t.sum.encode()); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	t.keys = append(t.keys, kindKeys)
	if err := t.at.Scan(ctx, nil, t.sum.Since, t.key); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	if err := t.flush(); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	for _, f := range files {
		if err := t.file(ctx, f); err != nil {
			return fmt.Errorf("write upload %s: %w", f.id, err)
		}
	}
	end := binary.LittleEndian.AppendUint64([]byte{kindEnd}, t.sum.Keys)
	if err := t.blocks.write(binary.LittleEndian.AppendUint64(end, t.sum.Files)); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

func (t *taking) key(key, value []byte, changed bool) error {
	t.sum.Keys++
	t.keys = append(binary.AppendUvarint(t.keys, uint64(len(key))), key...)
	if changed {
		t.sum.Changed++
		t.keys = append(binary.AppendUvarint(t.keys, uint64(len(value))+1), value...)
	} else {
		t.keys = append(t.keys, 0)
	}
	if len(t.keys) >= blockBytes {
		return t.flush()
	}
	return nil
}

func (t *taking) flush() error {
	if len(t.keys) == 1 {
		return nil
	}
	err := t.blocks.write(t.keys)
	t.keys = t.keys[:1]
	return err
}

func (t *taking) file(ctx context.Context, f upload) error {
	size := f.Size()
	head := binary.LittleEndian.AppendUint64([]byte{kindFile}, uint64(size))
	if err := t.blocks.write(append(head, f.id...)); err != nil {
		return err
	}
	t.sum.Files++
	block := make([]byte, blockBytes)
	block[0] = kindData
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.ReadAt(block[1:1+min(int64(blockBytes-1), size-off)], off)
		if n == 0 {
			return err
		}
		if err := t.blocks.write(block[:1+n]); err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}
