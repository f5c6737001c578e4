package spool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"sluice/storage"
)

// Reader reads a spool at any offset, from several goroutines. It stays readable
// when the spool is removed.
type Reader struct {
	id     string
	read   func(f *os.File, p []byte, off int64) (int, error)
	file   *os.File
	plain  bool    // of the earlier format, without checksums
	growth *growth // of a spool that was being written when opened, else nil
	size   int64   // of one that was complete
}

// Reader opens a spool, also one that is being written. One that does not exist
// gives storage.ErrNotFound.
func (s *Spool) Reader(id string) (*Reader, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	r := &Reader{id: id, read: s.opts.Calls.Read}
	r.growth = s.growth(id) // before the file: it may end in between, and then says so
	var err error
	r.file, err = os.Open(s.path(id, suffix))
	if errors.Is(err, fs.ErrNotExist) {
		r.plain = true
		r.file, err = os.Open(s.path(id, plainSuffix))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open spool: %w", storage.ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	if err := r.measure(); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), r.file.Close())
	}
	return r, nil
}

func (r *Reader) measure() error {
	info, err := r.file.Stat()
	if err != nil || r.growth != nil {
		return err
	}
	whole := true
	if r.size = info.Size(); !r.plain {
		r.size, whole = uploadBytes(r.size)
	}
	if !whole {
		return damaged("it ends within a checksum, at byte %d of the file", info.Size())
	}
	return nil
}

// ReadAt implements io.ReaderAt. What it gives is as it was written: bytes whose
// block has another checksum are an error that wraps storage.ErrDamaged. At the
// end of what has been written it gives io.EOF, whether more is to come or not:
// Wait knows.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if r.plain || off < 0 {
		return r.read(r.file, p, off)
	}
	size := r.Size()
	var end error
	if rest := max(size-off, 0); rest < int64(len(p)) {
		p, end = p[:rest], io.EOF
	}
	buf := groups.Get().(*[groupBytes]byte)
	defer groups.Put(buf)
	for n < len(p) {
		held, err := r.group(buf[:], p[n:], off+int64(n), size)
		n += held
		if err != nil {
			return n, err
		}
	}
	return n, end
}

// group reads as many bytes from off as one group of blocks holds, by way of buf.
// After an error those before the damage count.
func (r *Reader) group(buf, p []byte, off, size int64) (n int, err error) {
	block, skip := off/dataBytes, int(off%dataBytes)
	blocks := min((skip+len(p)+dataBytes-1)/dataBytes, groupBlocks)
	left := int(min(size-block*dataBytes, int64(blocks)*dataBytes)) // in these blocks
	buf = buf[:left+blocks*sumBytes]
	got, err := r.read(r.file, buf, block*fullBytes)
	if got == len(buf) || errors.Is(err, io.EOF) {
		err = nil
	}
	for ; err == nil && n < len(p) && left > 0; block++ {
		held := min(left, dataBytes)
		if got < held+sumBytes {
			return n, damaged("it ends in block %d of %d bytes, after %d", block, held, got)
		}
		data := buf[:held]
		if binary.LittleEndian.Uint64(buf[held:]) != blockSum(r.id, block, data) {
			from := block * dataBytes
			return n, damaged("block %d, bytes %d to %d, has another checksum", block, from, from+int64(held)-1)
		}
		n += copy(p[n:], data[skip:])
		skip = 0
		left -= held
		buf, got = buf[held+sumBytes:], got-held-sumBytes
	}
	return n, err
}

// Size returns the bytes of the upload that can be read by now.
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
