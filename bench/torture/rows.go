package torture

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// header names the columns so that the company fields are found without a
// mapping and the cleaner finds its inputs.
var header = []string{"Company", "Domain", "City", "Country", "Industry", "Description"}

func (r row) cells() []string {
	return []string{r.Name, r.Domain, r.City, r.Country, r.Industry, r.Description}
}

// makeRows makes n rows among the domains of a lane. stamp is in every row, so
// that each import leaves other content.
func makeRows(rng *rand.Rand, lane, stamp string, n, domains int) []row {
	rows := make([]row, n)
	for i := range rows {
		r := &rows[i]
		*r = row{
			Name:     fmt.Sprintf("%s row %d", stamp, i+1),
			Domain:   domainOf(lane, rng.IntN(domains)),
			City:     stamp,
			Country:  pick(rng, "Germany", "France", "Japan", ""),
			Industry: pick(rng, "Food, drink", "Steel; iron", `"Quoted"`, "Two\nlines", ""),
		}
		if rng.IntN(4) == 0 {
			r.Description = strings.Repeat("Makes things. ", 1+rng.IntN(20)) + stamp
		}
		switch {
		case rng.IntN(50) == 0:
			r.Domain = "" // nothing merges these
		case rng.IntN(100) == 0:
			r.Domain = badDomain
		case rng.IntN(100) == 0:
			r.Name = "" // fails where it would create
		}
	}
	return rows
}

func domainOf(lane string, i int) string { return fmt.Sprintf("c%d.%s.example", i, lane) }

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

func encodeCSV(rows []row) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(header) // to memory
	for _, r := range rows {
		_ = w.Write(r.cells())
	}
	w.Flush()
	return b.Bytes()
}

func encodeNDJSON(rows []row) []byte {
	var b bytes.Buffer
	for _, r := range rows {
		b.Write(encodeRow(r))
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func encodeRow(r row) json.RawMessage {
	object := map[string]string{}
	for i, cell := range r.cells() {
		object[header[i]] = cell
	}
	raw, err := json.Marshal(object)
	if err != nil {
		panic("BUG: encode row: " + err.Error())
	}
	return raw
}

func zip(raw []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // a valid level
	_, _ = w.Write(raw)                             // to memory
	_ = w.Close()
	return b.Bytes()
}
