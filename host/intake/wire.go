package intake

import (
	"context"
	"io"

	"sluice/engine/fault"
)

// wire is the body as it comes from the connection. fasthttp ends a streamed
// body with a plain EOF when the client is cut off, and has no limit for
// streams, so bytes are counted here.
type wire struct {
	ctx    context.Context
	r      io.Reader
	length int64 // as announced; negative if unknown
	limit  int64
	over   func() error // what is said beyond it
	n      int64
	err    error // the end, or the fault that every later Read returns
}

func (w *wire) Read(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if err := w.ctx.Err(); err != nil {
		w.err = fault.Wrap(fault.Validation, err, "the body was not read to its end: the request was given up")
		return 0, w.err
	}
	n, err := w.r.Read(p)
	w.n += int64(n)
	switch {
	case w.n > w.limit:
		w.err = w.over()
		return 0, w.err
	case w.length >= 0 && w.n > w.length:
		w.err = invalid("the body has %d bytes, not the announced %d", w.n, w.length)
		return 0, w.err
	case err == io.EOF && w.length >= 0 && w.n < w.length:
		w.err = fault.New(fault.Validation, "the body was cut short: %d bytes of %d came", w.n, w.length)
	case err == io.EOF:
		w.err = io.EOF
	case err != nil:
		w.err = fault.Wrap(fault.Validation, err, "the body was cut short after %d bytes", w.n)
	}
	return n, w.err
}

// plain is the decoded body. It counts against the limits that a compressed
// body could get around, and feeds the digest.
type plain struct {
	r     io.Reader
	wire  *wire
	limit int64        // decoded bytes
	over  func() error // what is said beyond it
	ratio int64        // 0: not compressed
	hash  *digester    // may be nil
	n     int64
	err   error
}

func (d *plain) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.r.Read(p)
	d.n += int64(n)
	switch {
	case d.n > d.limit:
		d.err = d.over()
		return 0, d.err
	case d.ratio > 0 && d.n > ratioFreeBytes && d.n/d.ratio > d.wire.n:
		d.err = fault.New(fault.PayloadTooLarge,
			"the body decompresses to more than %d times its size; send it with less compression or in parts", d.ratio)
		return 0, d.err
	}
	d.hash.write(p[:n])
	d.err = err
	return n, err
}
