package engine

import (
	"slices"

	"sluice/engine/company"
	"sluice/engine/fault"
)

// ledger turns applied work into the counts and the report of its job. A copy
// is made for every attempt at a commit, and the copy that was committed is kept.
type ledger struct {
	job       Job
	maxReport int64
	inline    bool // results go into the answer too

	// unmade tells the ids of companies that exist only until the import is
	// judged; nil: all stay. Results don't name them: later the table may give
	// such an id to another company.
	unmade func(company.ID) bool
	revoke bool // nothing of the import is done

	failures blocks
	results  blocks
}

func newLedger(job Job, maxReport int64) *ledger {
	return &ledger{job: job, maxReport: maxReport}
}

// attempt copies what a commit will change. The report's buffers are shared:
// one attempt is made at a time.
func (l *ledger) attempt() *ledger {
	c := *l
	c.job.Errors = slices.Clip(c.job.Errors)
	c.job.Results = slices.Clip(c.job.Results)
	c.job.IgnoredColumns = slices.Clip(c.job.IgnoredColumns)
	c.failures.reset(c.job.Tenant, kindErrors, c.job.JobID)
	c.results.reset(c.job.Tenant, kindResults, c.job.JobID)
	return &c
}

// undone settles spans anew that were not committed: what they created is nowhere.
func (l *ledger) undone(spans []span) *ledger {
	created := map[company.ID]bool{}
	for _, s := range spans {
		for _, r := range s.w.results {
			if r.Outcome == company.Created {
				created[r.ID] = true
			}
		}
	}
	c := l.attempt()
	c.unmade, c.revoke = func(id company.ID) bool { return created[id] }, true
	for _, s := range spans {
		c.settle(s.w, s.from, s.to)
	}
	return c
}

// settle counts the records from ≤ i < to of w, whose ops have their results.
// Invariant 4 of the package is held here: each record adds to one count.
func (l *ledger) settle(w *work, from, to int) {
	j := &l.job
	row, reported := none, none
	for i := from; i < to; i++ {
		r := &w.records[i]
		if r.row != row {
			row = r.row
			j.RowCount++
		}
		out, code, id, errs := l.judge(w, r)
		switch out {
		case company.Created:
			j.CreatedCount++
		case company.Updated:
			j.UpdatedCount++
		case company.Skipped:
			j.SkippedCount++
		default:
			j.FailedCount++
			l.report(w, r, errs, reported != r.row)
			reported = r.row
		}
		if j.Options.Results {
			l.result(w.in.Rows[r.row].Number, out, code, id)
		}
		j.RecordCount++
	}
	j.ignore(w.ignored)
	j.Columns = w.columns
}

// ignore adds columns that nothing reads to the list of them.
func (j *Job) ignore(columns []string) {
	for _, c := range columns {
		if len(j.IgnoredColumns) < MaxIgnoredColumns && !slices.Contains(j.IgnoredColumns, c) {
			j.IgnoredColumns = append(j.IgnoredColumns, c)
		}
	}
}

// judge says what became of one record.
func (l *ledger) judge(w *work, r *outcome) (company.Outcome, fault.Code, *company.ID, []RowError) {
	if r.op == none {
		if r.code == fault.SkippedByPlugin {
			return company.Skipped, r.code, nil, nil
		}
		return company.Failed, r.code, nil, w.errs[r.errs[0]:r.errs[1]]
	}
	res := &w.results[r.op]
	switch res.Outcome {
	case company.Failed:
		e := w.resultError(r.row, res.Err)
		return company.Failed, e.Code, nil, []RowError{e}
	case company.Skipped:
		return company.Skipped, fault.Duplicate, &res.ID, nil
	}
	return res.Outcome, "", &res.ID, nil
}

// report keeps a failed record: its first errors in the answer, all of them in the
// report, with the row's cells where it is the first of its row.
func (l *ledger) report(w *work, r *outcome, errs []RowError, first bool) {
	j := &l.job
	if room := MaxInlineErrors - len(j.Errors); room > 0 {
		j.Errors = append(j.Errors, errs[:min(room, len(errs))]...)
	}
	entry := failedRow{number: w.in.Rows[r.row].Number, line: w.in.Rows[r.row].Line, errs: errs}
	switch full := l.reportBytes() >= l.maxReport; {
	case !first:
	case !full:
		entry.cells = w.in.Raw(r.row)
	case j.ReportCutFrom == 0:
		j.ReportCutFrom = entry.number
	}
	// Errors alone are small, but without end they too would fill the disk.
	if l.reportBytes() < 2*l.maxReport {
		l.failures.failed(j.RecordCount, entry)
	}
}

func (l *ledger) result(row uint64, out company.Outcome, code fault.Code, id *company.ID) {
	if l.revoke {
		out, code = revoked(out, code)
	}
	if id != nil && l.unmade != nil && l.unmade(*id) {
		id = nil
	}
	if l.reportBytes() < 2*l.maxReport {
		l.results.result(l.job.RecordCount, row, out, code, id)
	}
	if l.inline {
		r := RowResult{RowNumber: row, Outcome: out.String()}
		if code != "" {
			r.Code = &code
		}
		if id != nil {
			r.ID = idText(id)
		}
		l.job.Results = append(l.job.Results, r)
	}
}

func (l *ledger) reportBytes() int64 {
	return l.job.ReportBytes + int64(l.failures.bytes+l.results.bytes)
}

// pending is how much the report adds to the commit so far, at most.
func (l *ledger) pending() int { return l.failures.pending() + l.results.pending() }

// seal ends the report of one commit and returns its blocks.
func (l *ledger) seal() []Change {
	l.failures.flush()
	l.results.flush()
	l.job.ReportBytes += int64(l.failures.bytes + l.results.bytes)
	return append(l.failures.changes, l.results.changes...)
}
