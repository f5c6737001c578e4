package storage

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// Every stored value has this envelope, little-endian:
//
//	offset  size  field
//	0       1     kind of the value, so that no reader takes one for another
//	1       1     format version of the payload
//	2       8     checksum of key, kind, version and payload
//	10            payload
//
// The checksum is XXH3-64: at 10 KB–1 MB it runs as fast as memory is read, and
// 64 bits leave no doubt in a store of billions of values, which the 32 of CRC-32C
// would. It covers the key, so that a value that turns up at the wrong key, or in
// the wrong tenant, is found. It is not a signature: it finds accidents.
const (
	kindOffset    = 0
	versionOffset = 1
	sumOffset     = 2

	// Overhead is the number of bytes that Seal adds to a payload.
	Overhead = 10
)

// Seal appends the value to store at key to dst: payload in its envelope.
func Seal(dst, key []byte, kind, version byte, payload []byte) []byte {
	dst = append(dst, kind, version)
	dst = binary.LittleEndian.AppendUint64(dst, checksum(key, kind, version, payload))
	return append(dst, payload...)
}

// Open returns the payload of the value found at key, a view of value, and its
// format version. ErrDamaged means that the value is not what Seal made for this
// key and kind; the caller wraps it with what it was reading.
func Open(key, value []byte, kind byte) (version byte, payload []byte, err error) {
	if len(value) < Overhead || value[kindOffset] != kind {
		return 0, nil, ErrDamaged
	}
	version, payload = value[versionOffset], value[Overhead:]
	if binary.LittleEndian.Uint64(value[sumOffset:]) != checksum(key, kind, version, payload) {
		return 0, nil, ErrDamaged
	}
	return version, payload, nil
}

// checksum seeds the hash of the payload with that of the rest, which needs no
// copy into one buffer.
func checksum(key []byte, kind, version byte, payload []byte) uint64 {
	return xxh3.HashSeed(payload, xxh3.HashSeed(key, uint64(kind)<<8|uint64(version)))
}
