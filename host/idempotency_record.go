package host

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/valyala/fasthttp"

	"sluice/engine/tuple"
)

const (
	kindIdempotency = "idempotency"

	storedAnswerVersion = 1
)

// answer is what a request was answered, as far as a replay repeats it.
type answer struct {
	status   int
	location string // header; empty: none
	job      string // id of the queued job; empty: none
	body     []byte
}

// jobRetry is the Retry-After of a queued import, in seconds.
const jobRetry = "1"

// send answers.
func (r *Request) send(ans answer) error {
	if ans.location != "" {
		r.SetHeader(fasthttp.HeaderLocation, ans.location)
	}
	if ans.status == fasthttp.StatusAccepted {
		r.SetHeader(fasthttp.HeaderRetryAfter, jobRetry)
	}
	r.Answer(ans.status, jsonType, ans.body)
	return nil
}

// storedAnswer is the record of an answer:
//
//	offset  size  field
//	0       1     format version
//	1       16    fingerprint of the request
//	17      8     Unix milliseconds at which it was made, big-endian
//	25      2     status, big-endian
//	27            location, then job: each a uvarint length and its bytes
//	              body, to the end
type storedAnswer struct {
	answer
	request fingerprint
	created int64
}

const storedAnswerHead = 27

func (s *storedAnswer) encode() []byte {
	b := make([]byte, 0, storedAnswerHead+len(s.location)+len(s.job)+len(s.body)+2*binary.MaxVarintLen16)
	b = append(b, storedAnswerVersion)
	b = append(b, s.request[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(s.created))
	b = binary.BigEndian.AppendUint16(b, uint16(s.status))
	for _, text := range [...]string{s.location, s.job} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return append(b, s.body...)
}

var errStoredAnswer = errors.New("host: stored answer is damaged")

// decodeStoredAnswer reads a record; the body is a view of b.
func decodeStoredAnswer(b []byte) (*storedAnswer, error) {
	if len(b) < storedAnswerHead || b[0] != storedAnswerVersion {
		return nil, errStoredAnswer
	}
	s := &storedAnswer{request: fingerprint(b[1:17]), created: int64(binary.BigEndian.Uint64(b[17:]))}
	s.status = int(binary.BigEndian.Uint16(b[25:]))
	b = b[storedAnswerHead:]
	for _, text := range [...]*string{&s.location, &s.job} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, errStoredAnswer
		}
		*text = string(b[size : size+int(n)])
		b = b[size+int(n):]
	}
	s.body = b
	return s, nil
}

// record is where the answer of a key lies. The day comes first, so that what is
// too old is found without a look at the rest.
func (k attemptKey) record(day uint64) tuple.Key {
	return tuple.New("", kindIdempotency).Uint64(day).String(k.tenant).String(k.key)
}

// day counts days, of UTC, so that no change of time zone moves a record.
func day(t time.Time) uint64 { return uint64(t.Unix() / int64(24*time.Hour/time.Second)) }
