package plugins

import (
	"bytes"
	"strings"
	"testing"

	"sluice/engine/batch"
	"sluice/plugins/abi"
)

// Cells are copied wider than they are, which leaves nothing in the region of the
// columns between, and touches nothing behind it.
func TestWriteCells(t *testing.T) {
	in := &batch.Batch{}
	in.Reset(3)
	var want []byte
	for i := range 100 {
		in.Rows = append(in.Rows, batch.Row{Number: uint64(i + 1)})
		for col, text := range []string{strings.Repeat("a", i), strings.Repeat("#", 100-i), strings.Repeat("b", i*7%40)} {
			in.Cells = append(in.Cells, in.Append(batch.Text, []byte(text)))
			if col != 1 {
				want = append(want, text...)
			}
		}
	}
	rows := make([]uint32, len(in.Rows))
	for i := range rows {
		rows[i] = uint32(i)
	}
	for n := 1; n <= len(rows); n++ {
		o := outgoing{in: in, input: []int{0, 2}}
		o.measure(rows[:n], n, maxCallBytes)
		mem := bytes.Repeat([]byte{'!'}, o.size()+2*batch.Wide)
		const base = 8
		region, _ := abi.Bytes(mem, base, uint32(o.size()))
		o.write(region, base)
		table := region[abi.BatchSize:]
		data := table[2*n*abi.CellSize:]
		if !bytes.Equal(data, want[:len(data)]) {
			t.Fatalf("%d rows: the region holds %q, want %q", n, data, want[:len(data)])
		}
		if behind := mem[base+len(region):]; len(bytes.Trim(behind, "!")) != 0 {
			t.Fatalf("%d rows: %q stands behind the region", n, behind)
		}
		at := uint32(base + abi.BatchSize + 2*n*abi.CellSize)
		for i := range 2 * n {
			c := in.Row(i / 2)[i%2*2]
			if p := table[i*abi.CellSize:]; abi.U32(p) != at || abi.U32(p[4:]) != c.Meta {
				t.Fatalf("%d rows: cell %d is %d, %d; want %d, %d", n, i, abi.U32(p), abi.U32(p[4:]), at, c.Meta)
			}
			at += uint32(c.Len())
		}
	}
}
