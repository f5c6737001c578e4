package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"sluice/engine/fault"
)

// startBytes are written before the disk is told to begin with them, so that the
// sync at the end has little left to wait for.
const startBytes = 2 << 20

// sink is the file of a Writer.
type sink struct {
	spool   *Spool
	growth  *growth
	f       *os.File
	size    int64
	started int64 // bytes that the disk was told to begin with
}

// write appends whole pieces or, at last, what is left; Readers see the blocks
// that have ended.
func (s *sink) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if err := s.spool.room(len(p)); err != nil {
		return err
	}
	n, err := s.spool.opts.Calls.Write(s.f, p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	n = max(n, 0)
	s.spool.size.Add(int64(n))
	if err != nil {
		return fmt.Errorf("write spool: %w", translate(err))
	}
	s.size += int64(n)
	s.growth.reach(s.size / fullBytes * dataBytes)
	return s.start()
}

// start has the disk begin with what it was not told of, once that is enough. A
// failure counts: the sync at the end need not hear of a page that is lost here.
func (s *sink) start() error {
	if s.size-s.started < startBytes {
		return nil
	}
	if err := s.spool.opts.Calls.Start(s.f, s.started, s.size-s.started); err != nil {
		return fmt.Errorf("sync spool: %w", translate(err))
	}
	s.started = s.size
	return nil
}

// sync makes all that was written durable.
func (s *sink) sync() error {
	if err := s.spool.opts.Calls.Sync(s.f); err != nil {
		return fmt.Errorf("sync spool: %w", translate(err))
	}
	if err := s.spool.opts.Calls.SyncDir(s.spool.dir); err != nil {
		return fmt.Errorf("sync spool folder: %w", translate(err))
	}
	return nil
}

// translate tells a full disk from other failures.
func translate(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Wrap(fault.Overloaded, err, "The disk is full; the upload was not kept. Try again later.")
	}
	return err
}
