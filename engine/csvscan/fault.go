package csvscan

import (
	"fmt"

	"sluice/engine/batch"
	"sluice/engine/fault"
)

// reason says what is wrong with a malformed row.
type reason uint8

const (
	leftOpen reason = iota
	bareQuote
	afterQuote
)

var reasons = [...]string{
	leftOpen:   "a quote opened on this line is not closed properly; a cell that starts with a quote ends with one, and quotes inside it are doubled",
	bareQuote:  "a quote stands inside a cell that does not start with one; put the cell in quotes and double each quote inside it",
	afterQuote: "text follows the closing quote of a cell; double each quote inside a quoted cell",
}

func malformed(why reason, column int) batch.Fault {
	return batch.Fault{Column: column, Code: fault.Malformed, Message: reasons[why]}
}

func tooLarge() batch.Fault {
	return batch.Fault{Column: batch.NoColumn, Code: fault.RowTooLarge,
		Message: "the row is longer than 1048576 bytes, the most that a row may have"}
}

// columnCount is the fault of a row of n cells.
func (d *Decoder) columnCount(n int) batch.Fault {
	if d.raggedCells != n || d.raggedCols != d.cols {
		d.raggedCells, d.raggedCols = n, d.cols
		d.ragged = fmt.Sprintf("the row has %s, expected %d", count(n, "cell"), d.cols)
	}
	return batch.Fault{Column: batch.NoColumn, Code: fault.ColumnCount, Message: d.ragged}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
