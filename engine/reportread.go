package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sluice/engine/charset"
	"sluice/engine/csvscan"
	"sluice/engine/tuple"
)

// walkReport calls fn for each block of one kind of a job's report, in order.
func (e *Engine) walkReport(ctx context.Context, tenant, kind, id string, fn func(*entries) error) error {
	err := e.store.Records(ctx, tuple.New(tenant, kind).String(id), nil, func(_ tuple.Key, value []byte) (bool, error) {
		block, err := openBlock(value)
		if err == nil {
			err = fn(block)
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	return nil
}

// Errors calls fn for every error of a job's failed rows so far, in row order.
func (e *Engine) Errors(ctx context.Context, tenant, id string, fn func(RowError) error) error {
	if _, err := e.Job(ctx, tenant, id); err != nil {
		return err
	}
	return e.failedRows(ctx, tenant, id, func(r failedRow) error {
		for _, re := range r.errs {
			if err := fn(re); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) failedRows(ctx context.Context, tenant, id string, fn func(failedRow) error) error {
	return e.walkReport(ctx, tenant, kindErrors, id, func(b *entries) error {
		for b.more() {
			r, err := b.failed()
			if err == nil {
				err = fn(r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Results calls fn for every record of a job so far, in row order. A job that
// was not asked for results has none, nor has one whose own trial runs: what that
// foresees is not done yet.
func (e *Engine) Results(ctx context.Context, tenant, id string, fn func(RowResult) error) error {
	job, err := e.Job(ctx, tenant, id)
	if err != nil {
		return err
	}
	undone := job.undone()
	if undone && job.Status != Failed {
		return nil
	}
	return e.walkReport(ctx, tenant, kindResults, id, func(b *entries) error {
		for b.more() {
			r, err := b.result(undone)
			if err == nil {
				err = fn(r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ErrorsCSV writes the failed rows of a job as a CSV to correct and send again:
// in the uploaded dialect and encoding, with the original cells and two more,
// the error's code and message; of several errors, all of them.
//
// Rows of JSON become a CSV with a column for every key of the failed rows. All
// lines have as many cells as the widest needs, so that the last two stand under
// their header; a first walk over the rows finds that out. Rows that fail between
// the two walks are left out. Where the limit of the report was passed, rows come
// without cells. For a spreadsheet, cells that it would take for formulas begin
// with an apostrophe.
func (e *Engine) ErrorsCSV(ctx context.Context, tenant, id string, spreadsheet bool, w io.Writer) (err error) {
	job, err := e.Job(ctx, tenant, id)
	if err != nil {
		return err
	}
	f := &rowFile{w: w, dialect: csvscan.Default, columns: job.Columns, header: job.Options.HasHeader,
		cut: job.ReportCutFrom, spreadsheet: spreadsheet}
	if job.Format == CSV {
		f.dialect = csvscan.Dialect{Delimiter: job.Dialect.Delimiter[0]}
		if job.Dialect.Quote != "" {
			f.dialect.Quote = job.Dialect.Quote[0]
		}
		to := charset.NewWriter(w, job.Dialect.Encoding)
		defer func() { err = errors.Join(err, to.Close()) }()
		f.w = to
	} else {
		f.json, f.header, f.columns, f.keys = true, true, nil, map[string]bool{}
	}
	if err := e.failedRows(ctx, tenant, id, f.measure); err != nil {
		return err
	}
	if err := f.begin(); err != nil {
		return err
	}
	// A row of which several records failed is written once.
	var last *failedRow
	err = e.failedRows(ctx, tenant, id, func(r failedRow) error {
		if r.number > f.last {
			return nil
		}
		if last != nil && last.number == r.number {
			last.errs = append(last.errs, r.errs...)
			return nil
		}
		err := f.row(last)
		r.cells = append([]byte(nil), r.cells...)
		last = &r
		return err
	})
	if err != nil {
		return err
	}
	return f.row(last)
}
