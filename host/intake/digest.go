package intake

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// Digest tells one decoded body from another: XXH3-128, and the length.
//
// It is what an idempotent retry is recognised by, so it costs every byte of a
// keyed upload. XXH3 takes 0.05 s a gigabyte, SHA-256 0.6 s with the CPU's
// instructions and over 2 s without. XXH3 does not withstand somebody who looks
// for two bodies with one digest, but that somebody holds the key: all he gets
// is his own earlier answer in place of a 422. By accident 128 bits never meet.
type Digest [24]byte

// digester hashes a body. A nil one does nothing.
type digester struct {
	h *xxh3.Hasher
	n int64
}

func (d *digester) write(p []byte) {
	if d == nil {
		return
	}
	d.n += int64(len(p))
	_, _ = d.h.Write(p) // never fails
}

// writeString adds a string and its length, so that neighbours can't run
// together.
func (d *digester) writeString(s string) {
	if d == nil {
		return
	}
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(s)))
	d.write(size[:])
	d.write([]byte(s))
}

func (d *digester) sum() Digest {
	var s Digest
	if d != nil {
		b := d.h.Sum128().Bytes()
		copy(s[:], b[:])
		binary.LittleEndian.PutUint64(s[16:], uint64(d.n))
	}
	return s
}

// Sum returns the digest of a body that is in memory.
func Sum(body []byte) Digest {
	d := digester{h: xxh3.New()}
	d.write(body)
	return d.sum()
}

// Combine returns one hash of several texts, each with its length.
func Combine(texts ...string) [16]byte {
	d := digester{h: xxh3.New()}
	for _, t := range texts {
		d.writeString(t)
	}
	return d.h.Sum128().Bytes()
}
