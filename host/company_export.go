package host

import (
	"bufio"
	"bytes"
	"fmt"

	"sluice/engine/company"
	"sluice/engine/csvscan"
	"sluice/storage/table"
)

// exportCompanies streams all companies as they are now.
func (s *Server) exportCompanies(r *Request) error {
	q, err := r.parseQuery("format", "spreadsheet")
	if err != nil {
		return err
	}
	format, given := q["format"]
	if !given {
		if format = "csv"; r.accepts(ndjsonType) && !r.accepts(csvMedia) {
			format = "ndjson"
		}
	}
	var begin func(*bufio.Writer) error
	var add func(dst []byte, c *company.Company) ([]byte, error)
	contentType := csvType
	var w companyWriter
	switch format {
	case "csv":
		begin = func(out *bufio.Writer) error { _, err := out.Write(exportHeader()); return err }
		add = w.appendCSV
	case "ndjson":
		contentType = ndjsonType
		begin = func(*bufio.Writer) error { return nil }
		add = func(dst []byte, c *company.Company) ([]byte, error) {
			dst, err := w.appendJSON(dst, c)
			return append(dst, '\n'), err
		}
	default:
		return badQuery("format", "must be csv or ndjson")
	}
	if w.asText, err = spreadsheet(q, format); err != nil {
		return err
	}
	companies, err := s.table(r)
	if err != nil {
		return err
	}
	r.SetHeader("Content-Disposition", `attachment; filename="companies.`+format+`"`)
	ctx := r.Context()
	r.Stream(contentType, func(out *bufio.Writer) error {
		if err := begin(out); err != nil {
			return err
		}
		var line []byte
		return companies.Scan(ctx, table.Cursor{}, 0, func(c company.Company, _ table.Cursor) error {
			var err error
			if line, err = add(line[:0], &c); err != nil {
				return fmt.Errorf("write company %x: %w", c.ID, err)
			}
			_, err = out.Write(line)
			return err
		})
	}, nil)
	return nil
}

// exportHeader is the first line of a CSV export.
func exportHeader() []byte {
	b := []byte("id")
	for _, f := range jsonOrder {
		b = append(append(b, ','), f.String()...)
	}
	return append(b, ",tags,custom,created_date,updated_date\r\n"...)
}

// appendCSV appends c as a line of CSV. Tags are joined by ';', custom fields
// are a JSON object, so that the file can be imported again.
func (w *companyWriter) appendCSV(dst []byte, c *company.Company) ([]byte, error) {
	if err := w.view.Decode(c.Record); err != nil {
		return dst, err
	}
	dst = appendID(dst, c.ID)
	for _, f := range jsonOrder {
		dst = w.appendText(append(dst, ','), w.view.Text[f])
	}
	dst = append(dst, ',')
	w.cell = w.cell[:0]
	for i, t := range w.view.Tags {
		if i > 0 {
			w.cell = append(w.cell, ';')
		}
		w.cell = append(w.cell, t...)
	}
	dst = append(w.appendText(dst, w.cell), ',')
	if len(w.view.Custom) > 0 {
		w.cell = w.appendCustom(w.cell[:0])
		dst = appendCell(dst, w.cell)
	}
	dst = appendTime(append(dst, ','), c.Created)
	dst = appendTime(append(dst, ','), c.Updated)
	return append(dst, '\r', '\n'), nil
}

// appendText appends a cell that a client wrote.
func (w *companyWriter) appendText(dst, cell []byte) []byte {
	if w.asText && csvscan.IsFormula(cell) {
		w.quoted = csvscan.AppendAsText(w.quoted[:0], cell)
		cell = w.quoted
	}
	return appendCell(dst, cell)
}

// appendCell appends one cell, in quotes where it needs them.
func appendCell(dst, cell []byte) []byte {
	if !bytes.ContainsAny(cell, ",\"\r\n;\t|") && (len(cell) == 0 || cell[0] != ' ' && cell[len(cell)-1] != ' ') {
		return append(dst, cell...)
	}
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(cell, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, cell[:i+1]...), '"')
		cell = cell[i+1:]
	}
	return append(append(dst, cell...), '"')
}
