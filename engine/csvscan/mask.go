package csvscan

import "encoding/binary"

// blockBytes is how many bytes one step of the scanner looks at: a bit each in
// a 64-bit mask.
const blockBytes = 64

const (
	low7  = 0x7f7f7f7f7f7f7f7f
	high1 = 0x8080808080808080
	ones  = 0x0101010101010101

	lfs = '\n' * ones
	crs = '\r' * ones

	// gather moves the top bit of byte j to bit 56+j, so that a product's top
	// byte holds the eight top bits.
	gather = 0x0002040810204081
)

// needles are the bytes looked for, each repeated through a word. A dialect
// without quotes has quotes = 0 and keep = 0, which drops all quote hits.
type needles struct {
	delims, quotes, keep uint64
}

func newNeedles(d Dialect) needles {
	n := needles{delims: uint64(d.Delimiter) * ones, quotes: uint64(d.Quote) * ones}
	if d.Quote != 0 {
		n.keep = ^uint64(0)
	}
	return n
}

// masks returns where p has a delimiter or a line end byte, and where a quote.
// It takes eight bytes at a time: for 7-bit bytes z and c, (z^c)+0x7f has its top
// bit clear just when z equals c, and never carries into the next byte; a byte
// over 0x7f keeps the top bit of x, so it never matches.
func (n *needles) masks(p *[blockBytes]byte) (seps, quotes uint64) {
	delim, quote := n.delims, n.quotes
	for i := 0; i < blockBytes; i += 8 {
		x := binary.LittleEndian.Uint64(p[i : i+8 : i+8])
		z := x & low7
		s := ((z ^ delim) + low7) & ((z ^ lfs) + low7) & ((z ^ crs) + low7)
		q := (z ^ quote) + low7
		s = ^(s | x) & high1
		q = ^(q | x) & high1
		seps |= (s * gather) >> 56 << i
		quotes |= (q * gather) >> 56 << i
	}
	return seps, quotes & n.keep
}

// quoting is what a scanner must know of the bytes before a block.
type quoting struct {
	inside    uint64 // all ones: inside quotes
	mayOpen   uint64 // 1: the last byte lets a quote open or go on, as a row's start does
	wasClosed uint64 // 1: the last byte closed a quote
}

// rowStart is the state at the start of a row.
func rowStart() quoting { return quoting{mayOpen: 1} }

// verdict is what the quotes of a block say about its bytes.
type verdict struct {
	inside uint64 // bytes inside quotes; of the quotes themselves, the opening ones
	bare   uint64 // quotes that may not stand there: inside an unquoted cell
	after  uint64 // bytes that follow a closing quote and may not
}

// step advances over one block. Only verdicts up to the first bad bit mean
// anything.
func (g *quoting) step(seps, quotes uint64) verdict {
	in := prefixXor(quotes) ^ g.inside
	open, closed := quotes&in, quotes&^in
	free := seps&^in | closed
	v := verdict{
		inside: in,
		bare:   open &^ (free<<1 | g.mayOpen),
		after:  (closed<<1 | g.wasClosed) &^ (seps | quotes),
	}
	g.inside = uint64(int64(in) >> 63)
	g.mayOpen = free >> 63
	g.wasClosed = closed >> 63
	return v
}

// prefixXor sets bit i to the parity of bits 0 to i.
func prefixXor(x uint64) uint64 {
	x ^= x << 1
	x ^= x << 2
	x ^= x << 4
	x ^= x << 8
	x ^= x << 16
	x ^= x << 32
	return x
}
