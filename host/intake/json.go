package intake

import (
	"bytes"
	"io"

	"sluice/engine"
	"sluice/engine/charset"
	"sluice/engine/jsonscan"
)

// json reads a JSON body: options and exactly one of rows and csv, in any order.
func (r *reader) json() error {
	err := jsonscan.ReadBody(&r.plain, jsonscan.Handler{
		Option: r.options.addJSON,
		Rows:   func() (io.Writer, error) { return r.open(engine.Rows) },
		CSV:    r.openText,
	})
	if err == nil && r.text != nil {
		err = r.text.flush()
	}
	if err != nil {
		return err
	}
	switch {
	case r.out == nil:
		return invalid("give one of rows, an array of companies, or csv, a string")
	case r.encoding != "" && r.options.opts.Dialect.Encoding != "" && r.options.opts.Dialect.Encoding != r.encoding:
		return invalidOption("dialect", "dialect.encoding is for uploads of bytes; a JSON string is Unicode text, and only %s fits", r.encoding)
	}
	return nil
}

// openText opens the upload of a csv string.
func (r *reader) openText() (io.Writer, error) {
	w, err := r.open(engine.CSV)
	if err != nil {
		return nil, err
	}
	r.encoding = charset.UTF8
	r.text = &unmarked{w: w}
	return r.text, nil
}

// unmarked drops a byte order mark from the begin of what is written, as
// charset.NewReader does with uploads of bytes.
type unmarked struct {
	w     io.Writer
	begin []byte // of the text, while it may still be a mark
	past  bool
}

func (u *unmarked) Write(p []byte) (int, error) {
	if u.past {
		return u.w.Write(p)
	}
	u.begin = append(u.begin, p...)
	if len(u.begin) < len(byteOrderMark) && bytes.HasPrefix(byteOrderMark, u.begin) {
		return len(p), nil
	}
	return len(p), u.flush()
}

// flush writes what was held back.
func (u *unmarked) flush() error {
	begin := bytes.TrimPrefix(u.begin, byteOrderMark)
	u.begin, u.past = nil, true
	if len(begin) == 0 {
		return nil
	}
	_, err := u.w.Write(begin)
	return err
}
