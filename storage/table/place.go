package table

// place is what an index holds of a row: its record number, and whether the row
// has moved, so that the id of one that has not is known without reading it.
type place = uint64

func newPlace(rec, birth uint64) place {
	if rec == birth {
		return rec << 1
	}
	return rec<<1 | 1
}

func placeRecord(p place) uint64 { return p >> 1 }
func placeMoved(p place) bool    { return p&1 != 0 }

// there reports whether what a map or bucket gave is a place.
func there(p place) bool { return p < none }
