package host

import (
	"context"
	"fmt"
	"strconv"

	"github.com/valyala/fasthttp"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/storage"
	"sluice/storage/table"
)

// maxFilterScan is how many companies a filtered list looks at. What lies beyond
// is had with the cursor, and the total is not told.
const maxFilterScan = 20_000

// companyPage is one page of a list while it is made.
type companyPage struct {
	q      *companyQuery
	writer companyWriter
	skip   uint64 // matches before the page
	data   []byte // the array, without its brackets
	n      uint64
	last   table.Cursor // of the last company on the page
	more   bool         // there is, or may be, another page
	total  *uint64
}

func (s *Server) listCompanies(r *Request) error {
	q, err := parseCompanyQuery(r)
	if err != nil {
		return err
	}
	companies, err := s.table(r)
	if err != nil {
		return err
	}
	p := &companyPage{q: q}
	if !q.cursor {
		p.skip = (q.page - 1) * q.perPage
	}
	switch {
	case q.noDomain:
		p.total = new(uint64)
	case q.domain != nil:
		err = p.byDomain(r.Context(), companies)
	case q.filters():
		err = p.filtered(r.Context(), companies)
	default:
		err = p.plain(r.Context(), companies)
	}
	if err != nil {
		return fmt.Errorf("list companies: %w", err)
	}
	r.Answer(fasthttp.StatusOK, jsonType, p.answer())
	return nil
}

// plain pages through all companies.
func (p *companyPage) plain(ctx context.Context, companies *table.Table) error {
	count, err := companies.Count(ctx)
	if err != nil {
		return err
	}
	total := uint64(count)
	p.total = &total
	return companies.Scan(ctx, p.q.after, p.skip, func(c company.Company, at table.Cursor) error {
		if p.n == p.q.perPage {
			p.more = true
			return storage.ErrStop
		}
		return p.add(&c, at)
	})
}

// byDomain answers from the index.
func (p *companyPage) byDomain(ctx context.Context, companies *table.Table) error {
	p.total = new(uint64)
	c, err := companies.ByDomain(ctx, p.q.domain)
	if fault.CodeOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.writer.view.Decode(c.Record); err != nil {
		return err
	}
	if !p.q.matches(&p.writer.view) {
		return nil
	}
	*p.total = 1
	if p.skip > 0 || p.q.cursor {
		return nil
	}
	return p.add(&c, table.Cursor{})
}

// filtered looks at the companies one by one, up to maxFilterScan of them.
func (p *companyPage) filtered(ctx context.Context, companies *table.Table) error {
	var scanned, matched uint64
	var seen table.Cursor
	whole := true
	err := companies.Scan(ctx, p.q.after, 0, func(c company.Company, at table.Cursor) error {
		if scanned == maxFilterScan {
			whole = false
			return storage.ErrStop
		}
		scanned++
		if err := p.writer.view.Decode(c.Record); err != nil {
			return err
		}
		if !p.q.matches(&p.writer.view) {
			if !p.more {
				seen = at
			}
			return nil
		}
		matched++
		switch {
		case matched <= p.skip:
		case p.n < p.q.perPage:
			if err := p.add(&c, at); err != nil {
				return err
			}
		case p.q.cursor:
			p.more = true
			return storage.ErrStop // a page that begins with a cursor counts apart
		default:
			p.more = true
		}
		if !p.more {
			seen = at
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !whole && !p.more {
		p.more, p.last = true, seen // short, and goes on where this one stopped
	}
	if whole && !p.q.cursor {
		p.total = &matched
	}
	if p.q.cursor {
		return p.countAll(ctx, companies)
	}
	return nil
}

// countAll counts the matches of the whole table, for a page that did not begin
// at its start, where that is within the bound.
func (p *companyPage) countAll(ctx context.Context, companies *table.Table) error {
	count, err := companies.Count(ctx)
	if err != nil || count > maxFilterScan {
		return err
	}
	var view company.View
	total := uint64(0)
	err = companies.Scan(ctx, table.Cursor{}, 0, func(c company.Company, _ table.Cursor) error {
		err := view.Decode(c.Record)
		if err == nil && p.q.matches(&view) {
			total++
		}
		return err
	})
	if err == nil {
		p.total = &total
	}
	return err
}

// add puts a company on the page.
func (p *companyPage) add(c *company.Company, at table.Cursor) error {
	if p.n > 0 {
		p.data = append(p.data, ',')
	}
	var err error
	p.data, err = p.writer.appendJSON(p.data, c)
	p.n++
	p.last = at
	return err
}

// answer is the envelope. The page of a cursor has no number.
func (p *companyPage) answer() []byte {
	b := make([]byte, 0, len(p.data)+200)
	b = append(b, `{"data":[`...)
	b = append(b, p.data...)
	b = append(b, `],"meta":{"page":`...)
	if p.q.cursor {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendUint(b, p.q.page, 10)
	}
	b = append(b, `,"per_page":`...)
	b = strconv.AppendUint(b, p.q.perPage, 10)
	b = append(b, `,"total":`...)
	if p.total == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendUint(b, *p.total, 10)
	}
	b = append(b, `,"next_cursor":`...)
	if p.more {
		b = append(b, '"')
		b = append(b, p.last.String()...)
		b = append(b, '"')
	} else {
		b = append(b, "null"...)
	}
	return append(b, "}}\n"...)
}
