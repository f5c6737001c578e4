package engine

import (
	"context"
	"errors"
	"io"

	"sluice/engine/batch"
	"sluice/engine/company"
)

// Sample is the beginning of an upload, as a plugin would be given it.
type Sample struct {
	Columns []string     // as the plugin gets them
	Batch   *batch.Batch // the plugin's errors go there
	More    bool         // the upload has more rows

	stages  *stages
	work    *work
	decoded int // faults of decoding
}

// Sample decodes and maps up to maxRows rows, at most maxBytes, and imports
// nothing. The upload stays the caller's to abort.
func (e *Engine) Sample(ctx context.Context, u *Upload, o Options, maxRows, maxBytes int) (*Sample, error) {
	content, size, err := u.content(ctx)
	if err != nil {
		return nil, err
	}
	job := &Job{Format: u.format, Options: o}
	job.Plugin = &PluginInfo{} // the columns are a plugin's to map
	job.Dialect = &Dialect{Encoding: u.Encoding}
	src, err := openSource(content, size, job, e.plans)
	if err != nil {
		return nil, err
	}
	w := newWork()
	s := &Sample{Batch: &w.in, work: w, stages: &stages{projection: src.projection}}
	err = src.next(w, maxRows, maxBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	s.Columns = src.given
	s.stages.given(&w.in)
	s.decoded = len(w.in.Faults)
	s.More = err == nil && w.end.Offset < size
	return s, nil
}

// Judge validates what a plugin answered like any other rows. It returns which of
// out's records stand, and the problems of all else, in row order: those of
// decoding, those that the plugin found, and those of its answer. What depends on
// the companies that are there is left to an import: of records without a name
// only those fail that have no domain to meet one by.
func (s *Sample) Judge(columns []string, out *batch.Batch) (stand []int, errs []RowError, err error) {
	w := s.work
	s.stages.sent(&w.in, s.decoded)
	plan, err := namedPlan(columns)
	if err != nil {
		return nil, nil, err
	}
	s.stages.validate(w, new(validator), plan, out, out.Source)
	next := 0
	for _, r := range w.records {
		at := next
		if at < len(out.Source) && int(out.Source[at]) == r.row {
			next++
		}
		if r.op == none {
			errs = append(errs, w.errs[r.errs[0]:r.errs[1]]...)
			continue
		}
		if patch := w.ops[r.op].Patch; !patch.Sets(company.Name) && patch.Domain() == nil {
			errs = append(errs, w.resultError(r.row, company.NoName()))
			continue
		}
		stand = append(stand, at)
	}
	return stand, errs, nil
}
