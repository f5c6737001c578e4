package csvscan

const (
	// SniffBytes is how much of a file's start Sniff should see.
	SniffBytes = 64 << 10

	sniffRows = 500
)

// Sniff finds the dialect of a file that starts with head: comma, semicolon, tab
// or pipe, in double or single quotes. It reads head in every dialect and takes
// the one that makes the best table: rows of one width, the header's own, few of
// them malformed. A file of one column is Default.
func Sniff(head []byte) Dialect { return SniffWith(head, Dialect{}) }

// SniffWith is Sniff where the caller has fixed the bytes that are not zero.
func SniffWith(head []byte, fixed Dialect) Dialect {
	head = head[:min(len(head), SniffBytes)]
	cut := len(head) == SniffBytes
	delims, quotes := []byte{',', ';', '\t', '|'}, []byte{'"', '\''}
	if fixed.Delimiter != 0 {
		delims = []byte{fixed.Delimiter}
	}
	if fixed.Quote != 0 {
		quotes = []byte{fixed.Quote}
	}
	best, bestScore := Dialect{delims[0], quotes[0]}, 0.0
	widths := make(map[int]int)
	for _, quote := range quotes {
		for _, delim := range delims {
			d := Dialect{Delimiter: delim, Quote: quote}
			clear(widths)
			t := survey(head, cut, d, widths)
			if quote == '\'' && fixed.Quote == 0 && !t.apostrophes() {
				continue
			}
			if score := t.score(); score > bestScore {
				best, bestScore = d, score
			}
		}
	}
	return best
}

// table is what a head looks like in one dialect.
type table struct {
	rows      int
	malformed int
	header    int // cells of the first row
	quoted    int // quoted cells
	cells     int
	spaced    int         // delimiters before a space, as in prose
	widths    map[int]int // rows by number of cells
}

// survey reads the first rows of head. The row that the end of head cuts counts
// only if it is the first. The table takes the empty map over.
func survey(head []byte, cut bool, d Dialect, widths map[int]int) table {
	t := table{widths: widths}
	for len(head) > 0 && t.rows < sniffRows {
		row := sniffRow(head, d)
		if cut && t.rows > 0 && (row.open || row.end == len(head)) {
			break
		}
		if row.end > 0 {
			t.rows++
			t.cells += row.cells
			t.quoted += row.quoted
			t.spaced += row.spaced
			if row.bad {
				t.malformed++
			} else {
				t.widths[row.cells]++
			}
			if t.rows == 1 {
				t.header = row.cells
			}
		}
		head = head[min(row.end+1, len(head)):]
	}
	return t
}

// apostrophes reports whether single quotes are used as quotes: apostrophes are
// common in text, quotes come in most rows or not at all.
func (t table) apostrophes() bool { return t.malformed == 0 && 2*t.quoted >= t.rows }

// score is zero for what is no table.
func (t table) score() float64 {
	if t.rows == 0 {
		return 0
	}
	width, agree := 0, 0
	for w, n := range t.widths {
		if n > agree || n == agree && w > width {
			width, agree = w, n
		}
	}
	if width < 2 && t.header < 2 {
		return 0
	}
	share := float64(agree) / float64(t.rows)
	score := share
	if width < 2 {
		score = 0.1 * share
	}
	if t.header == width {
		score += 0.5
	}
	score += 0.2 * float64(t.quoted) / float64(t.cells)
	score -= 0.4 * float64(t.spaced) / float64(t.cells)
	score -= float64(t.malformed) / float64(t.rows)
	score += 0.3 * (1 - 1/float64(width))
	return max(score, 0.001)
}

// sniffed is one row of a head.
type sniffed struct {
	cells, quoted, spaced int
	end                   int // its end, without the line end
	bad                   bool
	open                  bool // bad for a quote that p leaves open
}

// sniffRow reads the first row of p. A malformed one ends with its first line.
func sniffRow(p []byte, d Dialect) sniffed {
	var r sniffed
	i := 0
	for {
		if i < len(p) && p[i] == d.Quote {
			r.quoted++
			i = closing(p, i+1, d.Quote)
			r.open = i > len(p)
			r.bad = r.open || i < len(p) && p[i] != d.Delimiter && p[i] != '\n' && p[i] != '\r'
		} else {
			for i < len(p) && p[i] != d.Delimiter && p[i] != '\n' && p[i] != '\r' && p[i] != d.Quote {
				i++
			}
			r.bad = i < len(p) && p[i] == d.Quote
		}
		r.cells++
		if r.bad {
			r.end = lineEnd(p)
			return r
		}
		if i == len(p) || p[i] != d.Delimiter {
			r.end = i
			return r
		}
		if i++; i < len(p) && p[i] == ' ' {
			r.spaced++
		}
	}
}

// closing returns the index behind the quote that ends a cell, or beyond p.
func closing(p []byte, i int, quote byte) int {
	for ; i < len(p); i++ {
		if p[i] != quote {
			continue
		}
		if i++; i == len(p) || p[i] != quote {
			return i
		}
	}
	return len(p) + 1
}
