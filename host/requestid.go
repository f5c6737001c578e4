package host

import "github.com/google/uuid"

const maxRequestID = 128

// requestID returns the id that the client gave its request, where that is fit
// to be put into headers and logs, or else a new one.
func requestID(sent []byte) string {
	if len(sent) == 0 || len(sent) > maxRequestID {
		return uuid.NewString()
	}
	for _, c := range sent {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return uuid.NewString()
		}
	}
	return string(sent)
}
