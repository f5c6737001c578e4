package host

import (
	"strings"

	"github.com/google/uuid"
)

const (
	maxRequestID = 128

	// requestIDMarks are what ids have beside letters and digits: nothing that
	// separates values in a header or ends a line of a log.
	requestIDMarks = "._-:/+=@~"
)

// requestID returns the id that the client gave its request, where that is fit
// to be put into headers and logs, or else a new one.
func requestID(sent []byte) string {
	if len(sent) == 0 || len(sent) > maxRequestID {
		return uuid.NewString()
	}
	for _, c := range sent {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte(requestIDMarks, c) < 0 {
			return uuid.NewString()
		}
	}
	return string(sent)
}
