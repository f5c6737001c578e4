package table

// place is what an index holds. That of domains leads to the birth of a company,
// the record number of its first row, which its id carries; that of ids from a
// birth to the row where the company is now, if it has moved. So an update whose
// domain stays changes one index, and the id of a domain's company is known
// without reading a row.
type place = uint64

// there reports whether what a map or bucket gave is a place.
func there(p place) bool { return p < none }
