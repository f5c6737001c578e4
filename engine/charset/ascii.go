package charset

import (
	"encoding/binary"
	"math/bits"
)

const highBits = 0x8080808080808080

// asciiLen returns how many ASCII bytes p starts with.
func asciiLen(p []byte) int {
	i := 0
	for ; len(p)-i >= 64; i += 64 {
		b := p[i : i+64 : i+64]
		x := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:]) |
			binary.LittleEndian.Uint64(b[32:]) | binary.LittleEndian.Uint64(b[40:]) |
			binary.LittleEndian.Uint64(b[48:]) | binary.LittleEndian.Uint64(b[56:])
		if x&highBits != 0 {
			break
		}
	}
	for ; len(p)-i >= 8; i += 8 {
		if x := binary.LittleEndian.Uint64(p[i:]) & highBits; x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < len(p) && p[i] < 0x80 {
		i++
	}
	return i
}
