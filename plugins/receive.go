package plugins

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"unicode/utf8"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/plugins/abi"
)

// incoming is a guest's answer to one call: checked as a whole, then copied out.
// Between the two nothing else looks at the guest's memory.
type incoming struct {
	mem     []byte
	result  abi.Result
	cells   []byte // the guest's tables, as views
	source  []byte
	errors  []byte
	columns int // that are answered
	crossed int // columns that were sent
	rows    int // that were sent

	low, high uint64 // the cells' bytes lie within these bounds
	pointed   uint64 // by cells
	passed    uint64 // bytes of the cells that are passed
	bytes     uint64 // of everything: cells, what they point to, what is passed, errors
	failed    []bool // by row sent
}

// check holds the result at ptr against every rule of the ABI, and the bytes that
// copyOut would make of it against the limit. What breaks one is a Trap.
func (g *incoming) check(mem []byte, ptr uint32, o *outgoing, pass []int, l Limits) error {
	r, ok := abi.ReadResult(mem, ptr)
	if !ok {
		return trapf("the result at %d is outside of memory or not 4-byte aligned", ptr)
	}
	g.mem, g.result = mem, r
	if uint64(r.Rows) > uint64(g.rows)*uint64(l.RowsOut) {
		return trapf("the result has %d rows for %d; at most %d for each are allowed (--plugin-max-rows-out)", r.Rows, g.rows, l.RowsOut)
	}
	if uint64(r.Errors) > uint64(g.rows)*uint64(l.ErrorsOut) {
		return trapf("the result has %d errors for %d rows; at most %d for each are allowed (--plugin-max-errors)", r.Errors, g.rows, l.ErrorsOut)
	}
	if r.Source == 0 && r.Rows != 0 && int(r.Rows) != g.rows {
		return trapf("the result has %d rows for %d and no source", r.Rows, g.rows)
	}
	if g.cells, ok = abi.Table(mem, r.Cells, uint64(r.Rows)*uint64(g.columns), abi.CellSize); !ok {
		return trapf("the result's cells at %d are outside of memory or not 4-byte aligned", r.Cells)
	}
	if g.source, ok = abi.Table(mem, r.Source, uint64(r.Rows), abi.SourceSize); !ok {
		return trapf("the result's source at %d is outside of memory or not 4-byte aligned", r.Source)
	}
	if g.errors, ok = abi.Table(mem, r.ErrorsPtr, uint64(r.Errors), abi.ErrorSize); !ok {
		return trapf("the result's errors at %d are outside of memory or not 4-byte aligned", r.ErrorsPtr)
	}
	if r.Source == 0 {
		g.source = nil
	}
	if err := g.checkSource(l); err != nil {
		return err
	}
	if err := g.checkErrors(l); err != nil {
		return err
	}
	if err := g.checkPassed(o, pass, l); err != nil {
		return err
	}
	return g.checkCells(l)
}

func (g *incoming) checkSource(l Limits) error {
	last, run := uint32(0), 0
	for i := 0; i+abi.SourceSize <= len(g.source); i += abi.SourceSize {
		row := abi.U32(g.source[i:])
		if int64(row) >= int64(g.rows) {
			return trapf("source of output row %d is %d; there are %d rows", i/abi.SourceSize, row, g.rows)
		}
		if row < last {
			return trapf("source falls from %d to %d at output row %d", last, row, i/abi.SourceSize)
		}
		if row != last {
			last, run = row, 0
		}
		if run++; run > l.RowsOut {
			return trapf("row %d has more than %d output rows (--plugin-max-rows-out)", row, l.RowsOut)
		}
	}
	return nil
}

