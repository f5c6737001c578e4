package jsonscan

import "sluice/engine/batch"

// object decodes the object at b[i], the line in the arena from off on, into the
// cells from start on. The arena may grow meanwhile; the line's bytes stay.
func (d *Decoder) object(b *batch.Batch, text []byte, i, off, start int) (int, flaw) {
	var f flaw
	if i = skipSpace(text, i+1); i < len(text) && text[i] == '}' {
		return d.end(text, i+1)
	}
	missing := badFirstKey
	for n, prev := 0, 0; ; n++ {
		if n == MaxKeys {
			return i, tooManyKeys
		}
		k := d.keys.guess(text, i, prev)
		column := ignored
		if k != 0 {
			i += len(d.keys.list[k].pattern)
			column = d.keys.list[k].column
		} else {
			if i, k, column, f = d.key(text, i, missing); f != sound {
				return i, f
			}
			d.keys.list[prev].next = k
		}
		prev = k
		if i < len(text) && text[i] <= ' ' {
			i = skipSpace(text, i)
		}
		if column == ignored {
			if i, f = skipValue(text, i, 1); f != sound {
				return i, f
			}
		} else {
			var c batch.Cell
			if c, i, f = cell(b, text, i, off); f != sound {
				return i, f
			}
			if start+column == len(b.Cells) {
				b.Cells = append(b.Cells, c)
			} else {
				b.Cells[start+column] = c
			}
		}
		if i < len(text) && text[i] <= ' ' {
			i = skipSpace(text, i)
		}
		if i == len(text) || text[i] != ',' {
			break
		}
		if i++; i < len(text) && text[i] <= ' ' {
			i = skipSpace(text, i)
		}
		missing = badKey
	}
	if i == len(text) || text[i] != '}' {
		return i, badMember
	}
	return d.end(text, i+1)
}

// end sees that nothing follows a row's object.
func (d *Decoder) end(text []byte, i int) (int, flaw) {
	if i = skipSpace(text, i); i < len(text) {
		return i, badEnd
	}
	return i, sound
}

// key reads the key at text[i] and its colon. It returns its index in the table,
// 0 for an ignored one that the table has no room for, and its column.
func (d *Decoder) key(text []byte, i int, missing flaw) (end, k, column int, f flaw) {
	if i == len(text) || text[i] != '"' {
		return i, 0, 0, missing
	}
	end = special(text, i+1)
	name := text[i+1 : end]
	if end < len(text) && text[end] == '"' {
		end++
	} else {
		d.scratch, end, f = unescape(d.scratch[:0], text, i+1)
		if f != sound {
			return end, 0, 0, f
		}
		name = d.scratch
	}
	if len(name) > MaxKeyBytes {
		return i, 0, 0, keyTooLong
	}
	if end, f = skipColon(text, end); f != sound {
		return end, 0, 0, f
	}
	if k = d.keys.find(name); k != 0 {
		return end, k, d.keys.list[k].column, sound
	}
	if d.opts.Known != nil && !d.opts.Known(name) {
		return end, d.ignore(name), ignored, sound
	}
	if len(d.columns) == MaxColumns {
		return i, 0, 0, tooManyColumns
	}
	column = len(d.columns)
	k = d.keys.add(name, column)
	d.columns = append(d.columns, d.keys.list[k].name)
	return end, k, column, sound
}

// ignore remembers a key that is no column, as long as there is room.
func (d *Decoder) ignore(name []byte) int {
	if len(d.keys.list) > maxKnownKeys-MaxColumns+len(d.columns) {
		return 0
	}
	k := d.keys.add(name, ignored)
	if len(d.ignored) < MaxIgnored {
		d.ignored = append(d.ignored, d.keys.list[k].name)
	}
	return k
}

// cell reads the value at text[i]. A string with escapes is unescaped to the end
// of the arena, everything else is a span of the line.
func cell(b *batch.Batch, text []byte, i, off int) (batch.Cell, int, flaw) {
	if i == len(text) {
		return batch.Cell{}, i, badValue
	}
	var (
		kind batch.Kind
		end  int
		f    flaw
	)
	switch c := text[i]; {
	case c == '"':
		i++
		if end = special(text, i); end < len(text) && text[end] == '"' {
			return batch.NewCell(batch.Text, off+i, end-i), end + 1, sound
		}
		at := len(b.Arena)
		b.Arena, end, f = unescape(b.Arena, text, i)
		return batch.NewCell(batch.Text, at, len(b.Arena)-at), end, f
	case c == '{' || c == '[':
		kind = batch.JSON
		end, f = skipValue(text, i, 1)
	case c == 'n':
		end, f = skipLiteral(text, i, "null")
		return batch.NewCell(batch.Null, 0, 0), end, f
	case c == 't' || c == 'f':
		kind = batch.Bool
		end, f = skipLiteral(text, i, literal(c))
	case c == '-' || isDigit(c):
		kind = batch.Number
		end, f = skipNumber(text, i)
	default:
		return batch.Cell{}, i, badValue
	}
	return batch.NewCell(kind, off+i, end-i), end, f
}
