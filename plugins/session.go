package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/plugins/abi"
)

// Session is one job's open plugin. Its methods may be called from several
// goroutines at once.
type Session struct {
	box    *Sandbox
	tenant string
	job    Job
	lease  *lease // keeps the module
	log    *Log

	closing func(context.Context) error // runs once, when the session is closed; nil: nothing

	mu          sync.Mutex
	generations []*generation // by number of columns, rising

	trial   bool  // it goes on past the limit of traps,
	failure error // and this is what would have ended a job then

	busy   int // instances in use; with closed, under the pool's lock
	closed bool

	traps   atomic.Int64
	fuel    atomic.Int64 // burnt by process
	rows    atomic.Int64 // judged
	ran     atomic.Int64 // nanoseconds
	perRow  atomic.Int64 // fuel of a row, as of late; 0: not known
	memory  atomic.Int64 // bytes of the instance that processed last
	bundles struct {
		sync.Mutex
		first *Bundle
		alone bool // it is one guilty row
	}
}

// generation is what open answers for one list of columns. It never changes.
type generation struct {
	columns []string
	context []byte
	said    []byte // open's answer, as the first instance gave it
	answer  *answer
}

// maxGenerations is how many are kept: more than batches are on their way at once.
// Rows may bring thousands of columns one by one, and each generation has all names.
const maxGenerations = 64

// firstCallRows is how many rows are sent before it is known what a row costs.
const firstCallRows = 64

// Columns names what Process answers for batches of n columns.
func (s *Session) Columns(n int) ([]string, error) {
	g, err := s.generation(n)
	if err != nil {
		return nil, err
	}
	return slices.Clone(g.answer.columns), nil
}

// Log is what the plugin wrote so far.
func (s *Session) Log() *Log { return s.log }

// Fuel is what process burnt so far, the rows that it judged and how long it ran.
func (s *Session) Fuel() (fuel, rows int64, ran time.Duration) {
	return s.fuel.Load(), s.rows.Load(), time.Duration(s.ran.Load())
}

// MemoryBytes is how large the memory of the instance is that processed last; a
// guest's memory never shrinks.
func (s *Session) MemoryBytes() int64 { return s.memory.Load() }

// Bundle returns the first batch that made the plugin trap, cut down to the
// guilty row where that could be found; nil: none did.
func (s *Session) Bundle() *Bundle {
	s.bundles.Lock()
	defer s.bundles.Unlock()
	return s.bundles.first
}

// Extend tells of columns that appeared later: the longer list, the new ones at
// its end. Batches with that many columns use the new answer.
func (s *Session) Extend(ctx context.Context, columns []string) error {
	s.mu.Lock()
	last := s.generations[len(s.generations)-1]
	s.mu.Unlock()
	if len(columns) < len(last.columns) || !slices.Equal(columns[:len(last.columns)], last.columns) {
		return errors.New("extend plugin: the longer list of columns does not begin with the former one")
	}
	if len(columns) == len(last.columns) {
		return nil
	}
	g, err := s.newGeneration(columns)
	if err != nil {
		return err
	}
	return s.reopen(ctx, g)
}

func (s *Session) newGeneration(columns []string) (*generation, error) {
	context, err := openContext(s.job, columns)
	if err != nil {
		return nil, fmt.Errorf("encode plugin context: %w", err)
	}
	return &generation{columns: slices.Clone(columns), context: context}, nil
}

// reopen asks an instance for the answer to g, and makes g the job's newest.
func (s *Session) reopen(ctx context.Context, g *generation) error {
	e := &effort{limit: s.box.limits.BatchTime}
	in, err := s.take(ctx, e, s.log)
	if err != nil {
		return err
	}
	said, err := s.openInstance(ctx, in, g, e)
	if err != nil {
		s.discard(ctx, in)
		return err
	}
	s.put(ctx, in)
	if g.answer, err = parseAnswer(said, g.columns); err != nil {
		return err
	}
	g.said = said
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.generations) == maxGenerations {
		s.generations = slices.Delete(s.generations, 0, 1)
	}
	s.generations = append(s.generations, g)
	return nil
}

// openInstance opens in for g. A trap there is the job's end.
func (s *Session) openInstance(ctx context.Context, in *instance, g *generation, e *effort) ([]byte, error) {
	said, err := in.openJob(ctx, e, s.box.limits.FuelStart, g.context, s.box.limits.OpenBytes)
	if err != nil {
		return nil, s.openFailed(err)
	}
	in.columns = len(g.columns)
	return said, nil
}

