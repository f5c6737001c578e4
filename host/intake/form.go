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

// MaxBytes is the most that a body of this form may have as it is sent, and so
// announce. JSON has a limit of its own, decoded; no coding makes it twice as long.
func (f Form) MaxBytes(l Limits) int64 {
	switch {
	case f.MediaType != jsonType:
		return l.MaxStreamBytes
	case f.coding == identity:
		return l.MaxJSONBytes
	}
	return 2 * l.MaxJSONBytes
}
