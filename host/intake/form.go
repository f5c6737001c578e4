package intake

import (
	"mime"
	"strings"

	"sluice/engine/fault"
)

// The media types of an import's body.
const (
	jsonType      = "application/json"
	csvType       = "text/csv"
	ndjsonType    = "application/x-ndjson"
	multipartType = "multipart/form-data"
)

// MediaTypes lists the media types that ParseForm takes.
func MediaTypes() []string { return []string{jsonType, csvType, ndjsonType, multipartType} }

// The content codings of an import's body.
const (
	identity = "identity"
	gzipped  = "gzip"
	zstded   = "zstd"
)

// maxBoundary is the longest boundary that RFC 2046 allows.
const maxBoundary = 70

// Form is how a body is written, as its headers say.
type Form struct {
	MediaType string // without parameters, lower-case
	coding    string
	boundary  string
}

// ParseForm reads the headers Content-Type and Content-Encoding. Parameters but
// for a multipart's boundary say nothing: clients add charset=utf-8 to any CSV,
// so the encoding is an option or is sniffed.
//
// # Errors
//
// unsupported_media_type for another type or coding, validation_error for a
// multipart without a usable boundary.
func ParseForm(contentType, contentEncoding string) (Form, error) {
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil && mediaType == "" {
		mediaType = "" // absent or unreadable
	}
	f := Form{MediaType: mediaType}
	switch mediaType {
	case jsonType, csvType, ndjsonType, multipartType:
	default:
		return Form{}, fault.New(fault.UnsupportedMedia, "Content-Type must be %s, %s, %s or %s",
			jsonType, csvType, ndjsonType, multipartType)
	}
	switch coding := strings.ToLower(strings.TrimSpace(contentEncoding)); coding {
	case "", identity:
		f.coding = identity
	case gzipped, "x-gzip":
		f.coding = gzipped
	case zstded:
		f.coding = zstded
	default:
		return Form{}, fault.New(fault.UnsupportedMedia, "Content-Encoding must be one of gzip, zstd or absent")
	}
	if mediaType == multipartType {
		f.boundary = params["boundary"]
		if f.boundary == "" || len(f.boundary) > maxBoundary {
			return Form{}, fault.New(fault.Validation,
				"Content-Type: multipart/form-data needs a boundary of 1 to %d characters", maxBoundary)
		}
	}
	return f, nil
}

// CheckLength refuses a body that is too large by its Content-Length, before it
// is read. A negative length is an unknown one.
func (f Form) CheckLength(length int64, l Limits) error {
	if length > l.MaxStreamBytes {
		return l.tooLong()
	}
	if f.MediaType == jsonType && f.coding == identity && length > l.MaxJSONBytes {
		return l.jsonTooLong()
	}
	return nil
}
