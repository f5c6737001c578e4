package dataset

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// Messy says what to write.
type Messy struct {
	Seed    uint64
	Rows    int
	Windows bool // in Windows-1252; else UTF-8
}

// Of a thousand messy rows about this many are of each kind; the rest is clean.
const (
	dirtyDomains   = 250 // in capitals, with a path, a port, spaces around
	doubledDomains = 60  // the domain of an earlier row
	blankCells     = 150
	newlines       = 40 // in the description
	badDomains     = 4  // no host name
	missingNames   = 3
	raggedRows     = 2
	strayQuotes    = 1
	longNames      = 1
)

// Write writes the file: semicolons, a header of its own, a Domain column that
// was typed by people.
func (m Messy) Write(w io.Writer) error {
	if m.Windows {
		enc := encoding.ReplaceUnsupported(charmap.Windows1252.NewEncoder()).Writer(w)
		w = enc
	}
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := out.WriteString("Company Name;Domain;Website;Industry;Employees;City;Country;Phone;Tags;Description\r\n"); err != nil {
		return err
	}
	for i := range m.Rows {
		if _, err := out.WriteString(m.row(uint64(i))); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (m Messy) row(n uint64) string {
	r := rng(m.Seed, n)
	of := n
	if n > 0 && r.IntN(1000) < doubledDomains {
		of = r.Uint64N(n)
	}
	row := CleanRow(m.Seed+1, of)
	domain := row.Domain()
	hit := func(of1000 int) bool { return r.IntN(1000) < of1000 }
	if hit(dirtyDomains) {
		domain = dirty(r, domain)
	}
	cells := []string{row.Company, domain, row.Website, row.Industry, row.Employees, row.City, row.Country, row.Phone,
		pick(r, []string{"", "", "lead", "customer, vip", "partner;reseller"}), row.Description}
	if hit(blankCells) {
		cells[2+r.IntN(6)] = pick(r, []string{"", " ", "\t"})
	}
	if hit(newlines) {
		cells[9] = strings.ReplaceAll(cells[9], ", ", ",\r\n")
	}
	switch {
	case hit(badDomains):
		cells[1] = pick(r, []string{"n/a", "unknown", "-", "see website", "acme"})
	case hit(missingNames):
		// A name that is missing fails only a row that creates.
		cells[0], cells[1] = "", fmt.Sprintf("nameless%d.com", n)
	case hit(longNames):
		cells[0] = strings.Repeat(cells[0]+" ", 300/len(cells[0])+1)
	case hit(raggedRows):
		cells = cells[:5]
	}
	line := strings.TrimSuffix(string(appendRecord(nil, cells, ';')), "\n") + "\r\n"
	if hit(strayQuotes) {
		line = "The \"" + line
	}
	return line
}

func dirty(r *rand.Rand, domain string) string {
	switch r.IntN(6) {
	case 0:
		return strings.ToUpper(domain)
	case 1:
		return "http://" + domain + "/about?ref=1"
	case 2:
		return "  www." + domain + " "
	case 3:
		return domain + ":443"
	case 4:
		return domain + "."
	default:
		return "HTTPS://user@WWW." + domain + "/#top"
	}
}
