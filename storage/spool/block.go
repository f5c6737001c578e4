package spool

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/zeebo/xxh3"

	"sluice/engine/fault"
	"sluice/storage"
)

// A spool is a row of blocks. Each holds 16 KiB of the upload, the last one what
// is left of it, and then the checksum of that, little-endian:
//
//	u64 XXH3 of the bytes, seeded with the job's id and the block's number from 0
//
// So a flipped byte is found where it lies, and so is a block at another's place.
// The length says the rest: what a job counts on is in its record.
//
// The name's end is the format's version. Earlier programs wrote ".spool" files,
// the plain bytes of the upload; those are read as they are.
const (
	suffix      = ".spool2"
	plainSuffix = ".spool"

	dataBytes = 16 << 10 // small, or reads that begin within a block read much twice
	sumBytes  = 8
	fullBytes = dataBytes + sumBytes

	groupBlocks = 16 // read at once
	groupBytes  = groupBlocks * fullBytes
)

// groups are buffers of reads.
var groups = sync.Pool{New: func() any { return new([groupBytes]byte) }}

// blockSum is the checksum of a block's bytes.
func blockSum(id string, block int64, data []byte) uint64 {
	return xxh3.HashSeed(data, xxh3.HashStringSeed(id, uint64(block)))
}

func appendSum(b []byte, id string, block int64, data []byte) []byte {
	return binary.LittleEndian.AppendUint64(b, blockSum(id, block, data))
}

// uploadBytes is how much of an upload a file of so many bytes holds; false: it
// ends within a checksum.
func uploadBytes(file int64) (int64, bool) {
	rest := file % fullBytes
	if rest == 0 {
		return file / fullBytes * dataBytes, true
	}
	return file/fullBytes*dataBytes + rest - sumBytes, rest > sumBytes
}

// damaged is the error of an upload that is not as it was received.
func damaged(format string, args ...any) error {
	return fault.Wrap(fault.Internal, storage.ErrDamaged, "the upload was damaged on the server's disk: %s; send the file again", fmt.Sprintf(format, args...))
}
