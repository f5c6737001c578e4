package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"sluice/storage"
	"sluice/storage/spool"
)

// ErrChain is what backups give that do not build upon each other.
var ErrChain = errors.New("backups do not belong together")

// Target is what is restored into. Both must be empty at first, and nobody else
// may use them.
type Target struct {
	KV      storage.KV
	Uploads *spool.Spool
}

// Restore brings the target to the state of a backup. base is the header of the
// one that it was brought to before, nil where it is empty. After an error the
// target is good for nothing.
func Restore(ctx context.Context, to Target, base *Header, r *Reader) (Summary, error) {
	switch {
	case base == nil && r.Since != 0:
		return Summary{}, fmt.Errorf("%w: this one holds what changed since state %d; give the one that it builds upon first", ErrChain, r.Since)
	case base != nil && (r.Store != base.Store || r.Since != base.At):
		return Summary{}, fmt.Errorf("%w: this one builds upon %x-%d, the one before it is %s", ErrChain, r.Store, r.Since, base.Point())
	}
	s := &restoring{ctx: ctx, to: to, r: r}
	// What the backup before had of uploads, this one has again, or its jobs are over.
	if _, err := to.Uploads.Sweep(func(string) bool { return false }); err != nil {
		return Summary{}, fmt.Errorf("restore: %w", err)
	}
	if err := s.run(); err != nil {
		return Summary{}, fmt.Errorf("restore: %w", err)
	}
	return r.Summary(), nil
}

// restoring is one Restore under way.
type restoring struct {
	ctx   context.Context
	to    Target
	r     *Reader
	item  Item
	ops   []storage.Op
	bytes int
}

func (s *restoring) run() error {
	if err := s.next(); err != nil {
		return err
	}
	// The keys of the target and of the backup come in the same order.
	err := s.to.KV.Scan(s.ctx, nil, nil, func(key, _ []byte) error {
		for s.item.Key != nil && bytes.Compare(s.item.Key, key) < 0 {
			if err := s.put(); err != nil {
				return err
			}
		}
		if s.item.Key == nil || !bytes.Equal(s.item.Key, key) {
			return s.add(storage.Op{Key: bytes.Clone(key), Delete: true})
		}
		if !s.item.Changed {
			return s.next()
		}
		return s.put()
	})
	for err == nil && s.item.Key != nil {
		err = s.put()
	}
	if err == nil {
		err = s.flush()
	}
	if err != nil {
		return err
	}
	return s.files()
}

// next reads the next item.
func (s *restoring) next() (err error) {
	s.item, err = s.r.Next()
	return err
}

// put stores the item at hand and reads the next one.
func (s *restoring) put() error {
	if !s.item.Changed {
		return fmt.Errorf("%w: the base has no key %x", ErrChain, s.item.Key)
	}
	if err := s.add(storage.Op{Key: bytes.Clone(s.item.Key), Value: bytes.Clone(s.item.Value)}); err != nil {
		return err
	}
	return s.next()
}

// add adds an op to the commit, or commits what there is before it.
func (s *restoring) add(op storage.Op) error {
	size := len(op.Key) + len(op.Value)
	if len(s.ops)+1 >= storage.MaxCommitKeys || s.bytes+size > storage.MaxCommitBytes {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.ops = append(s.ops, op)
	s.bytes += size
	return nil
}

func (s *restoring) flush() error {
	if len(s.ops) == 0 {
		return nil
	}
	err := s.to.KV.Commit(s.ctx, s.ops, nil)
	s.ops, s.bytes = s.ops[:0], 0
	return err
}

// files stores the uploads, up to the end of the backup.
func (s *restoring) files() error {
	for !s.item.End {
		if s.item.File == "" {
			return fmt.Errorf("%w: bytes of no upload", ErrDamaged)
		}
		if err := s.file(s.item.File); err != nil {
			return fmt.Errorf("upload %s: %w", s.item.File, err)
		}
	}
	return nil
}

func (s *restoring) file(id string) (err error) {
	w, err := s.to.Uploads.Create(id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Abort()) }() // nothing after Commit
	for {
		if err := s.next(); err != nil {
			return err
		}
		if s.item.Data == nil {
			return w.Commit()
		}
		if _, err := w.Write(s.item.Data); err != nil {
			return err
		}
	}
}
