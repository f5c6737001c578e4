package csvscan

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// modelMasks is masks by one byte after another.
func modelMasks(p []byte, d Dialect) (m masks) {
	odd := false
	for i, c := range p[:blockBytes] {
		bit := uint64(1) << i
		switch {
		case c == d.Delimiter:
			m.delims |= bit
		case c == '\n' || c == '\r':
			m.ends |= bit
		case c == d.Quote && d.Quote != 0:
			m.quotes |= bit
			odd = !odd
		}
		if odd {
			m.odd |= bit
		}
	}
	return m
}

// checkMasks compares what this processor takes and what every processor could
// with the model, over all whole blocks of p.
func checkMasks(t *testing.T, p []byte, d Dialect) {
	t.Helper()
	n := newNeedles(d)
	for _, f := range []struct {
		name string
		fill func([]masks, []byte)
	}{{"classify", n.classify}, {"classifyWords", n.classifyWords}} {
		const beyond = 0xa5
		got := make([]masks, len(p)/blockBytes+1)
		blocks := len(got) - 1
		got[blocks].odd = beyond
		f.fill(got[:blocks], p)
		var want []masks
		for i := range blocks {
			want = append(want, modelMasks(p[i*blockBytes:], d))
		}
		if diff := cmp.Diff(append(want, masks{odd: beyond}), got, cmp.AllowUnexported(masks{})); diff != "" {
			t.Fatalf("%s of %q as %q %q:\n%s", f.name, p, d.Delimiter, d.Quote, diff)
		}
	}
}

func TestMasks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, d := range dialects() {
		checkMasks(t, nil, d)
		var every []byte // each byte at each place of a block
		for c := range 256 {
			every = append(every, bytes.Repeat([]byte{byte(c)}, blockBytes)...)
		}
		checkMasks(t, every, d)
		// What differs from a byte looked for in one bit is what SWAR could mistake.
		near := []byte{d.Delimiter, d.Quote, '\n', '\r'}
		for _, c := range near[:4] {
			for bit := range 8 {
				near = append(near, c^1<<bit)
			}
		}
		for size := range 12 * blockBytes {
			p := make([]byte, size)
			for i := range p {
				p[i] = near[rng.IntN(len(near))]
			}
			checkMasks(t, p, d)
		}
	}
}

func FuzzMasks(f *testing.F) {
	for i, s := range seeds() {
		f.Add([]byte(s), byte(i))
	}
	f.Fuzz(func(t *testing.T, p []byte, dialect byte) {
		checkMasks(t, p, dialects()[int(dialect)%4])
	})
}
