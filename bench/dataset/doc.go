// Package dataset makes seeded, real-shaped files of companies of any size: the
// same seed and number give the same bytes on every machine.
//
// Clean is the file that peers are measured with (companies-1m at a million
// rows): eight columns, comma, every domain once, quoted descriptions with
// doubled quotes and commas. Messy is what customers really send: semicolons,
// quoted newlines, dirty and doubled domains, blank cells, rows that are wrong,
// in UTF-8 or Windows-1252.
package dataset

import "math/rand/v2"

// Row is one generated company.
type Row struct {
	Company, Website, Industry, Employees, City, Country, Phone, Description string
}

// header names the columns of every file.
var header = []string{"Company", "Website", "Industry", "Employees", "City", "Country", "Phone", "Description"}

// rng is the generator of row n: rows don't depend on each other, so any part
// of a file can be made alone.
func rng(seed, n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n*0x9E3779B97F4A7C15+1)) }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }
