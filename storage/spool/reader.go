package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"sluice/storage"
)

// Reader reads a spool at any offset, from several goroutines. It stays readable
// when the spool is removed.
type Reader struct {
	read   func(f *os.File, p []byte, off int64) (int, error)
	file   *os.File
	growth *growth // of a spool that was being written when opened, else nil
	size   int64   // of one that was complete
}

// Reader opens a spool, also one that is being written. One that does not exist
// gives storage.ErrNotFound.
func (s *Spool) Reader(id string) (*Reader, error) {
	path, err := s.path(id)
	if err != nil {
		return nil, err
	}
	growing := s.growth(id) // before the file: it may end in between, and then says so
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open spool: %w", storage.ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), file.Close())
	}
	return &Reader{read: s.opts.Calls.Read, file: file, growth: growing, size: info.Size()}, nil
}

// ReadAt implements io.ReaderAt. At the end of what has been written it gives
// io.EOF, whether more is to come or not: Wait knows.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) { return r.read(r.file, p, off) }

// Size returns the bytes that can be read by now.
func (r *Reader) Size() int64 {
	if r.growth != nil {
		return r.growth.bytes()
	}
	return r.size
}

// Wait returns the size once it is more than off, or once nothing more comes,
// which is when complete is true. An upload that was given up gives ErrAborted or
// the error of its writer.
func (r *Reader) Wait(ctx context.Context, off int64) (size int64, complete bool, err error) {
	if r.growth != nil {
		return r.growth.wait(ctx, off)
	}
	return r.size, true, ctx.Err()
}

// Close closes the file.
func (r *Reader) Close() error { return r.file.Close() }
