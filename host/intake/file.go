package intake

import (
	"bytes"
	"fmt"
	"io"

	"sluice/engine"
	"sluice/engine/charset"
)

// file reads a CSV or NDJSON file that is a body, or a part of one.
func (r *reader) file(format engine.Format, src io.Reader) error {
	opts, err := r.options.finish(format)
	if err != nil {
		return err
	}
	begin, src, err := peek(src)
	if err != nil {
		return err
	}
	if err := notText(begin); err != nil {
		return err
	}
	if format == engine.CSV {
		return r.csv(src, opts.Dialect.Encoding)
	}
	if bytes.HasPrefix(begin, byteOrderMark) {
		if _, err := io.CopyN(io.Discard, src, int64(len(byteOrderMark))); err != nil {
			return fmt.Errorf("read byte order mark: %w", err)
		}
	}
	w, err := r.open(format)
	if err != nil {
		return err
	}
	return r.copyAll(w, src)
}

// csv decodes a CSV to UTF-8.
func (r *reader) csv(src io.Reader, encoding string) error {
	text, err := charset.NewReader(src, encoding)
	if err != nil {
		return named("dialect", err)
	}
	w, err := r.open(engine.CSV)
	if err != nil {
		return err
	}
	if err := r.copyAll(w, text); err != nil {
		return err
	}
	r.encoding = text.Encoding()
	return nil
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// peekBytes is enough for every magic number below.
const peekBytes = 4

// peek returns the first bytes of src, and a reader of all of it.
func peek(src io.Reader) ([]byte, io.Reader, error) {
	begin := make([]byte, peekBytes)
	n, err := io.ReadFull(src, begin)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, nil, err
	}
	begin = begin[:n]
	return begin, io.MultiReader(bytes.NewReader(begin), src), nil
}

// notText refuses files that people take for CSV by mistake; as text they would
// end in one row error a line, none of which says what is wrong.
func notText(begin []byte) error {
	switch {
	case bytes.HasPrefix(begin, []byte("\x1f\x8b")):
		return invalid("the upload is gzip data; send it with Content-Encoding: gzip")
	case bytes.HasPrefix(begin, []byte("\x28\xb5\x2f\xfd")):
		return invalid("the upload is zstd data; send it with Content-Encoding: zstd")
	case bytes.HasPrefix(begin, []byte("PK\x03\x04")):
		return invalid("the upload is a zip archive or an Excel workbook; export it as CSV")
	}
	return nil
}
