package cli

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// peekBytes holds the first block of a compressed file, which is all that is looked
// into.
const peekBytes = 256 << 10

// jsonBody makes of a JSON file what the API takes: an object stays as it is, an
// array becomes the rows of one. What is put around a compressed file is a frame of
// its own in the same coding, so that the file's bytes are sent as they are.
func jsonBody(file io.Reader, coding string) (io.Reader, error) {
	in := bufio.NewReaderSize(file, peekBytes)
	head, _ := in.Peek(peekBytes) // an error comes again when it is read
	if !beginsArray(head, coding) {
		return in, nil
	}
	before, err := packed(`{"rows":`, coding)
	if err != nil {
		return nil, err
	}
	after, err := packed("}", coding)
	return io.MultiReader(strings.NewReader(before), in, strings.NewReader(after)), err
}

// beginsArray reports whether the first byte that is no blank opens an array. A
// beginning that can't be read is left to the server.
func beginsArray(head []byte, coding string) bool {
	r, err := unpacked(bytes.NewReader(head), coding)
	if err != nil {
		return false
	}
	defer r.Close()
	text := bufio.NewReader(r)
	for {
		b, err := text.ReadByte()
		if err != nil {
			return false
		}
		if b != ' ' && b != '\t' && b != '\r' && b != '\n' {
			return b == '['
		}
	}
}

// unpacked decompresses a file.
func unpacked(file io.Reader, coding string) (io.ReadCloser, error) {
	switch coding {
	case "gzip":
		return gzip.NewReader(file)
	case "zstd":
		// It is read here and now: no goroutine stays behind.
		r, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return r.IOReadCloser(), nil
	}
	return io.NopCloser(file), nil
}

// packed compresses a text.
func packed(text, coding string) (string, error) {
	var (
		out bytes.Buffer
		w   io.WriteCloser
		err error
	)
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(zstd.MinWindowSize))
	default:
		return text, nil
	}
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Close()
	}
	return out.String(), err
}
