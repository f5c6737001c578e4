package intake

import (
	"context"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/semaphore"

	"sluice/engine"
	"sluice/engine/fault"
)

// Request is the body of an import and what its headers say of it.
type Request struct {
	Form   Form
	Body   io.Reader
	Length int64  // Content-Length; negative if the body is chunked
	Query  string // raw
	Limits Limits
	Digest bool // whether Result.Digest is wanted

	// Ahead are the bodies that may at once be read ahead of what is written, each
	// with 1.5 MB of buffers; nil: none.
	Ahead *semaphore.Weighted
}

// Result is what came with an upload.
type Result struct {
	Options  engine.Options
	Format   engine.Format
	Encoding string // of a CSV, as it was read; "" for JSON
	Digest   Digest
	Bytes    int64 // of the decoded body
}

// Sink makes the place where an upload goes; Read calls it at most once. Another
// goroutine may write there, which has ended when Read returns.
type Sink func(format engine.Format) (io.Writer, error)

// Read reads the body to its end and writes the rows in it to what sink makes.
// What was written is of use only if Read returns no error.
//
// # Errors
//
// validation_error for a body that is cut short or malformed and for options,
// payload_too_large past a limit. An error of sink or its writer comes back
// wrapped.
func Read(ctx context.Context, in Request, sink Sink) (Result, error) {
	r := &reader{in: in, sink: sink, options: newOptionSet()}
	r.wire = wire{ctx: ctx, r: in.Body, length: in.Length, limit: in.Form.MaxBytes(in.Limits), over: in.Limits.tooLong}
	r.plain = plain{wire: &r.wire, limit: in.Limits.MaxStreamBytes, over: in.Limits.tooMuch}
	if in.Form.MediaType == jsonType {
		r.wire.over = in.Limits.jsonTooLong
		r.plain.limit, r.plain.over = in.Limits.MaxJSONBytes, in.Limits.jsonTooLong
	}
	if in.Digest {
		r.hash = &digester{h: xxh3.New()}
	}
	if err := r.query(); err != nil {
		return Result{}, err
	}
	if err := r.body(); err != nil {
		return Result{}, r.cause(err)
	}
	opts, err := r.options.finish(r.format)
	if err != nil {
		return Result{}, err
	}
	return Result{Options: opts, Format: r.format, Encoding: r.encoding, Digest: r.hash.sum(), Bytes: r.plain.n}, nil
}

// reader is one Read.
type reader struct {
	in       Request
	sink     Sink
	options  *optionSet
	hash     *digester
	wire     wire
	plain    plain
	format   engine.Format
	encoding string
	out      *upload
	text     *unmarked // of a csv string
}

func (r *reader) query() error {
	if r.in.Form.MediaType == jsonType {
		return noQuery(r.in.Query)
	}
	return r.options.addQuery(r.in.Query)
}

func (r *reader) body() error {
	coding := r.in.Form.coding
	decoded, release, err := decode(coding, &r.wire)
	if err != nil {
		return err
	}
	defer release()
	r.plain.r = decoded
	if coding != identity {
		r.plain.ratio = r.in.Limits.MaxRatio
	}
	switch r.in.Form.MediaType {
	case jsonType:
		r.plain.hash = r.hash
		err = r.json()
	case multipartType:
		err = r.multipart() // hashes without the boundary
	case csvType:
		r.plain.hash = r.hash
		err = r.file(engine.CSV, &r.plain)
	case ndjsonType:
		r.plain.hash = r.hash
		err = r.file(engine.NDJSON, &r.plain)
	}
	if err != nil {
		return err
	}
	return r.toEnd()
}

// toEnd reads what a form leaves behind it, so that checksums are verified and
// the length is known to be right.
func (r *reader) toEnd() error {
	if err := r.plain.err; err == io.EOF {
		return nil
	}
	buf := getBuffer()
	defer putBuffer(buf)
	for {
		if _, err := r.plain.Read(*buf); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// cause finds the fault behind err: the lowest layer that has one, since those
// above only saw their input end.
func (r *reader) cause(err error) error {
	switch {
	case r.out != nil && r.out.err != nil:
		return r.out.err
	case r.wire.err != nil && r.wire.err != io.EOF:
		return r.wire.err
	case r.plain.err != nil && r.plain.err != io.EOF:
		return r.plain.err
	}
	if asFault(err) == nil {
		return fault.Wrap(fault.Validation, err, "the body can't be read: %v", err)
	}
	return err
}

// open makes the upload. A second one is a body with too much in it.
func (r *reader) open(format engine.Format) (io.Writer, error) {
	if r.out != nil {
		return nil, invalid("give either rows or csv, not both")
	}
	r.format = format
	r.out = &upload{}
	w, err := r.sink(format)
	if err != nil {
		r.out.err = fmt.Errorf("open upload: %w", err)
		return nil, r.out.err
	}
	r.out.w = w
	return r.out, nil
}

// upload remembers the sink's error, which is no fault of the body.
type upload struct {
	w   io.Writer
	err error
}

func (u *upload) Write(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		u.err = fmt.Errorf("write upload: %w", err)
	}
	return n, u.err
}
