package engine

import (
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/s2"

	"sluice/engine/company"
	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// The report of a job is kept in blocks that commit with the rows they speak
// of. A block's key is (tenant, kind, job, records before it); its value is one
// version byte and S2-compressed entries. A row with more errors than a block
// holds has several entries, of which the first has the cells; a block that begins
// with a later one has the record's own number and the part in its key.
//
//	errors   uvarint row, line, n; n × (column, code, message); u8 has cells; cells
//	results  uvarint row; u8 outcome; code; u8 has id; 16 bytes id
//
// where text is a uvarint length and its bytes, and cells are the row as sent.
const (
	kindErrors    = "job_errors"
	kindResults   = "job_results"
	reportVersion = 1
	blockBytes    = 256 << 10 // of entries, before compression
	// entryBytes bounds an entry: blockBytes of errors, the last of which may pass
	// that by a column's name, and cells. Both are at most a row, of 1 MiB.
	entryBytes = 3 << 20
)

var errReport = errors.New("engine: damaged report block")

// failedRow is one entry of a job's errors.
type failedRow struct {
	number uint64
	line   uint64
	errs   []RowError
	cells  []byte // the row as sent; nil: not kept
}

// blocks packs entries of one kind.
type blocks struct {
	prefix  tuple.Key
	first   uint64 // record number of the block's first entry
	part    uint64 // of that record's entries, where it has several
	raw     []byte
	changes []Change
	bytes   int // of changes
}

func (b *blocks) reset(tenant, kind, job string) {
	b.prefix = tuple.New(tenant, kind).String(job)
	b.raw, b.changes, b.bytes = b.raw[:0], nil, 0
}

// begin makes room for an entry, or a part of it, of the record numbered record.
func (b *blocks) begin(record, part uint64) {
	if len(b.raw) >= blockBytes {
		b.flush()
	}
	if len(b.raw) == 0 {
		b.first, b.part = record, part
	}
}

func (b *blocks) flush() {
	if len(b.raw) == 0 {
		return
	}
	// Room for the store's envelope is left to it; the value is ours to give away.
	value := make([]byte, 1, 1+s2.MaxEncodedLen(len(b.raw)))
	value[0] = reportVersion
	value = value[:1+len(s2.Encode(value[1:cap(value)], b.raw))]
	key := append(tuple.Key(nil), b.prefix...).Uint64(b.first)
	if b.part > 0 {
		key = key.Uint64(b.part)
	}
	b.changes = append(b.changes, Change{Key: key, Value: value})
	b.bytes += len(key) + len(value)
	b.raw = b.raw[:0]
}

// pending is an upper bound of what the block being filled will add.
func (b *blocks) pending() int { return b.bytes + s2.MaxEncodedLen(len(b.raw)) }

func (b *blocks) failed(record uint64, r failedRow) {
	for part := uint64(0); part == 0 || len(r.errs) > 0; part++ {
		b.begin(record, part)
		n := fitting(r.errs)
		b.entry(r, r.errs[:n])
		r.errs, r.cells = r.errs[n:], nil
	}
}

// fitting is how many errors one entry takes.
func fitting(errs []RowError) int {
	bytes := 0
	for i, e := range errs {
		if bytes += 3 + len(e.Column) + len(e.Code) + len(e.Message); bytes >= blockBytes {
			return i + 1
		}
	}
	return len(errs)
}

func (b *blocks) entry(r failedRow, errs []RowError) {
	b.raw = binary.AppendUvarint(b.raw, r.number)
	b.raw = binary.AppendUvarint(b.raw, r.line)
	b.raw = binary.AppendUvarint(b.raw, uint64(len(errs)))
	for _, e := range errs {
		b.raw = appendText(b.raw, e.Column)
		b.raw = appendText(b.raw, e.Code)
		b.raw = appendText(b.raw, e.Message)
	}
	if r.cells == nil {
		b.raw = append(b.raw, 0)
		return
	}
	b.raw = append(b.raw, 1)
	b.raw = appendText(b.raw, r.cells)
}

func (b *blocks) result(record, row uint64, o company.Outcome, code fault.Code, id *company.ID) {
	b.begin(record, 0)
	b.raw = binary.AppendUvarint(b.raw, row)
	b.raw = append(b.raw, byte(o))
	b.raw = appendText(b.raw, code)
	if id == nil {
		b.raw = append(b.raw, 0)
		return
	}
	b.raw = append(b.raw, 1)
	b.raw = append(b.raw, id[:]...)
}

func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// entries reads a block; cut functions leave it at the next entry, or broken.
type entries struct {
	p      []byte
	broken bool
}

func openBlock(value []byte) (*entries, error) {
	if len(value) == 0 || value[0] != reportVersion {
		return nil, errReport
	}
	n, err := s2.DecodedLen(value[1:])
	if err != nil || n > blockBytes+entryBytes {
		return nil, errReport
	}
	p, err := s2.Decode(nil, value[1:])
	if err != nil {
		return nil, errReport
	}
	return &entries{p: p}, nil
}

func (e *entries) more() bool { return len(e.p) > 0 && !e.broken }

func (e *entries) uvarint() uint64 {
	n, w := binary.Uvarint(e.p)
	if w <= 0 {
		e.broken, e.p = true, nil
		return 0
	}
	e.p = e.p[w:]
	return n
}

func (e *entries) bytes(n uint64) []byte {
	if n > uint64(len(e.p)) {
		e.broken, e.p = true, nil
		return nil
	}
	b := e.p[:n:n]
	e.p = e.p[n:]
	return b
}

func (e *entries) text() []byte { return e.bytes(e.uvarint()) }

func (e *entries) flag() byte {
	if b := e.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

// failed reads one entry of the errors; its cells are a view of the block.
func (e *entries) failed() (failedRow, error) {
	r := failedRow{number: e.uvarint(), line: e.uvarint()}
	for n := e.uvarint(); n > 0 && !e.broken; n-- {
		r.errs = append(r.errs, RowError{RowNumber: r.number, Line: r.line,
			Column: string(e.text()), Code: fault.Code(e.text()), Message: string(e.text())})
	}
	if e.flag() == 1 {
		r.cells = e.text()
	}
	if e.broken {
		return r, errReport
	}
	return r, nil
}

// result reads one entry of the results. Of an import that was undone nothing was
// done with what it would have made or changed.
func (e *entries) result(undone bool) (RowResult, error) {
	r := RowResult{RowNumber: e.uvarint()}
	o := company.Outcome(e.flag())
	code := fault.Code(e.text())
	if e.flag() == 1 {
		var id company.ID
		copy(id[:], e.bytes(uint64(len(id))))
		r.ID = idText(&id)
	}
	if e.broken || o > company.Deleted {
		return r, errReport
	}
	if undone {
		o, code = revoked(o, code)
	}
	r.Outcome = o.String()
	if code != "" {
		r.Code = &code
	}
	return r, nil
}

// revoked is what became of a row in an import that was undone.
func revoked(o company.Outcome, code fault.Code) (company.Outcome, fault.Code) {
	if o == company.Created || o == company.Updated {
		return company.Skipped, fault.ImportFailed
	}
	return o, code
}
