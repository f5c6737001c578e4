package table

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"sluice/storage"
)

// maxReaders read the rows of many updates at once, each its own blocks: to decode
// a block for some of its rows takes longer than to change these.
const maxReaders = 4

// oneReads that many rows alone.
const oneReads = 4096

// laterReader is one of them.
type laterReader struct {
	b    block
	olds []byte // records as they were
	err  error
}

// catchUpMany is catchUp where the old rows are read before the first update is made.
func (tx *Tx) catchUpMany() error {
	l := &tx.later
	defer l.forgetLarge()
	l.order = l.order[:0]
	for i := range l.list {
		l.order = append(roomFor(l.order), l.list[i].rec<<laterBits|uint64(i))
	}
	slices.Sort(l.order)
	workers := min(maxReaders, runtime.GOMAXPROCS(0))
	if len(l.order) < oneReads {
		workers = 1
	}
	var wg sync.WaitGroup
	for w, from := 0, 0; w < workers; w++ {
		to := len(l.order) * (w + 1) / workers
		for to > from && to < len(l.order) && l.block(to) == l.block(to-1) {
			to++
		}
		part := l.order[min(from, to):to]
		from = max(from, to)
		wg.Go(func() { l.readers[w].err = tx.readOlds(uint8(w), part) })
	}
	wg.Wait()
	var errs []error
	for w := range workers {
		errs = append(errs, l.readers[w].err)
	}
	err := errors.Join(errs...)
	if errors.Is(err, storage.ErrTooLarge) { // for memory; what they become may be small
		return tx.catchUpFew()
	}
	if err != nil {
		return fmt.Errorf("read rows to update: %w", err)
	}
	for i := range l.list {
		u := &l.list[i]
		olds := l.readers[u.reader].olds
		if err := tx.change(u, &u.old, olds[u.old.off:u.old.off+u.old.size]); err != nil {
			return err
		}
	}
	return nil
}

// forgetLarge keeps no more memory for the next time than most need.
func (l *later) forgetLarge() {
	for i := range l.readers {
		if r := &l.readers[i]; cap(r.olds) > maxTxRaw/maxReaders {
			r.olds = nil
		}
	}
}

// block is the block of the row of update i in order.
func (l *later) block(i int) uint64 { return l.order[i] >> (laterBits + blockBits) }

// readOlds copies the rows of the updates of part, which are in order.
func (tx *Tx) readOlds(reader uint8, part []uint64) error {
	t, r := tx.t, &tx.later.readers[reader]
	r.olds = r.olds[:0]
	var b *block
	for _, key := range part {
		u := &tx.later.list[key&(maxLater-1)]
		if number := u.rec >> blockBits; b == nil || b.number != number {
			if b, _ = t.blocks.get(number); b == nil {
				b = &r.b
				if err := b.read(tx.ctx, &t.src, number, tx.v.dir.entry(number)); err != nil {
					return err
				}
			}
		}
		g, i, ok := b.find(uint8(u.rec))
		if !ok {
			return fmt.Errorf("row %d at key %x: %w", u.rec, t.src.space.block(u.rec>>blockBits), storage.ErrDamaged)
		}
		if len(r.olds)+len(g.record(i)) > maxTxRaw {
			return storage.ErrTooLarge
		}
		u.old, u.reader = g.row(i), reader
		u.old.off, u.old.size = uint32(len(r.olds)), uint32(len(g.record(i)))
		r.olds = append(r.olds, g.record(i)...)
	}
	return nil
}