func (g *incoming) checkErrors(l Limits) error {
	g.failed = append(g.failed[:0], make([]bool, g.rows)...)
	g.bytes = uint64(len(g.errors))
	for p := g.errors; len(p) >= abi.ErrorSize; p = p[abi.ErrorSize:] {
		e := abi.ReadError(p)
		if int64(e.Row) >= int64(g.rows) {
			return trapf("an error names row %d; there are %d rows", e.Row, g.rows)
		}
		if e.Column != abi.NoColumn && int64(e.Column) >= int64(g.crossed) {
			return trapf("an error of row %d names column %d; there are %d columns", e.Row, e.Column, g.crossed)
		}
		code, ok := abi.Bytes(g.mem, e.CodePtr, e.CodeLen)
		if !ok || !abi.ValidCode(code) {
			return trapf("an error of row %d has no code of 1 to %d characters a-z, 0-9 and _", e.Row, abi.MaxCode)
		}
		message, ok := abi.Bytes(g.mem, e.MessagePtr, e.MessageLen)
		if !ok || len(message) > abi.MaxMessage || !utf8.Valid(message) {
			return trapf("an error of row %d has no message of at most %d bytes of UTF-8", e.Row, abi.MaxMessage)
		}
		g.failed[e.Row] = true
		if g.bytes += uint64(len(code) + len(message)); g.bytes > uint64(l.BytesOut) {
			return tooManyBytes(l)
		}
	}
	return nil
}

// checkPassed counts what the host will copy for each row of the answer, though
// the guest burns no fuel for it.
func (g *incoming) checkPassed(o *outgoing, pass []int, l Limits) error {
	g.passed = 0
	if len(pass) == 0 {
		return nil
	}
	g.bytes += uint64(g.result.Rows) * uint64(len(pass)) * abi.CellSize
	for i := 0; i < int(g.result.Rows) && g.bytes+g.passed <= uint64(l.BytesOut); i++ {
		cells := o.in.Row(int(o.rows[g.sourceOf(i)]))
		for _, column := range pass {
			g.passed += uint64(cells[column].Len())
		}
	}
	g.bytes += g.passed
	if g.bytes > uint64(l.BytesOut) {
		return trapf(`the result has more than %d bytes with what "pass" copies (--plugin-max-bytes-out)`, l.BytesOut)
	}
	return nil
}

// sourceOf is the row sent that row i of the answer came from.
func (g *incoming) sourceOf(i int) int {
	if g.source == nil {
		return i
	}
	return int(abi.U32(g.source[i*abi.SourceSize:]))
}

// checkCells is the loop that a plugin's price per row hangs on, so its sums are
// kept in locals.
func (g *incoming) checkCells(l Limits) error {
	size, most := uint64(len(g.mem)), uint64(l.BytesOut)
	low, high, pointed := uint64(math.MaxUint64), uint64(0), uint64(0)
	fixed := g.bytes + uint64(len(g.cells))
	for i := 0; i+abi.CellSize <= len(g.cells); i += abi.CellSize {
		p := g.cells[i : i+abi.CellSize : i+abi.CellSize]
		ptr, meta := uint64(abi.U32(p)), abi.U32(p[4:])
		n := uint64(meta & abi.MaxCell)
		if ptr+n > size {
			return g.badCell(i, "is outside of memory")
		}
		// The sum comes first: it bounds the work that the checks below do.
		if pointed += n; fixed+pointed > most {
			return tooManyBytes(l)
		}
		if kind := uint8(meta >> abi.KindShift); kind != abi.KindText {
			if what := g.badKind(kind, ptr, n); what != "" {
				return g.badCell(i, what)
			}
		}
		if n > 0 {
			low, high = min(low, ptr), max(high, ptr+n)
		}
	}
	g.low, g.high, g.pointed, g.bytes = low, high, pointed, fixed+pointed
	return nil
}

func tooManyBytes(l Limits) error {
	return trapf("the result has more than %d bytes (--plugin-max-bytes-out)", l.BytesOut)
}

// badKind says what is wrong with the n bytes at ptr of a cell that is not text.
func (g *incoming) badKind(kind uint8, ptr, n uint64) string {
	switch kind {
	case abi.KindAbsent, abi.KindNull:
		if n != 0 {
			return "is absent or null and has bytes"
		}
	case abi.KindNumber, abi.KindBool, abi.KindJSON:
		if !validJSON(kind, g.mem[ptr:ptr+n]) {
			return "is not the JSON that its kind says"
		}
	default:
		return "has an invalid kind"
	}
	return ""
}

func (g *incoming) badCell(at int, what string) error {
	cell := at / abi.CellSize
	return trapf("the cell of output row %d, column %d %s", cell/g.columns, cell%g.columns, what)
}

