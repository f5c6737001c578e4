package engine

import (
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"sluice/engine/company"
	"sluice/engine/csvscan"
	"sluice/engine/fault"
	"sluice/engine/jsonscan"
)

const sniffBytes = 64 << 10

// source reads the rows of one upload from a checkpoint on, and knows what its
// columns mean. It belongs to one goroutine.
type source struct {
	job    *Job // options and format; only read
	plans  *planCache
	plugin bool // the columns are the plugin's to map

	csv  *csvscan.Decoder
	json *jsonscan.Decoder

	columns    []string // as sent, so far
	plan       *plan    // without a plugin
	projection []int    // with a plugin and a mapping: the columns it is given
	given      []string // the names under which the plugin gets its columns
}

// openSource prepares to read rows from job.Next on. At the start of an upload
// it also finds the dialect and the columns and writes them into job; a fault
// in the header, the mapping or the dialect has the code validation_error.
func openSource(src io.ReaderAt, size int64, job *Job, plans *planCache) (*source, error) {
	s := &source{job: job, plans: plans, plugin: job.Plugin != nil, columns: job.Columns}
	fresh := job.Next == Checkpoint{}
	if job.Format != CSV {
		return s, s.openJSON(src, size, fresh)
	}
	return s, s.openCSV(src, size, fresh)
}

func (s *source) openJSON(src io.ReaderAt, size int64, fresh bool) error {
	if len(s.job.Options.Mapping) > 0 {
		return mappingFault("mapping is for CSV only; name the keys of JSON rows as the fields")
	}
	opts := jsonscan.Options{Lines: s.job.Format == NDJSON}
	if !s.plugin {
		opts.Known = func(key []byte) bool {
			_, _, ok := company.MatchHeader(string(key))
			return ok
		}
	}
	at := s.job.Next
	s.json = jsonscan.New(src, size, jsonscan.Position{Offset: at.Offset, Row: at.Row, Line: at.Line}, opts)
	if !fresh {
		s.json.SetColumns(s.job.Columns)
		s.json.SetIgnored(s.job.IgnoredColumns)
	}
	s.plan, s.given = s.plans.of(s.columns), s.columns
	return nil
}

func (s *source) openCSV(src io.ReaderAt, size int64, fresh bool) error {
	if fresh {
		if err := s.sniff(src, size); err != nil {
			return err
		}
	}
	d := csvscan.Dialect{Delimiter: s.job.Dialect.Delimiter[0]}
	if q := s.job.Dialect.Quote; q != "" {
		d.Quote = q[0]
	}
	at := s.job.Next
	s.csv = csvscan.New(src, size, d, csvscan.Position{Offset: at.Offset, Row: at.Row, Line: at.Line})
	if fresh {
		if err := s.readHeader(); err != nil {
			return err
		}
	}
	s.csv.SetColumns(max(len(s.columns), 1))
	return s.planCSV()
}

// sniff settles the dialect: what the caller fixed, the rest as found.
func (s *source) sniff(src io.ReaderAt, size int64) error {
	head := make([]byte, min(size, sniffBytes))
	if _, err := src.ReadAt(head, 0); err != nil && err != io.EOF {
		return fmt.Errorf("read upload: %w", err)
	}
	var fixed csvscan.Dialect
	asked := s.job.Options.Dialect
	for _, o := range []struct {
		name, value string
		to          *byte
	}{{"delimiter", asked.Delimiter, &fixed.Delimiter}, {"quote", asked.Quote, &fixed.Quote}} {
		if len(o.value) > 1 {
			return fault.New(fault.Validation, "dialect.%s must be one ASCII character; %q has %d bytes", o.name, o.value, len(o.value)).With("option", "dialect")
		}
		if o.value != "" {
			*o.to = o.value[0]
		}
	}
	d := csvscan.SniffWith(head, fixed)
	if err := d.Validate(); err != nil {
		return err
	}
	s.job.Dialect.Delimiter = string(rune(d.Delimiter))
	s.job.Dialect.Quote = ""
	if d.Quote != 0 {
		s.job.Dialect.Quote = string(rune(d.Quote))
	}
	return nil
}

