package table

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/dchest/siphash"

	"sluice/engine/company"
)

// hash is the place of a key in an index: the first 96 bits of its keyed
// 128-bit hash. At a billion domains the odds that any two meet are 6e-12.
type hash struct {
	hi uint64
	lo uint32
}

// keys are the secrets of one table. Nobody outside can aim at one bucket, and
// an id tells neither its neighbours nor how many there are.
type keys struct {
	dom0, dom1 uint64
	id0, id1   uint64
	mix        uint64
}

func deriveKeys(secret []byte, tenant string) keys {
	part := func(label string) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(label))
		m.Write([]byte(tenant))
		return m.Sum(nil)
	}
	a, b := part("sluice table hash\x00"), part("sluice table id\x00")
	u := binary.LittleEndian.Uint64
	return keys{dom0: u(a), dom1: u(a[8:]), mix: u(a[16:]), id0: u(b), id1: u(b[8:])}
}

func (k *keys) domain(d []byte) hash {
	hi, lo := siphash.Hash128(k.dom0, k.dom1, d)
	return hash{hi, uint32(lo)}
}

// birth is where a moved row's first record number stands in the index of ids.
// The mix is a bijection, so no two births ever meet.
func (k *keys) birth(rec uint64) hash {
	x := rec ^ k.mix
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return hash{hi: x ^ x>>31}
}

// An id is a UUID of version 8 whose other 122 bits are a record number of 64
// bits and 58 zero bits, scrambled by a Feistel network of four rounds. The
// zeros tell a made-up id from ours without any look-up.
const (
	idPadBits  = 58
	idPadMask  = 1<<idPadBits - 1
	uuidV8     = 8 << 12
	uuidTagged = 0b10 << 62
)

func (k *keys) round(n, x uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	return siphash.Hash(k.id0^n, k.id1, b[:])
}

// id returns the id of the row first stored as rec.
func (k *keys) id(rec uint64) company.ID {
	right, left := rec, uint64(0)
	left ^= k.round(1, right) & idPadMask
	right ^= k.round(2, left)
	left ^= k.round(3, right) & idPadMask
	right ^= k.round(4, left)
	top := right >> 4 // 60 bits around the version
	var id company.ID
	binary.BigEndian.PutUint64(id[:], top>>12<<16|uuidV8|top&0xFFF)
	binary.BigEndian.PutUint64(id[8:], uuidTagged|right&15<<idPadBits|left)
	return id
}

// record is the inverse of id; false where id is not one of this table.
func (k *keys) record(id company.ID) (uint64, bool) {
	hi, lo := binary.BigEndian.Uint64(id[:]), binary.BigEndian.Uint64(id[8:])
	if hi&0xF000 != uuidV8 || lo>>62 != uuidTagged>>62 {
		return 0, false
	}
	right := (hi>>16<<12|hi&0xFFF)<<4 | lo>>idPadBits&15
	left := lo & idPadMask
	right ^= k.round(4, left)
	left ^= k.round(3, right) & idPadMask
	right ^= k.round(2, left)
	left ^= k.round(1, right) & idPadMask
	return right, left == 0
}
