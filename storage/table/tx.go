package table

import (
	"context"
	"slices"
	"sort"

	"sluice/engine/tuple"
	"sluice/storage"
)

// Tx is a commit being made. It lives in the table's writer and is only valid
// inside the fn that it was given to.
type Tx struct {
	t   *Table
	ctx context.Context
	v   *view
	now int64
	job string

	start  uint64 // record number of rows[0]
	rows   []groupRow
	raw    []byte // records of the rows that stand in no group yet
	raws   arena  // of all rows
	sealed int    // rows that stand in groups
	groups []sealedGroup
	sealer sealer
	doms   hashMap // places of the commit, over the view's
	ids    hashMap
	undo   []undo
	dead   []uint64
	unborn []uint64 // births of deleted companies
	gone   int      // domains without a company any more, at most
	live   int64
	extras []storage.Op

	groupBytes, extraBytes, openBytes int
	rawBytes                          int   // records in groups
	full                              bool  // a row did not fit
	over                              bool  // an extra record did not fit
	broken                            error // of an Apply; what it left behind must be undone

	prober  prober
	later   later
	touched uint64 // keeps the reads of a touch from being left out
	last    *block // read last
	lastOf  *Table
	patcher
	payload []byte
	values  arena // sealed values of the commit
	entry   entry
	ops     []storage.Op
}

// sealedGroup is a group that is ready to be put.
type sealedGroup struct {
	op    storage.Op
	block uint64
	end   int          // rows of the commit up to it
	raw   []byte       // their records
	drops []storage.Op // of the groups of the block that it replaces
	joins int          // how many it replaces
}

type undo struct {
	h   hash
	old place
	ids bool
}

// savepoint is where a Tx stood before a fn.
type savepoint struct {
	rows, undo, dead, unborn, gone, extras, extraBytes int
	live                                               int64
}

// Limits of what a Tx takes; the rest of a commit is for what goes with it.
// Rows leave a share for extra records, which often come last.
const (
	txMaxBytes    = storage.MaxCommitBytes - 16<<10
	txMaxKeys     = storage.MaxCommitKeys - 8
	reservedBytes = 256 << 10
	reservedKeys  = 32
	maxTxRaw      = 32 << 20 // records before they are compressed, which bounds memory
	minGroupRoom  = 64 << 10 // for the records of the next group
)

func (tx *Tx) begin(ctx context.Context) {
	tx.collect(true)
	tx.sealer.values.reset()
	v := tx.t.view.Load()
	tx.ctx, tx.v, tx.start, tx.live = ctx, v, v.next, v.live
	tx.rows, tx.sealed = tx.rows[:0], 0
	tx.raws.reset()
	tx.values.reset()
	tx.raw, tx.rawBytes = tx.raws.take(minGroupRoom), 0
	tx.doms.reset()
	tx.ids.reset()
	clear(tx.groups)
	clear(tx.extras)
	clear(tx.ops)
	tx.groups, tx.undo, tx.dead, tx.extras, tx.ops = tx.groups[:0], tx.undo[:0], tx.dead[:0], tx.extras[:0], tx.ops[:0]
	tx.unborn, tx.gone, tx.groupBytes, tx.extraBytes, tx.openBytes = tx.unborn[:0], 0, 0, 0, 0
	tx.later.reset()
	tx.full, tx.over, tx.broken, tx.last, tx.lastOf = false, false, nil, nil, nil
}

// empty reports whether nothing is in the commit yet.
func (tx *Tx) empty() bool { return len(tx.rows) == 0 && len(tx.undo) == 0 && len(tx.extras) == 0 }

// changesTable reports whether the commit is more than extra records.
func (tx *Tx) changesTable() bool { return len(tx.rows) > 0 || len(tx.undo) > 0 }

func (tx *Tx) save() savepoint {
	return savepoint{len(tx.rows), len(tx.undo), len(tx.dead), len(tx.unborn), tx.gone, len(tx.extras), tx.extraBytes, tx.live}
}

// restore undoes what was done since s. Rows of an earlier fn whose group was
// sealed together with undone ones are opened again.
func (tx *Tx) restore(s savepoint) {
	tx.later.reset()
	tx.collect(true)
	reopened := false
	for len(tx.groups) > 0 && tx.groups[len(tx.groups)-1].end > s.rows {
		tx.raw, reopened = tx.dropGroup(), true
	}
	tx.sealed = 0
	if n := len(tx.groups); n > 0 {
		tx.sealed = tx.groups[n-1].end
	}
	tx.rows = tx.rows[:s.rows]
	tx.openBytes = 0
	for i := tx.sealed; i < len(tx.rows); i++ {
		tx.openBytes += rowCost(int(tx.rows[i].size), tx.rows[i].job)
	}
	switch n := len(tx.rows); {
	case n > tx.sealed:
		tx.raw = tx.raw[:tx.rows[n-1].off+tx.rows[n-1].size]
	case reopened:
		tx.raw = tx.raws.take(minGroupRoom)
	default:
		tx.raw = tx.raw[:0]
	}
	for i := len(tx.undo) - 1; i >= s.undo; i-- {
		if u := tx.undo[i]; u.ids {
			tx.ids.set(u.h, u.old)
		} else {
			tx.doms.set(u.h, u.old)
		}
	}
	clear(tx.extras[s.extras:])
	tx.undo, tx.dead, tx.extras = tx.undo[:s.undo], tx.dead[:s.dead], tx.extras[:s.extras]
	tx.unborn = tx.unborn[:s.unborn]
	tx.gone, tx.extraBytes, tx.live = s.gone, s.extraBytes, s.live
}

