package backup

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Reader reads a backup. Every call is checked against the format; what it gives
// is to be trusted only once End was given.
type Reader struct {
	Header
	counter counter
	blocks  blockReader
	rest    []byte // of a block of keys
	last    []byte // key
	sum     Summary
	left    int64 // bytes of the file at hand
	file    string
}

// Item is one thing in a backup.
type Item struct {
	Key     []byte // of the store; nil: it is of a file
	Value   []byte
	Changed bool // false: Value is as it was in the base

	File string // begins an upload
	Data []byte // goes on with it

	End bool // nothing comes after it
}

// NewReader reads the header.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{}
	r.blocks.r = &counted{bufio.NewReaderSize(in, 1<<16), &r.counter}
	payload, err := r.blocks.next()
	if err != nil {
		return nil, err
	}
	if r.Header, err = decodeHeader(payload); err != nil {
		return nil, err
	}
	r.sum.Header = r.Header
	return r, nil
}

// counted counts what is read.
type counted struct {
	r io.Reader
	c *counter
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.c.n += int64(n)
	return n, err
}

// Summary is what was read so far.
func (r *Reader) Summary() Summary {
	r.sum.Bytes = r.counter.n
	return r.sum
}

func (r *Reader) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: block %d: %s", ErrDamaged, r.blocks.n-1, fmt.Sprintf(format, args...))
}

// Next returns the next item. Its bytes are valid until the following call.
func (r *Reader) Next() (Item, error) {
	if len(r.rest) > 0 {
		return r.key()
	}
	b, err := r.blocks.next()
	if err != nil {
		return Item{}, err
	}
	kind, b := b[0], b[1:]
	if r.left > 0 && kind != kindData {
		return Item{}, r.damaged("%d bytes of the upload %s are missing", r.left, r.file)
	}
	switch {
	case kind == kindKeys && r.sum.Files == 0 && len(b) > 0:
		r.rest = b
		return r.key()
	case kind == kindFile && len(b) > 8:
		size := binary.LittleEndian.Uint64(b)
		if size > 1<<62 {
			return Item{}, r.damaged("an upload has %d bytes", size)
		}
		r.file, r.left = string(b[8:]), int64(size)
		r.sum.Files++
		return Item{File: r.file}, nil
	case kind == kindData && len(b) > 0 && int64(len(b)) <= r.left:
		r.left -= int64(len(b))
		return Item{Data: b}, nil
	case kind == kindEnd && len(b) == 16:
		keys, files := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if keys != r.sum.Keys || files != r.sum.Files {
			return Item{}, r.damaged("it has %d keys and %d uploads, and ends with %d and %d", r.sum.Keys, r.sum.Files, keys, files)
		}
		return Item{End: true}, nil
	}
	return Item{}, r.damaged("%d bytes of kind %q are not expected here", len(b), kind)
}

// key cuts the next key off the block.
func (r *Reader) key() (Item, error) {
	key, ok := r.cut(0)
	if !ok || len(key) == 0 || bytes.Compare(key, r.last) <= 0 {
		return Item{}, r.damaged("a key is cut off or out of order")
	}
	it := Item{Key: key}
	if len(r.rest) > 0 && r.rest[0] == 0 {
		r.rest = r.rest[1:]
	} else if it.Value, it.Changed = r.cut(1); !it.Changed {
		return Item{}, r.damaged("the value of key %x is cut off", key)
	}
	if !it.Changed && r.Since == 0 {
		return Item{}, r.damaged("key %x refers to a base", key)
	}
	r.last = append(r.last[:0], key...)
	r.sum.Keys++
	if it.Changed {
		r.sum.Changed++
	}
	return it, nil
}

// cut cuts bytes off that have their length, plus more, before them.
func (r *Reader) cut(more uint64) ([]byte, bool) {
	n, w := binary.Uvarint(r.rest)
	if w <= 0 || n < more || n-more > uint64(len(r.rest)-w) {
		return nil, false
	}
	b := r.rest[w : w+int(n-more)]
	r.rest = r.rest[w+int(n-more):]
	return b, true
}

// Verify reads a whole backup.
func Verify(in io.Reader) (Summary, error) {
	r, err := NewReader(in)
	if err != nil {
		return Summary{}, err
	}
	for {
		item, err := r.Next()
		if err != nil || item.End {
			return r.Summary(), err
		}
	}
}
