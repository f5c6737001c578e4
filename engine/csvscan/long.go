package csvscan

import (
	"math/bits"

	"sluice/engine/batch"
)

// extent is what scanning a single row without its cells tells.
type extent struct {
	end, next int64 // the row's end without and with its line end
	bad       bool  // its quotes are wrong, or left open, at end
	why       reason
	column    int // cells before end
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
		for at := 0; at < whole; at += blockBytes {
			seps, quotes := d.needles.masks((*[blockBytes]byte)(padded[at:]))
			v := g.step(seps, quotes)
			bad := v.bare | v.after
			if rest := len(p) - at; rest < blockBytes {
				bad &= 1<<rest - 1
			}
			for events := seps &^ v.inside & (bad&-bad - 1); events != 0; events &= events - 1 {
				i := at + bits.TrailingZeros64(events)
				if p[i] != d.dialect.Delimiter {
					x.end = off + int64(i)
					_, x.next, err = d.lineFrom(x.end)
					return x, err
				}
				x.column++
			}
			if bad != 0 {
				x.end = off + int64(at+bits.TrailingZeros64(bad))
				x.bad, x.why = true, afterQuote
				if bad&-bad&v.bare != 0 {
					x.why = bareQuote
				}
				return x, nil
			}
		}
		off += int64(whole)
		if last {
			x.end, x.next = off, off
			x.bad, x.why = g.inside != 0, leftOpen
			return x, nil
		}
	}
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
		end, next, err := d.lineFrom(start)
		if err != nil {
			return err
		}
		column := x.column
		if end < x.end {
			x.why = leftOpen
		}
		if end < x.end || column >= d.cols {
			column = batch.NoColumn
		}
		f = malformed(x.why, column)
		x.end, x.next = end, next
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
