package intake

import (
	"io"
	"mime/multipart"
	"path"
	"strings"

	"sluice/engine"
)

// maxFieldsBytes is what all form fields before the file may hold together.
const maxFieldsBytes = 1 << 20

// multipart reads a form: options in fields, then its one file, then nothing.
// The digest takes names and values with their lengths before them, the file as
// it is: what follows the fields is the file.
func (r *reader) multipart() error {
	var (
		form   = multipart.NewReader(&r.plain, r.in.Form.boundary)
		fields int
	)
	for {
		part, err := form.NextRawPart() // a browser never encodes a part, so neither do we decode one
		if err == io.EOF {
			break
		} else if err != nil {
			return badForm(err)
		}
		name, file := part.FormName(), part.FileName()
		switch {
		case name == "":
			return invalid("a part of the form has no name")
		case r.out != nil:
			return invalid("the form goes on after its file with %q; options stand before it, and there is only one", clip(name))
		}
		if err := notEncoded(part); err != nil {
			return err
		}
		r.hash.writeString(name)
		r.hash.writeString(file)
		r.hash.writeString(part.Header.Get("Content-Type"))
		if file != "" || name == "file" {
			if err := r.file(formatOf(file), &hashed{part, r.hash}); err != nil {
				return badForm(err)
			}
		} else {
			value, err := io.ReadAll(io.LimitReader(part, int64(maxFieldsBytes-fields)+1))
			if err != nil {
				return badForm(err)
			}
			if fields += len(value); fields > maxFieldsBytes {
				return invalidOption(clip(name), "the form's fields have over %d bytes", maxFieldsBytes)
			}
			r.hash.writeString(string(value))
			if err := r.options.addText(name, string(value)); err != nil {
				return err
			}
		}
	}
	if r.out == nil {
		return invalid("the form has no file; send the rows as a part with a filename")
	}
	return nil
}

// formatOf tells NDJSON from CSV by the file's name.
func formatOf(filename string) engine.Format {
	switch strings.ToLower(path.Ext(filename)) {
	case ".ndjson", ".jsonl":
		return engine.NDJSON
	}
	return engine.CSV
}

// notEncoded refuses the transfer encodings that RFC 7578 took out of use.
func notEncoded(part *multipart.Part) error {
	switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
		return nil
	}
	return invalid("a part of the form has a Content-Transfer-Encoding; send it as it is")
}

// badForm says that the form itself is damaged, unless err says more.
func badForm(err error) error {
	if f := asFault(err); f != nil {
		return f
	}
	if err == io.ErrUnexpectedEOF {
		return invalid("the form ends before its closing boundary")
	}
	return invalid("the form can't be read: %v", err)
}

// hashed feeds what is read from a part to the digest.
type hashed struct {
	r io.Reader
	d *digester
}

func (h *hashed) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.d.write(p[:n])
	return n, err
}
