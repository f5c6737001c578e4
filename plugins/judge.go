package plugins

import (
	"context"
	"errors"

	"sluice/engine/batch"
	"sluice/engine/fault"
	"sluice/plugins/abi"
)

// work is one Process: a batch that goes to the guest call by call.
type work struct {
	s    *Session
	g    *generation
	send outgoing
	got  incoming
	out  *batch.Batch
	log  Log    // of the call at hand
	room uint64 // bytes that may still be answered
}

// judge gives rows to the plugin in one call. After a trap it finds the guilty
// rows by halves; all of that together may burn as much as one more batch, and
// each part at most its share, so that a guest that spins is stopped soon.
func (w *work) judge(ctx context.Context, rows []uint32) error {
	e := &effort{limit: w.s.box.limits.BatchTime}
	budget := w.s.box.limits.batchFuel(len(rows))
	_, fresh, err := w.call(ctx, rows, e, budget, false)
	trap, ok := asTrap(err)
	if !ok {
		return err
	}
	w.s.keep(w, trap, budget, false)
	r := &retry{w: w, e: e, total: len(rows), budget: budget, pool: budget}
	switch {
	case len(rows) > 1:
		err = r.halve(ctx, rows)
	case fresh:
		err = w.guilty(rows[0], trap)
	default:
		err = r.try(ctx, rows) // alone this time: what earlier rows left behind is no excuse
	}
	if err == nil && r.unjudged > 0 && r.guilty == 0 {
		return w.count() // one of them did it, so that such calls come to an end too
	}
	return err
}

// retry is what is left for the rows of one call that trapped.
type retry struct {
	w      *work
	e      *effort
	total  int // rows of the call
	budget int64
	pool   int64 // not yet burnt

	guilty, unjudged int // rows
}

// share is what a part of n rows may burn: half the budget is split by rows, half
// is there so that few rows are judged on more than next to nothing.
func (r *retry) share(n int) int64 {
	const floor = 50 // parts, of which a call of 2^20 rows has 20 on its way down
	return min(r.pool, r.budget/2*int64(n)/int64(r.total)+r.budget/floor)
}

func (r *retry) halve(ctx context.Context, rows []uint32) error {
	middle := len(rows) / 2
	if err := r.try(ctx, rows[:middle]); err != nil {
		return err
	}
	return r.try(ctx, rows[middle:])
}

func (r *retry) try(ctx context.Context, rows []uint32) error {
	share := r.share(len(rows))
	if share <= 0 {
		r.unjudged += len(rows)
		r.w.unjudged(rows)
		return nil
	}
	spent, _, err := r.w.call(ctx, rows, r.e, share, len(rows) == 1)
	r.pool -= spent
	trap, ok := asTrap(err)
	if !ok {
		return err
	}
	if len(rows) > 1 {
		return r.halve(ctx, rows)
	}
	r.guilty++
	r.w.s.keep(r.w, trap, share, true)
	return r.w.guilty(rows[0], trap)
}

func asTrap(err error) (*Trap, bool) {
	var trap *Trap
	ok := errors.As(err, &trap) && fault.CodeOf(err) == fault.Internal
	return trap, ok
}

// call gives rows to one instance. fresh asks for one that has processed nothing
// yet, and reports whether it was. A Trap is the only error that may be retried.
func (w *work) call(ctx context.Context, rows []uint32, e *effort, fuel int64, fresh bool) (spent int64, wasFresh bool, err error) {
	s := w.s
	in, err := s.ready(ctx, w.g, e, fresh)
	if err != nil {
		return 0, false, err
	}
	if len(w.send.rows) != len(rows) || &w.send.rows[0] != &rows[0] {
		w.send.measure(rows, len(rows), maxCallBytes)
	}
	w.got.columns, w.got.crossed, w.got.rows = w.g.answer.own, len(w.send.input), len(rows)
	wasFresh = in.calls == 0
	in.calls++
	w.log.follow(s.log)
	in.log = &w.log
	before := e.ran
	spent, err = in.run(ctx, e, fuel, func() error {
		ptr, region, err := in.allocate(w.send.size())
		if err != nil {
			return err
		}
		w.send.write(region, ptr)
		in.stack[0] = uint64(ptr)
		if err := called(in, in.process, in.stack[:1]); err != nil {
			return err
		}
		return w.got.check(in.memory(), uint32(in.stack[0]), &w.send, w.g.answer.pass, s.box.limits)
	})
	ran := e.ran - before
	s.fuel.Add(spent)
	s.ran.Add(int64(ran))
	s.memory.Store(int64(in.mod.Memory().Size()))
	trap, trapped := asTrap(err)
	if !trapped {
		s.log.take(&w.log) // of rows that are tried again only the last call counts
	}
	if err != nil {
		s.discard(ctx, in)
		if trapped {
			s.box.events.Trapped(s.tenant, s.job.Plugin, trap.Reason)
		}
		return spent, wasFresh, err
	}
	if w.got.bytes > w.room {
		s.put(ctx, in)
		return spent, wasFresh, fault.New(fault.ImportFailed, "the plugin answered more than %d bytes for one batch, four times --plugin-max-bytes-out", 4*s.box.limits.BytesOut)
	}
	w.room -= w.got.bytes
	w.got.copyOut(&w.send, w.out, w.g.answer.pass)
	w.got.mem, w.got.cells, w.got.source, w.got.errors = nil, nil, nil, nil
	s.put(ctx, in)
	s.rows.Add(int64(len(rows)))
	s.perRow.Store(spent/int64(len(rows)) + 1)
	s.box.events.Called(s.tenant, s.job.Plugin, len(rows), spent, ran)
	return spent, wasFresh, nil
}

// maxCallBytes is no limit: rows that were measured once are sent as they are.
const maxCallBytes = 1 << 31

// guilty fails a row that made the plugin trap alone.
func (w *work) guilty(row uint32, trap *Trap) error {
	w.s.log.take(&w.log)
	w.send.in.Fail(int(row), batch.NoColumn, fault.PluginTrap, trap.message())
	return w.count()
}

// unjudged fails rows whose share of the retries is used up.
func (w *work) unjudged(rows []uint32) {
	for _, row := range rows {
		w.send.in.Fail(int(row), batch.NoColumn, fault.PluginTrap,
			"the plugin trapped on a batch with this row, and the fuel to find out which row did it is used up")
	}
}

// count ends the job once too many rows are guilty. A trial goes on, to tell of
// each of its few rows.
func (w *work) count() error {
	s := w.s
	if most := s.box.limits.MaxTraps; s.traps.Add(1) > int64(most) && s.failure == nil {
		last := w.send.in.Faults[len(w.send.in.Faults)-1].Message
		err := fault.New(fault.ImportFailed, "the plugin trapped on more than %d rows (--plugin-max-traps); the last: %s", most, clip(last, abi.MaxMessage))
		if !s.trial {
			return err
		}
		s.failure = err
	}
	return nil
}