// dropGroup opens the last group again and returns its records.
func (tx *Tx) dropGroup() []byte {
	g := &tx.groups[len(tx.groups)-1]
	raw := g.raw
	tx.groupBytes -= len(g.op.Key) + len(g.op.Value)
	tx.rawBytes -= len(raw)
	*g = sealedGroup{}
	tx.groups = tx.groups[:len(tx.groups)-1]
	return raw
}

// rawOf returns the records among which that of row i is.
func (tx *Tx) rawOf(i int) []byte {
	if i >= tx.sealed {
		return tx.raw
	}
	n := sort.Search(len(tx.groups), func(n int) bool { return tx.groups[n].end > i })
	return tx.groups[n].raw
}

// rowCost is the most that an open row adds to its group.
func rowCost(size int, job string) int { return size + len(job) + 40 }

// Bytes is the most that the commit takes so far.
func (tx *Tx) Bytes() int {
	n := tx.groupBytes + tx.sealer.bytes + tx.extraBytes + tx.openBytes + tx.tailReserve() + tx.waiting().stored
	return n + maxEntryHead + maxDelta*(len(tx.dead)+len(tx.unborn)) + bucketKey*tx.gone
}

// Rows is the number of rows that the commit holds so far.
func (tx *Tx) Rows() int { return len(tx.rows) }

// keysUsed is the most keys that the commit takes so far.
func (tx *Tx) keysUsed() int {
	n := len(tx.groups) + len(tx.extras) + tx.waitingKeys() + 2
	if tx.v.dir.entry(tx.start>>blockBits).groups() >= maxGroups {
		n += maxGroups
	}
	return n
}

// tailReserve is room for rewriting a last block that is in too many pieces.
func (tx *Tx) tailReserve() int {
	if tx.v.dir.entry(tx.start>>blockBits).groups() >= maxGroups {
		return maxGroupRaw + blockRows*64
	}
	return 0
}

// fits reports whether bytes more of rows go into the commit.
func (tx *Tx) fits(bytes int) bool {
	if tx.hasRoom(bytes) {
		return true
	}
	tx.collect(true) // compressed, groups take less
	if tx.hasRoom(bytes) {
		return true
	}
	tx.full = true
	return false
}

func (tx *Tx) hasRoom(bytes int) bool {
	// A row may end a group, and a change may cost the log a dead row, a domain
	// and a birth.
	const change = 128
	return tx.rawBytes+len(tx.raw)+tx.waiting().raw < maxTxRaw && tx.Bytes()+max(0, reservedBytes-tx.extraBytes)+bytes+change <= txMaxBytes &&
		tx.keysUsed()+max(0, reservedKeys-len(tx.extras))+1 <= txMaxKeys
}

// Put adds a record beside the table to the commit. A key put twice keeps what
// came last.
func (tx *Tx) Put(key tuple.Key, value []byte) {
	tx.extra(storage.Op{Key: slices.Clone(key), Value: slices.Clone(value)})
}

// Delete removes a record beside the table in the commit.
func (tx *Tx) Delete(key tuple.Key) {
	tx.extra(storage.Op{Key: slices.Clone(key), Delete: true})
}

func (tx *Tx) extra(op storage.Op) {
	tx.extras = append(tx.extras, op)
	tx.extraBytes += len(op.Key) + len(op.Value)
	if tx.Bytes() > txMaxBytes {
		tx.collect(true)
	}
	if tx.Bytes() > txMaxBytes || tx.keysUsed() > txMaxKeys {
		tx.over = true
	}
}

// Job names the job that the rows of this fn come from; at most 255 bytes count.
func (tx *Tx) Job(id string) { tx.job = id[:min(len(id), 255)] }

// setDomain and setID change places in the commit, so that they can be undone.
func (tx *Tx) setDomain(h hash, p place) {
	tx.undo = append(roomFor(tx.undo), undo{h: h, old: tx.doms.set(h, p)})
	if p == gone {
		tx.gone++
	}
}

func (tx *Tx) setID(birth uint64, p place) {
	h := tx.t.keys.birth(birth)
	tx.undo = append(roomFor(tx.undo), undo{h: h, old: tx.ids.set(h, p), ids: true})
	if p == gone {
		tx.unborn = append(tx.unborn, birth)
	}
}

// roomFor makes room for one more; append alone would copy a long list many
// times on its way to a full commit.
func roomFor[T any](list []T) []T {
	if len(list) < cap(list) {
		return list
	}
	return append(make([]T, 0, max(64, 4*len(list))), list...)
}
