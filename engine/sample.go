package engine

import (
	"errors"
	"io"

	"sluice/engine/batch"
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
func (e *Engine) Sample(u *Upload, o Options, maxRows, maxBytes int) (*Sample, error) {
	content, size, err := u.content()
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

// Errors are the problems of the rows: those of decoding, those that the plugin
// found, and those of its answer, which is validated like any other row.
func (s *Sample) Errors(columns []string, out *batch.Batch) ([]RowError, error) {
	s.stages.sent(&s.work.in, s.decoded)
	plan, err := namedPlan(columns)
	if err != nil {
		return nil, err
	}
	s.stages.validate(s.work, new(validator), plan, out, out.Source)
	return s.work.errs, nil
}
