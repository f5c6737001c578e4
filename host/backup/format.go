package backup

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/zeebo/xxh3"

	"sluice/storage"
)

// A backup is a stream of blocks, little-endian:
//
//	u32 bytes of the payload, u64 XXH3 of the payload seeded with the block's
//	number from 0, payload
//
// The first byte of a payload is its kind:
//
//	'H' header   once, first: "SLUICEBK", u8 format version, 16 bytes id of the
//	             store, u64 since, u64 at, i64 Unix milliseconds
//	'K' keys     in order over all blocks; each: uvarint length and bytes of the
//	             key; uvarint 0 where it is unchanged since the header's since,
//	             else length + 1 and bytes of the value
//	'F' file     an upload: u64 bytes, then its id
//	'D' data     the next bytes of the file begun last
//	'E' end      once, last: u64 keys, u64 files
//
// So a flipped byte is found in its block, a lost or doubled block by its number,
// and a stream that was cut off by the missing end.
const (
	magic         = "SLUICEBK"
	formatVersion = 1

	kindHeader = 'H'
	kindKeys   = 'K'
	kindFile   = 'F'
	kindData   = 'D'
	kindEnd    = 'E'

	blockHead  = 4 + 8
	blockBytes = 256 << 10 // a block is written once it has this much
	maxBlock   = blockBytes + storage.MaxKeyBytes + storage.MaxCommitBytes + 2*binary.MaxVarintLen64
)

// ErrDamaged is what a stream gives that is not, or not wholly, a backup.
var ErrDamaged = errors.New("backup is damaged")

// StoreID names a store; it is made with the store's first backup.
type StoreID [16]byte

// MarshalText writes an id as people and JSON have it.
func (id StoreID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *StoreID) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(id) {
		return fmt.Errorf("%q is no id of a store", text)
	}
	_, err := hex.Decode(id[:], text)
	return err
}

// Header says which state a backup holds.
type Header struct {
	Store StoreID   `json:"store"`
	Since uint64    `json:"since"` // 0: everything; else the state that it builds upon
	At    uint64    `json:"at"`
	Made  time.Time `json:"made_at"`
}

const headerBytes = 1 + len(magic) + 1 + 16 + 8 + 8 + 8

func (h Header) encode() []byte {
	b := append([]byte{kindHeader}, magic...)
	b = append(append(b, formatVersion), h.Store[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.Since)
	b = binary.LittleEndian.AppendUint64(b, h.At)
	return binary.LittleEndian.AppendUint64(b, uint64(h.Made.UnixMilli()))
}

func decodeHeader(b []byte) (h Header, err error) {
	if len(b) != headerBytes || b[0] != kindHeader || string(b[1:1+len(magic)]) != magic {
		return h, fmt.Errorf("%w: it does not begin as one", ErrDamaged)
	}
	b = b[1+len(magic):]
	if b[0] != formatVersion {
		return h, fmt.Errorf("backup has the format version %d; this program knows %d", b[0], formatVersion)
	}
	copy(h.Store[:], b[1:])
	b = b[17:]
	h.Since, h.At = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	h.Made = time.UnixMilli(int64(binary.LittleEndian.Uint64(b[16:]))).UTC()
	return h, nil
}

// Point is where a later backup goes on: what Since is asked with.
func (h Header) Point() string { return fmt.Sprintf("%x-%d", h.Store, h.At) }

// blockWriter writes blocks.
type blockWriter struct {
	w io.Writer
	n uint64 // blocks so far
	b []byte
}

func (w *blockWriter) write(payload []byte) error {
	b := binary.LittleEndian.AppendUint32(w.b[:0], uint32(len(payload)))
	b = binary.LittleEndian.AppendUint64(b, xxh3.HashSeed(payload, w.n))
	w.b = append(b, payload...)
	w.n++
	_, err := w.w.Write(w.b)
	return err
}

// blockReader reads blocks.
type blockReader struct {
	r io.Reader
	n uint64
	b []byte
}

// next returns the next payload, valid until the following call.
func (r *blockReader) next() ([]byte, error) {
	var head [blockHead]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return nil, r.broken(err)
	}
	size := int(binary.LittleEndian.Uint32(head[:]))
	if size < 1 || size > maxBlock {
		return nil, fmt.Errorf("%w: block %d has %d bytes", ErrDamaged, r.n, size)
	}
	if cap(r.b) < size {
		r.b = make([]byte, size)
	}
	r.b = r.b[:size]
	if _, err := io.ReadFull(r.r, r.b); err != nil {
		return nil, r.broken(err)
	}
	if binary.LittleEndian.Uint64(head[4:]) != xxh3.HashSeed(r.b, r.n) {
		return nil, fmt.Errorf("%w: block %d has another checksum", ErrDamaged, r.n)
	}
	r.n++
	return r.b, nil
}

func (r *blockReader) broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends in block %d", ErrDamaged, r.n)
	}
	return fmt.Errorf("read backup: %w", err)
}
