package table

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"sluice/storage"
)

// maxReaders read the rows of many updates and change them at once, each its own blocks.
const maxReaders = 4

// oneReads that many rows alone.
const oneReads = 4096

// laterReader is one of them.
type laterReader struct {
	patcher
	b    block
	news []byte // records as they become
	err  error
}

// catchUpMany is catchUp where rows are read and changed in the order of the blocks,
// and then added in their own.
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
		wg.Go(func() { l.readers[w].err = tx.readPart(uint8(w), part) })
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
		if i%touchAhead == 0 {
			for j := range l.list[i:min(i+touchAhead, len(l.list))] {
				h := tx.t.keys.birth(l.list[i+j].birth)
				tx.touched += tx.ids.touch(h) + tx.ids.touchSlot(h)
			}
		}
		u := &l.list[i]
		if again, err := tx.changeAgain(u); err != nil {
			return err
		} else if again || u.same {
			continue
		}
		at := len(tx.raw)
		tx.raw = append(tx.raw, l.readers[u.reader].news[u.old.off:u.old.off+u.old.size]...)
		if err := tx.replace(u, &u.old, at); err != nil {
			return err
		}
	}
	return nil
}

// touchAhead is for how many updates memory is asked for at once. Between them a load
// that misses would hold up all that is done after it.
const touchAhead = 64

// forgetLarge keeps no more memory for the next time than most need.
func (l *later) forgetLarge() {
	for i := range l.readers {
		if r := &l.readers[i]; cap(r.news) > maxTxRaw/maxReaders {
			r.news = nil
		}
	}
}

// block is the block of the row of update i in order.
func (l *later) block(i int) uint64 { return l.order[i] >> (laterBits + blockBits) }

// readPart makes the records of the updates of part, which are in order.
func (tx *Tx) readPart(reader uint8, part []uint64) error {
	t, r := tx.t, &tx.later.readers[reader]
	r.news = r.news[:0]
	var b *block
	for _, key := range part {
		u := &tx.later.list[key&(maxLater-1)]
		if number := u.rec >> blockBits; b == nil || b.number != number {
			if b, _ = t.blocks.get(number); b == nil {
				b = &r.b
				// Which rows are dead is known, so the vector is not read.
				if err := b.read(tx.ctx, &t.src, number, tx.v.dir.entry(number)&^dirVectorBit); err != nil {
					return err
				}
			}
		}
		g, i, ok := b.find(uint8(u.rec))
		if !ok {
			return fmt.Errorf("row %d at key %x: %w", u.rec, t.src.space.block(u.rec>>blockBits), storage.ErrDamaged)
		}
		at := len(r.news)
		news, same, err := r.merge(r.news, g.record(i), tx.later.patch(u))
		if err != nil {
			return err
		}
		if len(news) > maxTxRaw {
			return storage.ErrTooLarge
		}
		r.news = news
		u.old, u.reader, u.same = g.row(i), reader, same
		u.old.off, u.old.size = uint32(at), uint32(len(news)-at)
	}
	return nil
}
