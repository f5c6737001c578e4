package plugins

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"sluice/engine/batch"
	"sluice/plugins/abi"
)

// Bundle is a batch that made a plugin trap, with all that the plugin knew: on any
// machine the module with this hash, opened with this context, traps on it in the
// same way.
type Bundle struct {
	Plugin  Info            `json:"plugin"`
	Context json.RawMessage `json:"context"` // what open was given
	Seed    uint64          `json:"seed,string"`
	Clock   int64           `json:"clock,string"`
	Fuel    int64           `json:"fuel"` // that the call had
	Trap    string          `json:"trap"` // what happened
	Frames  []string        `json:"frames,omitempty"`

	Batch []byte `json:"-"` // in the ABI's layout, as if it were at address 0
}

// A bundle is written as
//
//	offset  size  field
//	0       8     magic and version of the format
//	8       4     CRC-32C of what follows
//	12      4     length of the head
//	16            head (JSON), batch
const (
	bundleMagic    = "SLUICEB1"
	bundleHeader   = 16
	maxBundleBytes = 32 << 20
)

// ErrBundle is what bytes give that are no bundle.
var ErrBundle = errors.New("plugins: not a replay bundle")

// Marshal encodes b.
func (b *Bundle) Marshal() ([]byte, error) {
	head, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode replay bundle: %w", err)
	}
	out := append([]byte(bundleMagic), 0, 0, 0, 0)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(head)))
	out = append(append(out, head...), b.Batch...)
	binary.LittleEndian.PutUint32(out[8:], crc32.Checksum(out[12:], crc32.MakeTable(crc32.Castagnoli)))
	return out, nil
}

// UnmarshalBundle decodes what Marshal made. Bundles come from users: every
// pointer in the batch is checked.
func UnmarshalBundle(data []byte) (*Bundle, error) {
	if len(data) < bundleHeader || len(data) > maxBundleBytes || string(data[:8]) != bundleMagic {
		return nil, ErrBundle
	}
	if binary.LittleEndian.Uint32(data[8:]) != crc32.Checksum(data[12:], crc32.MakeTable(crc32.Castagnoli)) {
		return nil, fmt.Errorf("%w: damaged", ErrBundle)
	}
	n := binary.LittleEndian.Uint32(data[12:])
	if uint64(n) > uint64(len(data)-bundleHeader) {
		return nil, fmt.Errorf("%w: cut short", ErrBundle)
	}
	b := &Bundle{}
	if err := json.Unmarshal(data[bundleHeader:bundleHeader+n], b); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBundle, err)
	}
	b.Batch = bytes.Clone(data[bundleHeader+n:])
	if _, err := b.Rows(); err != nil {
		return nil, err
	}
	return b, nil
}

// Rows rebuilds the batch as it crossed: the columns that open asked for.
func (b *Bundle) Rows() (*batch.Batch, error) {
	header, cells, ok := abi.ReadBatch(b.Batch, 0)
	if !ok || header.Rows == 0 || header.Cells != abi.BatchSize {
		return nil, fmt.Errorf("%w: the batch is not in the ABI's layout", ErrBundle)
	}
	out := &batch.Batch{}
	out.Reset(int(header.Cols))
	for i := 0; i < len(cells); i += abi.CellSize {
		kind, value, ok := abi.ReadCell(b.Batch, cells[i:])
		if !ok {
			return nil, fmt.Errorf("%w: a cell of the batch is out of bounds", ErrBundle)
		}
		out.Cells = append(out.Cells, out.Append(batch.Kind(kind), value))
		if len(out.Arena) > maxBundleBytes {
			return nil, fmt.Errorf("%w: the cells of the batch overlap", ErrBundle)
		}
	}
	for i := range header.Rows {
		out.Rows = append(out.Rows, batch.Row{Number: uint64(i) + 1})
	}
	return out, nil
}

// keep remembers the batch that trapped: the first of a job, and instead of it
// the guilty row of it once that was found.
func (s *Session) keep(w *work, trap *Trap, fuel int64, guilty bool) {
	s.bundles.Lock()
	defer s.bundles.Unlock()
	if s.bundles.first != nil && (!guilty || s.bundles.alone) {
		return
	}
	size := w.send.size()
	if size > maxBundleBytes/2 {
		return
	}
	b := &Bundle{
		Plugin:  s.job.Plugin,
		Context: slices.Clone(w.g.context),
		Seed:    s.job.Seed,
		Clock:   s.job.Clock,
		Fuel:    fuel,
		Trap:    trap.Reason,
		Frames:  trap.Frames,
		Batch:   make([]byte, size),
	}
	w.send.write(b.Batch, 0)
	s.bundles.first, s.bundles.alone = b, guilty
}

// Replay runs the bundle's batch on a fresh instance of wasm, the module as it was
// uploaded, and returns the trap; nil: it went well. The error says why there was
// nothing to run.
func (b *Sandbox) Replay(ctx context.Context, bundle *Bundle, hash string, source Source) (*Trap, *Log, error) {
	if bundle.Plugin.SHA256 != hash {
		return nil, nil, fmt.Errorf("replay: the bundle was made by the module %s, not %s", bundle.Plugin.SHA256, hash)
	}
	in, err := bundle.Rows()
	if err != nil {
		return nil, nil, err
	}
	l, err := b.modules.lease(ctx, hash, source)
	if err != nil {
		return nil, nil, err
	}
	s := &Session{box: b, lease: l, log: newLog(b.limits),
		job: Job{Plugin: bundle.Plugin, Seed: bundle.Seed, Clock: bundle.Clock}}
	defer func() { _ = s.Close(ctx) }()
	g := &generation{context: bundle.Context}
	e := &effort{limit: b.limits.BatchTime}
	instance, err := s.take(ctx, e, s.log)
	if err == nil {
		g.said, err = s.openInstance(ctx, instance, g, e)
		if err != nil {
			s.discard(ctx, instance)
		}
	}
	if err != nil {
		trap := &Trap{}
		if errors.As(err, &trap) {
			return trap, s.log, nil
		}
		return nil, s.log, err
	}
	s.put(ctx, instance)
	var context struct {
		Columns []string `json:"columns"`
	}
	if err := json.Unmarshal(bundle.Context, &context); err != nil {
		return nil, s.log, fmt.Errorf("%w: %v", ErrBundle, err)
	}
	if g.answer, err = parseAnswer(g.said, context.Columns); err != nil {
		return nil, s.log, err
	}
	// The batch crosses as it did then, whatever columns open asks for.
	w := &work{s: s, g: &generation{context: g.context, said: g.said,
		answer: &answer{own: g.answer.own, columns: g.answer.columns[:g.answer.own], identity: true}},
		out: &batch.Batch{}, room: 4 * uint64(b.limits.BytesOut)}
	for i := range in.Cols {
		w.g.answer.input = append(w.g.answer.input, i)
	}
	w.out.Reset(w.g.answer.own)
	w.send = outgoing{in: in, input: w.g.answer.input, whole: true}
	rows := make([]uint32, len(in.Rows))
	for i := range rows {
		rows[i] = uint32(i)
	}
	_, _, err = w.call(ctx, rows, e, bundle.Fuel, false)
	if trap, ok := asTrap(err); ok {
		s.log.take(&w.log)
		return trap, s.log, nil
	}
	return nil, s.log, err
}

// Hash is the name of a module: the SHA-256 of its bytes as uploaded, in hex.
func Hash(wasm []byte) string {
	sum := sha256.Sum256(wasm)
	return hex.EncodeToString(sum[:])
}