func (s *source) readHeader() error {
	if !s.job.Options.HasHeader {
		if len(s.job.Options.Mapping) == 0 {
			return mappingFault("has_header is false, so a mapping is required; its keys are column numbers from 1")
		}
		first, err := s.csv.First()
		if err == io.EOF { // no rows: any column may be meant
			_, err := mappedTargets(s.job.Options.Mapping, nil, csvscan.MaxColumns)
			return err
		}
		if err != nil {
			return err
		}
		s.columns = make([]string, len(first))
		for i := range s.columns {
			s.columns[i] = fmt.Sprint(i + 1)
		}
		return nil
	}
	header, err := s.csv.Header()
	if err != nil {
		return err
	}
	for i, h := range header {
		if !utf8.ValidString(h) {
			return fault.New(fault.Validation, "column %d of the CSV's header is not valid UTF-8; set dialect.encoding to the file's encoding", i+1)
		}
	}
	s.columns = header
	at := s.csv.Position()
	s.job.Next = Checkpoint{Offset: at.Offset, Row: at.Row, Line: at.Line}
	return nil
}

// planCSV applies the mapping, or matches the header.
func (s *source) planCSV() error {
	s.job.Columns, s.given = s.columns, s.columns
	mapping := s.job.Options.Mapping
	if len(mapping) == 0 || len(s.columns) == 0 {
		s.plan = autoPlan(s.columns)
		return nil
	}
	headers := s.columns
	if !s.job.Options.HasHeader {
		headers = nil
	}
	targets, err := mappedTargets(mapping, headers, len(s.columns))
	if err != nil {
		return err
	}
	s.plan = newPlan(s.columns, targets)
	if s.plugin {
		s.given = nil
		for i, t := range targets {
			if t.ok {
				s.projection = append(s.projection, i)
				s.given = append(s.given, t.name())
			}
		}
	}
	return nil
}

// next fills w with the next batch. It returns io.EOF after the last row.
func (s *source) next(w *work, maxRows, maxBytes int) error {
	w.err = nil
	if s.csv != nil {
		if err := s.csv.Next(&w.in, maxRows, maxBytes); err != nil {
			return err
		}
		at := s.csv.Position()
		w.end = Checkpoint{Offset: at.Offset, Row: at.Row, Line: at.Line}
	} else {
		if err := s.json.Next(&w.in, maxRows, maxBytes); err != nil {
			return err
		}
		at := s.json.Position()
		w.end = Checkpoint{Offset: at.Offset, Row: at.Row, Line: at.Line}
		if columns := s.json.Columns(); len(columns) != len(s.columns) {
			s.columns, s.given = columns, columns
			s.plan = s.plans.of(columns)
			if err := checkKeys(columns); err != nil {
				return err
			}
		}
	}
	w.columns, w.sent = s.columns, s.plan
	w.ignored = s.ignored()
	return nil
}

// maxKeyBytes bounds the names of a job's JSON keys together: they are in its
// record, which every commit writes.
const maxKeyBytes = 512 << 10

func checkKeys(keys []string) error {
	n := 0
	for _, k := range keys {
		n += len(k)
	}
	if n > maxKeyBytes {
		return fault.New(fault.ImportFailed, "the rows have %d different keys of %d bytes together; at most %d bytes are allowed", len(keys), n, maxKeyBytes)
	}
	return nil
}

// ignored lists the columns that nothing reads. A plugin without a mapping sees
// them all.
func (s *source) ignored() []string {
	switch {
	case s.json != nil:
		return s.json.Ignored()
	case s.plugin && s.projection == nil:
		return nil
	}
	return slices.Clip(s.plan.ignored)
}
