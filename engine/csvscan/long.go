package csvscan

import (
	"math/bits"

	"sluice/engine/batch"
)

// extent is what scanning a single row without its cells tells. A row with wrong
// quotes is its first line.
type extent struct {
	end, next int64 // the row's end without and with its line end
	bad       bool
	why       reason
	column    int // cells before the last, or before the bad one if it is on the first line
}

// measure scans the row at start, however long, by way of the window.
func (d *Decoder) measure(start int64) (extent, error) {
	g := rowStart()
	var x extent
	for off := start; ; {
		p, last, err := d.view(off)
		if err != nil {
			return extent{}, err
		}
		padded := p[:len(p)+blockBytes]
		whole := len(p)
		if !last {
			whole &^= blockBytes - 1
		}
		var ahead []masks
		for at := 0; at < whole; at += blockBytes {
			if len(ahead) == 0 {
				ahead = d.classify(padded[at:], whole-at, at)
			}
			m := &ahead[0]
			ahead = ahead[1:]
			v := g.step(m)
			bad := v.bare | v.after
			if rest := len(p) - at; rest < blockBytes {
				bad &= 1<<rest - 1
			}
			for events := (m.delims | m.ends) &^ v.inside & (bad&-bad - 1); events != 0; events &= events - 1 {
				i := at + bits.TrailingZeros64(events)
				if p[i] != d.dialect.Delimiter {
					x.end = off + int64(i)
					_, x.next, err = d.lineFrom(x.end)
					return x, err
				}
				x.column++
			}
			if bad != 0 {
				x.why = afterQuote
				if bad&-bad&v.bare != 0 {
					x.why = bareQuote
				}
				return d.firstLine(x, start, off+int64(at+bits.TrailingZeros64(bad)))
			}
		}
		off += int64(whole)
		if last && g.inside != 0 {
			return d.firstLine(x, start, off)
		}
		if last {
			x.end, x.next = off, off
			return x, nil
		}
	}
}

// firstLine makes x the first line of a row whose quotes are wrong at bad.
func (d *Decoder) firstLine(x extent, start, bad int64) (extent, error) {
	var err error
	x.bad = true
	x.end, x.next, err = d.lineFrom(start)
	if x.end < bad {
		x.why, x.column = leftOpen, batch.NoColumn
	}
	return x, err
}

// longRow makes a batch of the one row at the position, which is longer than
// MaxRow or malformed over more than that. The start of it fills b's arena.
func (d *Decoder) longRow(b *batch.Batch) error {
	start := d.pos.Offset
	x, err := d.measure(start)
	if err != nil {
		return err
	}
	f := tooLarge()
	if x.bad {
		if x.column >= d.cols {
			x.column = batch.NoColumn
		}
		f = malformed(x.why, x.column)
	}
	lines, err := d.linesIn(start, x.next)
	if err != nil {
		return err
	}
	b.Arena = b.Arena[:MaxRaw]
	b.Rows = append(b.Rows, batch.Row{
		Number: d.pos.Row + 1, Line: d.pos.Line,
		End: x.next, EndLine: d.pos.Line + lines,
		RawLen: uint32(min(x.end-start, MaxRaw)),
	})
	b.AbsentRow()
	b.Fail(0, f.Column, f.Code, f.Message)
	d.pos = Position{Offset: x.next, Row: d.pos.Row + 1, Line: d.pos.Line + lines}
	return nil
}
