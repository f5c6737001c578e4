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

// masks says where a block has what: bit i is its byte i.
type masks struct {
	delims uint64
	ends   uint64 // LF and CR
	quotes uint64
	odd    uint64 // bytes that end an odd number of the block's quotes
}

// classify returns the masks of the next blocks, of at most n bytes of p and the
// padding behind them, valid until the next call. It looks no further ahead than
// was scanned since a row's start: a malformed row makes what is ahead useless.
func (d *Decoder) classify(p []byte, n, scanned int) []masks {
	blocks := min((n+blockBytes-1)/blockBytes, max(scanned/blockBytes, 1), len(d.ahead))
	d.needles.classify(d.ahead[:blocks], p)
	return d.ahead[:blocks]
}

// classifyWords is classify on every processor: eight bytes at a time.
func (n *needles) classifyWords(dst []masks, p []byte) {
	for i := range dst {
		dst[i] = n.block((*[blockBytes]byte)(p[i*blockBytes:]))
	}
}

func (n *needles) block(p *[blockBytes]byte) masks {
	d0, e0, q0 := n.word(binary.LittleEndian.Uint64(p[0:8]))
	d1, e1, q1 := n.word(binary.LittleEndian.Uint64(p[8:16]))
	d2, e2, q2 := n.word(binary.LittleEndian.Uint64(p[16:24]))
	d3, e3, q3 := n.word(binary.LittleEndian.Uint64(p[24:32]))
	d0 |= d1<<8 | d2<<16 | d3<<24
	e0 |= e1<<8 | e2<<16 | e3<<24
	q0 |= q1<<8 | q2<<16 | q3<<24
	d4, e4, q4 := n.word(binary.LittleEndian.Uint64(p[32:40]))
	d5, e5, q5 := n.word(binary.LittleEndian.Uint64(p[40:48]))
	d6, e6, q6 := n.word(binary.LittleEndian.Uint64(p[48:56]))
	d7, e7, q7 := n.word(binary.LittleEndian.Uint64(p[56:64]))
	d0 |= d4<<32 | d5<<40 | d6<<48 | d7<<56
	e0 |= e4<<32 | e5<<40 | e6<<48 | e7<<56
	q0 |= q4<<32 | q5<<40 | q6<<48 | q7<<56
	q0 &= n.keep
	return masks{delims: d0, ends: e0, quotes: q0, odd: prefixXor(q0)}
}

// word does eight bytes. For 7-bit z and c, (z^c)+0x7f has its top bit clear just
// when z equals c, and never carries into the next byte; a byte over 0x7f keeps
// the top bit of x, so it never matches.
func (n *needles) word(x uint64) (delims, ends, quotes uint64) {
	z := x & low7
	d := (z ^ n.delims) + low7
	e := ((z ^ lfs) + low7) & ((z ^ crs) + low7)
	q := (z ^ n.quotes) + low7
	return ^(d | x) & high1 * gather >> 56, ^(e | x) & high1 * gather >> 56, ^(q | x) & high1 * gather >> 56
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
func (g *quoting) step(m *masks) verdict {
	in := m.odd ^ g.inside
	seps := m.delims | m.ends
	open, closed := m.quotes&in, m.quotes&^in
	free := seps&^in | closed
	v := verdict{
		inside: in,
		bare:   open &^ (free<<1 | g.mayOpen),
		after:  (closed<<1 | g.wasClosed) &^ (seps | m.quotes),
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
