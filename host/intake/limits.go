package intake

import "sluice/engine/fault"

const (
	// maxOptionBytes is the longest value of one option. Options are stored with
	// the job and written again with each of its checkpoints.
	maxOptionBytes = 256 << 10

	// maxWindowBytes is the zstd window that RFC 9659 asks every HTTP receiver
	// to support, and the most that we keep in memory for one request.
	maxWindowBytes = 8 << 20

	// ratioFreeBytes may be reached at any compression ratio: small repetitive
	// files are no bombs.
	ratioFreeBytes = 32 << 20
)

// Limits bound one body. DefaultLimits gives usable ones.
type Limits struct {
	MaxStreamBytes int64 // any but a JSON body, as sent, and again decompressed
	MaxJSONBytes   int64 // a JSON body, decompressed
	MaxRatio       int64 // decompressed to sent, past 32 MiB
}

// DefaultLimits suit files of the size that people import. Real CSV shrinks 3 to
// 20 times, zeros 1,000 times with gzip and far more with zstd.
func DefaultLimits() Limits {
	return Limits{MaxStreamBytes: 10 << 30, MaxJSONBytes: 20 << 20, MaxRatio: 200}
}

func (l Limits) tooLong() error {
	return fault.New(fault.PayloadTooLarge,
		"the body is over the limit of %d bytes (--max-stream-bytes); send it in parts", l.MaxStreamBytes)
}

func (l Limits) tooMuch() error {
	return fault.New(fault.PayloadTooLarge,
		"the body decompresses to more than the limit of %d bytes (--max-stream-bytes); send it in parts", l.MaxStreamBytes)
}

func (l Limits) jsonTooLong() error {
	return fault.New(fault.PayloadTooLarge,
		"a JSON body may have %d bytes, decompressed; send larger imports as %s or %s, which stream", l.MaxJSONBytes, csvType, ndjsonType)
}
