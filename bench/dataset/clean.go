package dataset

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
)

// fold maps the letters of names to those of domains.
var fold = strings.NewReplacer("ü", "u", "ú", "u", "ñ", "n", "ø", "o", "Ç", "c", "ç", "c", "&", "", ".", "", ",", "", " ", "")

// CleanRow makes row n of the clean file: its domain is unique.
func CleanRow(seed, n uint64) Row { return row(rng(seed, n), n) }

func row(r *rand.Rand, n uint64) Row {
	at := pick(r, places)
	name := pick(r, firstWords) + " " + pick(r, secondWords)
	domain := strings.ToLower(fold.Replace(name)) + strconv.FormatUint(n, 36) + "." + pick(r, tlds)
	return Row{
		Company:     name + pick(r, suffixes),
		Website:     "https://www." + domain + "/",
		Industry:    pick(r, industries),
		Employees:   pick(r, sizes),
		City:        at.city,
		Country:     at.country,
		Phone:       fmt.Sprintf("%s %04d", at.phone, r.IntN(10000)),
		Description: fmt.Sprintf(`%s %s, "%s", %d`, pick(r, verbs), pick(r, goods), pick(r, goods), 1900+r.IntN(125)),
	}
}

func (r Row) cells() []string {
	return []string{r.Company, r.Website, r.Industry, r.Employees, r.City, r.Country, r.Phone, r.Description}
}

// Order is the order in which rows come.
type Order int

// The orders.
const (
	InOrder  Order = iota // by number
	Shuffled              // all over the file
	HalfNew               // by turns a row of the first half, and one beyond the last
)

// Clean says which clean rows a file has.
type Clean struct {
	Seed     uint64
	Rows     int
	Order    Order
	Revision int // above 0: the same companies, their phone and description changed
}

// Numbers gives the rows' numbers in their order.
func (c Clean) Numbers() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		var order []int
		if c.Order == Shuffled {
			order = rand.New(rand.NewPCG(c.Seed, 1)).Perm(c.Rows)
		}
		for i := range c.Rows {
			n := uint64(i)
			switch {
			case order != nil:
				n = uint64(order[i])
			case c.Order == HalfNew && i%2 == 0:
				n = uint64(i / 2)
			case c.Order == HalfNew:
				n = uint64(c.Rows + i/2)
			}
			if !yield(n) {
				return
			}
		}
	}
}

// Row makes row n of the file.
func (c Clean) Row(n uint64) Row {
	r := CleanRow(c.Seed, n)
	if c.Revision > 0 {
		r.Phone = fmt.Sprintf("%s-%d", r.Phone, c.Revision)
		r.Description = fmt.Sprintf("%s, revision %d", r.Description, c.Revision)
	}
	return r
}

// WriteCSV writes the rows with a header; nil is the usual one.
func (c Clean) WriteCSV(w io.Writer, head []string) error {
	if head == nil {
		head = header
	}
	return c.write(w, appendRecord(nil, head, ','), func(dst []byte, r Row) []byte { return appendRecord(dst, r.cells(), ',') })
}

// WriteNDJSON writes the rows as NDJSON, keys named as the fields.
func (c Clean) WriteNDJSON(w io.Writer) error {
	return c.write(w, nil, func(dst []byte, r Row) []byte { return append(AppendJSON(dst, r), '\n') })
}

func (c Clean) write(w io.Writer, line []byte, add func([]byte, Row) []byte) error {
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := out.Write(line); err != nil {
		return err
	}
	for n := range c.Numbers() {
		line = add(line[:0], c.Row(n))
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// WriteClean writes n clean rows as CSV, with a header.
func WriteClean(w io.Writer, seed uint64, n int) error {
	return Clean{Seed: seed, Rows: n}.WriteCSV(w, nil)
}

// WriteNDJSON writes n clean rows as NDJSON, keys named as the fields.
func WriteNDJSON(w io.Writer, seed uint64, n int) error {
	return Clean{Seed: seed, Rows: n}.WriteNDJSON(w)
}

// AppendHeader appends the usual header of a CSV.
func AppendHeader(dst []byte) []byte { return appendRecord(dst, header, ',') }

// AppendCSV appends the row as a line of CSV.
func (r Row) AppendCSV(dst []byte) []byte { return appendRecord(dst, r.cells(), ',') }

// Domain is the host of the row's website.
func (r Row) Domain() string {
	return strings.TrimSuffix(strings.TrimPrefix(r.Website, "https://www."), "/")
}

// AppendJSON appends a row as a JSON object, its domain taken out of the website.
func AppendJSON(dst []byte, r Row) []byte {
	for i, kv := range [][2]string{{"name", r.Company}, {"domain", r.Domain()}, {"website", r.Website}, {"industry", r.Industry},
		{"size", r.Employees}, {"city", r.City}, {"country", r.Country}, {"phone", r.Phone}, {"description", r.Description}} {
		dst = append(dst, ",{"[b2i(i == 0)])
		dst = append(dst, '"')
		dst = append(dst, kv[0]...)
		dst = append(dst, `":"`...)
		dst = append(dst, strings.ReplaceAll(kv[1], `"`, `\"`)...)
		dst = append(dst, '"')
	}
	return append(dst, '}')
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// appendRecord appends one CSV record, quoting where a cell needs it.
func appendRecord(dst []byte, cells []string, delimiter byte) []byte {
	for i, c := range cells {
		if i > 0 {
			dst = append(dst, delimiter)
		}
		if !strings.ContainsAny(c, "\"\r\n") && strings.IndexByte(c, delimiter) < 0 {
			dst = append(dst, c...)
			continue
		}
		dst = append(dst, '"')
		dst = append(dst, strings.ReplaceAll(c, `"`, `""`)...)
		dst = append(dst, '"')
	}
	return append(dst, '\n')
}
