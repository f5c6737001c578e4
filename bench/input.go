package bench

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"sluice/bench/dataset"
	"sluice/bench/load"
)

// shape is how the rows of a file are written.
type shape string

// The shapes. In JSON the domain has a key of its own; in CSV it has to be taken
// out of the website.
const (
	csvShape        shape = "csv"
	salesforceShape shape = "csv-salesforce" // the same under a report's column names
	gzipShape       shape = "csv-gzip"
	ndjsonShape     shape = "ndjson"
	jsonRowsShape   shape = "json-rows" // bodies of at most 20 MiB
	jsonCSVShape    shape = "json-csv"  // the same, CSV in a string
)

// salesforceHeader are the columns that the Salesforce example knows; it wants
// numbers under Employees, so that sizes go by another name.
var salesforceHeader = []string{"Account Name", "Website", "Industry", "Workforce", "Billing City", "Billing Country", "Phone", "Description"}

// mapping is the one of files that no plugin maps.
const mapping = `{"Company":"name","Website":"domain","Industry":"industry","Employees":"size","City":"city","Country":"country","Phone":"phone","Description":"description"}`

// Input is rows on disk as they go over the wire, in one body or several.
type Input struct {
	Shape shape
	Files []string
	Rows  int
	Bytes int64 // decompressed

	clean dataset.Clean
}

// bodies are the uploads of an input. Options go into the query, which JSON
// bodies don't have: theirs stand in the files.
func (in *Input) bodies(query url.Values) []load.Body {
	list := make([]load.Body, len(in.Files))
	for i, file := range in.Files {
		b := load.Body{File: file, Media: "text/csv", Query: query}
		switch in.Shape {
		case gzipShape:
			b.Encoding = "gzip"
		case ndjsonShape:
			b.Media = "application/x-ndjson"
		case jsonRowsShape, jsonCSVShape:
			b.Media, b.Query = "application/json", nil
		}
		list[i] = b
	}
	return list
}

// inputs writes files once, whoever asks for them.
type inputs struct {
	dir  string
	made map[string]*Input
}

func (s *inputs) get(shape shape, clean dataset.Clean) (*Input, error) {
	name := fmt.Sprintf("%s-%d-%d-%d", shape, clean.Rows, clean.Order, clean.Revision)
	if in := s.made[name]; in != nil {
		return in, nil
	}
	in := &Input{Shape: shape, Rows: clean.Rows, clean: clean}
	if err := in.write(filepath.Join(s.dir, name)); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	s.made[name] = in
	return in, nil
}

func (in *Input) write(path string) error {
	switch in.Shape {
	case csvShape:
		return in.file(path, func(w io.Writer) error { return in.clean.WriteCSV(w, nil) })
	case salesforceShape:
		return in.file(path, func(w io.Writer) error { return in.clean.WriteCSV(w, salesforceHeader) })
	case gzipShape:
		return in.zipped(path)
	case ndjsonShape:
		return in.file(path, in.clean.WriteNDJSON)
	case jsonRowsShape:
		return in.parts(path, `{"rows":[`, "]}", func(dst []byte, r dataset.Row, first bool) ([]byte, error) {
			if !first {
				dst = append(dst, ',')
			}
			return dataset.AppendJSON(dst, r), nil
		})
	case jsonCSVShape:
		head, err := escaped(nil, dataset.AppendHeader(nil))
		if err != nil {
			return err
		}
		return in.parts(path, `{"mapping":`+mapping+`,"csv":"`+string(head), `"}`, func(dst []byte, r dataset.Row, _ bool) ([]byte, error) {
			return escaped(dst, r.AppendCSV(nil))
		})
	}
	return fmt.Errorf("BUG: shape %q", in.Shape)
}

// escaped appends text as it stands in a JSON string.
func escaped(dst, text []byte) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(string(text)); err != nil {
		return dst, err
	}
	return append(dst, b.Bytes()[1:b.Len()-2]...), nil // without quotes and newline
}

// file writes one file and keeps its size.
func (in *Input) file(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = write(f)
	info, statErr := f.Stat()
	if err = errors.Join(err, statErr, f.Close()); err != nil {
		return err
	}
	in.Files = append(in.Files, path)
	in.Bytes += info.Size()
	return nil
}

func (in *Input) zipped(path string) error {
	var size counter
	err := in.file(path, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		err := in.clean.WriteCSV(io.MultiWriter(z, &size), nil)
		return errors.Join(err, z.Close())
	})
	in.Bytes = int64(size)
	return err
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// maxPartBytes keeps a JSON body under the API's 20 MiB.
const maxPartBytes = 20<<20 - 4096

// parts writes bodies of as many rows as go into one each.
func (in *Input) parts(path, begin, end string, add func(dst []byte, r dataset.Row, first bool) ([]byte, error)) error {
	body, row := []byte(begin), []byte(nil)
	first := true
	flush := func() error {
		name := fmt.Sprintf("%s-part%03d", path, len(in.Files))
		return in.file(name, func(w io.Writer) error {
			out := bufio.NewWriter(w)
			_, err := out.Write(append(body, end...))
			return errors.Join(err, out.Flush())
		})
	}
	for n := range in.clean.Numbers() {
		var err error
		if row, err = add(row[:0], in.clean.Row(n), first); err != nil {
			return err
		}
		if len(body)+len(row)+len(end) > maxPartBytes {
			if err := flush(); err != nil {
				return err
			}
			body = body[:len(begin)]
			if row, err = add(row[:0], in.clean.Row(n), true); err != nil {
				return err
			}
		}
		body, first = append(body, row...), false
	}
	return flush()
}