func (s *Session) openFailed(err error) error {
	var trap *Trap
	if errors.As(err, &trap) {
		s.box.events.Trapped(s.tenant, s.job.Plugin, trap.Reason)
		return fault.Wrap(fault.ImportFailed, err, "the plugin trapped while it was opened: %s", clip(trap.Error(), abi.MaxMessage))
	}
	return err
}

func (s *Session) generation(columns int) (*generation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.generations {
		if len(g.columns) == columns {
			return g, nil
		}
	}
	return nil, fmt.Errorf("process plugin batch: the plugin was not opened for %d columns", columns)
}

// ready returns an instance that is open for g. What it says until then another
// one has said before, so it is dropped, unless it says why it could not be opened.
func (s *Session) ready(ctx context.Context, g *generation, e *effort, fresh bool) (*instance, error) {
	var said Log
	said.follow(s.log)
	in, err := s.opened(ctx, g, e, fresh, &said)
	if err != nil {
		s.log.take(&said)
	}
	return in, err
}

func (s *Session) opened(ctx context.Context, g *generation, e *effort, fresh bool, log *Log) (*instance, error) {
	in, err := s.take(ctx, e, log)
	if err != nil {
		return nil, err
	}
	for fresh && in.calls > 0 {
		s.discard(ctx, in)
		if in, err = s.take(ctx, e, log); err != nil {
			return nil, err
		}
	}
	if in.columns == len(g.columns) {
		return in, nil
	}
	said, err := s.openInstance(ctx, in, g, e)
	if err == nil && !bytes.Equal(said, g.said) {
		err = refused("open answered differently in another instance; the answer must follow from the job alone")
	}
	if err != nil {
		s.discard(ctx, in)
		return nil, err
	}
	return in, nil
}

// Process gives the rows of in that have not failed to the plugin, fills out and
// returns the names of out's columns. Rows that the plugin rejects, or traps on,
// fail in in. An error ends the job.
func (s *Session) Process(ctx context.Context, in, out *batch.Batch) ([]string, error) {
	g, err := s.generation(in.Cols)
	if err != nil {
		return nil, err
	}
	out.Reset(len(g.answer.columns))
	if out.Source == nil {
		out.Source = []uint32{} // nil would mean that row i came from row i
	}
	rows := make([]uint32, 0, len(in.Rows))
	for i := range in.Rows {
		if !in.Rows[i].Failed {
			rows = append(rows, uint32(i))
		}
	}
	faults := len(in.Faults)
	w := &work{s: s, g: g, out: out, room: 4 * uint64(s.box.limits.BytesOut)}
	w.send = outgoing{in: in, input: g.answer.input, whole: g.answer.identity}
	for len(rows) > 0 {
		n := w.send.measure(rows, s.callRows(), s.box.limits.CallBytes)
		if err := w.judge(ctx, rows[:n]); err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	slices.SortStableFunc(in.Faults[faults:], func(a, b batch.Fault) int { return a.Row - b.Row })
	return g.answer.columns, nil
}

// callRows is how many rows are sent in one call, so that it stays well below the
// fuel of a batch.
func (s *Session) callRows() int {
	per := s.perRow.Load()
	if per == 0 {
		return min(firstCallRows, s.box.limits.CallRows)
	}
	return int(min(max(s.box.limits.FuelPerBatch/4/per, 1), int64(s.box.limits.CallRows)))
}

// Close frees the instances. It waits for nobody: an instance that still works
// is freed when it is given back.
func (s *Session) Close(ctx context.Context) error {
	if !s.box.instances.leave(ctx, s) || s.closing == nil {
		return nil
	}
	return s.closing(ctx)
}

// take returns an instance to work with, an idle or a fresh one, that writes to log.
func (s *Session) take(ctx context.Context, e *effort, log *Log) (*instance, error) {
	in, err := s.box.instances.take(ctx, s)
	if err != nil {
		return nil, err
	}
	if in != nil {
		in.log = log
		return in, nil
	}
	began := time.Now()
	around := surroundings{gate: s.box.gate, tenant: s.tenant, log: log, seed: s.job.Seed, clock: s.job.Clock}
	in, err = s.lease.module.start(ctx, around, e, s.box.limits.FuelStart)
	if err != nil {
		s.box.instances.drop(ctx, s)
		return nil, s.openFailed(err)
	}
	s.box.events.Opened(s.tenant, s.job.Plugin, time.Since(began))
	return in, nil
}

func (s *Session) put(ctx context.Context, in *instance) {
	in.log = nil // an idle instance keeps no batch alive, which a call's log is part of
	s.box.instances.put(ctx, s, in)
}

func (s *Session) discard(ctx context.Context, in *instance) {
	in.close(ctx)
	s.box.instances.drop(ctx, s)
}