// validJSON reports whether p is what a cell of kind may hold.
func validJSON(kind uint8, p []byte) bool {
	switch kind {
	case abi.KindBool:
		return string(p) == "true" || string(p) == "false"
	case abi.KindNumber:
		return len(p) > 0 && (p[0] == '-' || p[0] >= '0' && p[0] <= '9') && p[len(p)-1] >= '0' && p[len(p)-1] <= '9' && json.Valid(p)
	}
	return json.Valid(p) && bytes.IndexByte([]byte(" \t\r\n"), p[0]) < 0
}

// copyOut appends the rows that did not fail to out, and the passed columns of
// o's batch, and records the errors in that batch.
func (g *incoming) copyOut(o *outgoing, out *batch.Batch, pass []int) {
	for p := g.errors; len(p) >= abi.ErrorSize; p = p[abi.ErrorSize:] {
		e := abi.ReadError(p)
		column := batch.NoColumn
		if e.Column != abi.NoColumn {
			column = o.input[e.Column]
		}
		code, _ := abi.Bytes(g.mem, e.CodePtr, e.CodeLen)
		message, _ := abi.Bytes(g.mem, e.MessagePtr, e.MessageLen)
		o.in.Fail(int(o.rows[e.Row]), column, fault.Code(code), string(message))
	}
	span, room := g.low < g.high && g.high-g.low <= 2*g.pointed+spanSlack, g.pointed
	if span {
		room = g.high - g.low // less, where cells share bytes, or more
	}
	arena := slices.Grow(out.Arena, int(room+g.passed)+batch.Wide)
	shift := uint32(len(arena)) - uint32(g.low)
	if span {
		arena = append(arena, g.mem[g.low:g.high]...)
	}
	guest := &batch.Batch{Arena: g.mem}
	width := g.columns * abi.CellSize
	own, all := g.columns, g.columns+len(pass)
	cells := slices.Grow(out.Cells, int(g.result.Rows)*all)
	for i := range int(g.result.Rows) {
		source := g.sourceOf(i)
		if g.failed[source] {
			continue
		}
		at := len(cells)
		cells = cells[:at+all]
		if span {
			readCells(cells[at:at+own], g.cells[i*width:(i+1)*width], shift)
		} else {
			arena = copyCells(cells[at:at+own], arena, guest, g.cells[i*width:(i+1)*width])
		}
		from := o.rows[source]
		arena = passCells(cells[at+own:], arena, o.in, o.in.Row(int(from)), pass)
		out.Source = append(out.Source, from)
	}
	out.Arena, out.Cells = arena, cells
}

// readCells reads a row of cells whose bytes lie shift further in the arena.
func readCells(dst []batch.Cell, row []byte, shift uint32) {
	for i := range dst {
		p := row[:abi.CellSize:abi.CellSize]
		row = row[abi.CellSize:]
		c := batch.Cell{Off: abi.U32(p) + shift, Meta: abi.U32(p[4:])}
		if c.Meta&abi.MaxCell == 0 {
			c.Off = 0 // it may point anywhere
		}
		dst[i] = c
	}
}

// copyCells reads a row of cells and appends their bytes to arena.
func copyCells(dst []batch.Cell, arena []byte, guest *batch.Batch, row []byte) []byte {
	for i := range dst {
		p := row[:abi.CellSize:abi.CellSize]
		row = row[abi.CellSize:]
		c := batch.Cell{Off: abi.U32(p), Meta: abi.U32(p[4:])}
		dst[i] = batch.Cell{Off: uint32(len(arena)), Meta: c.Meta}
		if c.Meta&abi.MaxCell == 0 {
			dst[i].Off = 0
			continue // it may point anywhere
		}
		arena = guest.AppendTo(arena, c)
	}
	return arena
}

// passCells copies a row's cells of the passed columns.
func passCells(dst []batch.Cell, arena []byte, in *batch.Batch, row []batch.Cell, pass []int) []byte {
	for i, column := range pass {
		c := row[column]
		dst[i] = batch.Cell{Off: uint32(len(arena)), Meta: c.Meta}
		arena = in.AppendTo(arena, c)
	}
	return arena
}
