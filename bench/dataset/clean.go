package dataset

import (
	"bufio"
	"fmt"
	"io"
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
		Company:   name + pick(r, suffixes),
		Website:   "https://www." + domain + "/",
		Industry:  pick(r, industries),
		Employees: pick(r, sizes),
		City:      at.city,
		Country:   at.country,
		Phone:     fmt.Sprintf("%s %04d", at.phone, r.IntN(10000)),
		Description: fmt.Sprintf(`%s %s %s, "%s", since %d`, name, pick(r, verbs), pick(r, goods), pick(r, goods),
			1900+r.IntN(125)),
	}
}

func (r Row) cells() []string {
	return []string{r.Company, r.Website, r.Industry, r.Employees, r.City, r.Country, r.Phone, r.Description}
}

// WriteClean writes n clean rows as CSV, with a header.
func WriteClean(w io.Writer, seed uint64, n int) error {
	out := bufio.NewWriterSize(w, 1<<20)
	var line []byte
	line = appendRecord(line[:0], header, ',')
	for i := 0; ; i++ {
		if _, err := out.Write(line); err != nil {
			return err
		}
		if i == n {
			return out.Flush()
		}
		line = appendRecord(line[:0], CleanRow(seed, uint64(i)).cells(), ',')
	}
}

// WriteNDJSON writes n clean rows as NDJSON, keys named as the fields.
func WriteNDJSON(w io.Writer, seed uint64, n int) error {
	out := bufio.NewWriterSize(w, 1<<20)
	for i := range n {
		if _, err := out.Write(append(AppendJSON(nil, CleanRow(seed, uint64(i))), '\n')); err != nil {
			return err
		}
	}
	return out.Flush()
}

// AppendJSON appends a row as a JSON object, its domain taken out of the website.
func AppendJSON(dst []byte, r Row) []byte {
	domain := strings.TrimSuffix(strings.TrimPrefix(r.Website, "https://www."), "/")
	for i, kv := range [][2]string{{"name", r.Company}, {"domain", domain}, {"website", r.Website}, {"industry", r.Industry},
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
