package host

import (
	"time"
	"unicode/utf8"

	"sluice/engine/batch"
	"sluice/engine/company"
)

// companyWriter writes companies as the API shows them. It holds scratch memory,
// so one belongs to one goroutine.
type companyWriter struct {
	view   company.View
	cell   []byte
	asText bool   // CSV is for a spreadsheet
	quoted []byte // a cell that it would calculate
}

// jsonOrder is the order of a company's text fields in JSON and CSV.
var jsonOrder = [company.TextFields]company.Field{company.Name, company.Domain, company.Industry,
	company.Website, company.LinkedInURL, company.Size, company.City, company.Country, company.Phone,
	company.Description}

// timeFormat is RFC 3339 in UTC with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// appendJSON appends c as a JSON object.
func (w *companyWriter) appendJSON(dst []byte, c *company.Company) ([]byte, error) {
	if err := w.view.Decode(c.Record); err != nil {
		return dst, err
	}
	dst = append(dst, `{"id":"`...)
	dst = appendID(dst, c.ID)
	dst = append(dst, '"')
	for _, f := range jsonOrder {
		dst = append(dst, `,"`...)
		dst = append(dst, f.String()...)
		dst = append(dst, `":`...)
		if t := w.view.Text[f]; t != nil {
			dst = appendString(dst, t)
		} else {
			dst = append(dst, "null"...)
		}
	}
	dst = append(dst, `,"tags":[`...)
	for i, t := range w.view.Tags {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, t)
	}
	dst = append(dst, `],"custom":`...)
	dst = w.appendCustom(dst)
	dst = append(dst, `,"created_date":"`...)
	dst = appendTime(dst, c.Created)
	dst = append(dst, `","updated_date":"`...)
	dst = appendTime(dst, c.Updated)
	return append(dst, `"}`...), nil
}

// appendCustom appends the custom fields of the company at hand as an object.
func (w *companyWriter) appendCustom(dst []byte) []byte {
	dst = append(dst, '{')
	for i, c := range w.view.Custom {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, c.Key)
		dst = append(dst, ':')
		if c.Kind == batch.Number || c.Kind == batch.Bool {
			dst = append(dst, c.Value...)
		} else {
			dst = appendString(dst, c.Value)
		}
	}
	return append(dst, '}')
}

func appendTime(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, timeFormat)
}

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are no UTF-8, which only a
// bug could have stored, become replacement characters.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[done:i]...), `\ufffd`...)
				done = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[done:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		done = i
	}
	return append(append(dst, s[done:]...), '"')
}
