package table

import (
	"bytes"
	"fmt"
	"slices"

	"sluice/storage"
)

// maxGroups is in how many groups the last block of a table may stand. A small
// commit adds one; the commit that would go past it writes the block as one.
const maxGroups = 16

// seal makes a group of the rows that are in none. They are of one block. With
// more rows to come it may be compressed beside.
func (tx *Tx) seal(more bool) error {
	if tx.sealed == len(tx.rows) {
		return nil
	}
	rows, raw := tx.rows[tx.sealed:], tx.raw
	rec := tx.start + uint64(tx.sealed)
	made := sealedGroup{block: rec >> blockBits, end: len(tx.rows), raw: tx.raws.keep(raw)}
	slot := uint8(rec)
	if known := tx.v.dir.entry(made.block); tx.sealed == 0 && known.groups() >= maxGroups {
		var b block
		if err := b.read(tx.ctx, &tx.t.src, made.block, 0); err != nil {
			return fmt.Errorf("seal rows: %w", err)
		}
		if b.rawBytes()+len(raw) <= maxGroupRaw {
			rows, raw = joinGroups(b.groups, rows, raw)
			slot, made.joins, more = 0, len(b.groups), false
			for _, g := range b.groups {
				if g.key != 0 {
					made.drops = append(made.drops, storage.Op{Key: tx.t.src.space.group(made.block, g.key), Delete: true})
				}
			}
		}
	}
	made.op.Key = tx.t.src.space.group(made.block, slot)
	at := len(tx.groups)
	tx.groups = append(tx.groups, made)
	tx.collect(false)
	if !more || !tx.sealer.give(&sealing{at: at, block: made.block, key: made.op.Key, rows: rows, raw: raw, most: tx.openBytes}) {
		tx.payload = appendGroup(tx.payload[:0], made.block, rows, raw)
		tx.sealedAs(at, envelope(&tx.values, made.op.Key, sealGroup, tx.payload))
	}
	tx.sealed = len(tx.rows)
	tx.rawBytes += len(made.raw)
	tx.raw, tx.openBytes = tx.raws.take(minGroupRoom), 0
	return nil
}

// joinGroups puts rows behind those of groups.
func joinGroups(groups []*group, rows []groupRow, raw []byte) ([]groupRow, []byte) {
	var allRows []groupRow
	var allRaw []byte
	for _, g := range groups {
		for i := range g.n {
			allRows = append(allRows, g.row(i))
		}
		allRaw = append(allRaw, g.raw...)
	}
	return append(allRows, rows...), append(allRaw, raw...)
}

// assemble returns all that the commit puts and deletes.
func (tx *Tx) assemble() ([]storage.Op, error) {
	if err := tx.seal(false); err != nil {
		return nil, err
	}
	tx.collect(true)
	for i := range tx.groups {
		tx.ops = append(append(tx.ops, tx.groups[i].op), tx.groups[i].drops...)
	}
	if tx.changesTable() {
		slices.Sort(tx.dead)
		slices.Sort(tx.unborn)
		tx.entry = entry{
			seq: tx.v.seq + 1, start: tx.start, rows: uint64(len(tx.rows)), live: tx.live,
			dead: tx.dead, gone: tx.entry.gone[:0], unborn: tx.unborn,
		}
		for i := range tx.doms.slots {
			if s := &tx.doms.slots[i]; s.used && s.val == gone {
				tx.entry.gone = append(tx.entry.gone, hash{s.hi, s.lo})
			}
		}
		tx.ops = append(tx.ops, tx.logOp())
	}
	tx.ops = append(tx.ops, lastPuts(tx.extras)...)
	return tx.ops, nil
}

func (tx *Tx) logOp() storage.Op {
	key := tx.t.src.space.log(tx.entry.seq)
	tx.payload = tx.entry.append(tx.payload[:0])
	return storage.Op{Key: key, Value: envelope(&tx.values, key, sealLog, tx.payload)}
}

// lastPuts keeps the last op of each key: not every engine takes two.
func lastPuts(ops []storage.Op) []storage.Op {
	if len(ops) < 2 {
		return ops
	}
	sorted := slices.Clone(ops)
	slices.SortStableFunc(sorted, func(a, b storage.Op) int { return bytes.Compare(a.Key, b.Key) })
	kept := sorted[:0]
	for i, op := range sorted {
		if i+1 == len(sorted) || !bytes.Equal(op.Key, sorted[i+1].Key) {
			kept = append(kept, op)
		}
	}
	return kept
}

// publish makes the commit visible, once it is durable.
func (tx *Tx) publish() {
	if tx.changesTable() {
		tx.show()
		tx.absorb()
	}
}

// show makes all of the commit visible at once: no reader meets a part of it.
func (tx *Tx) show() {
	t, v := tx.t, *tx.v
	v.seq, v.next, v.live = tx.entry.seq, tx.start+uint64(len(tx.rows)), tx.live
	edit := v.dir.edit()
	for i := range tx.groups {
		g := &tx.groups[i]
		e := edit.at(g.block)
		*e = newDirEntry(e.live()+g.end-tx.begun(i), e.phys()+g.end-tx.begun(i), e.groups()+1-g.joins, e.vector())
	}
	for _, rec := range tx.dead {
		edit.add(rec>>blockBits, -1, 0, 0)
	}
	dir := edit.directory
	v.dir = &dir
	// What died carries its commit, so no reader of an older view takes it for dead.
	v.active.dead.add(v.seq, tx.dead)
	if len(tx.rows) > 0 {
		t.blocks.forget(tx.start >> blockBits)
	}
	v.fresh = &places{doms: &tx.doms, ids: &tx.ids}
	t.view.Store(&v)
	if len(tx.rows) > 0 {
		t.blocks.forget(tx.start >> blockBits)
	}
}

// absorb moves the places of a commit that was shown into the delta.
func (tx *Tx) absorb() {
	t, v := tx.t, *tx.t.view.Load()
	before := v.active.size()
	for i := range tx.doms.slots {
		if s := &tx.doms.slots[i]; s.used && s.val != none && v.active.doms.set(hash{s.hi, s.lo}, s.val) {
			v.active.domN++
		}
	}
	for i := range tx.ids.slots {
		if s := &tx.ids.slots[i]; s.used && s.val != none && v.active.ids.set(hash{s.hi, s.lo}, s.val) {
			v.active.idN++
		}
	}
	v.active.deadN += len(tx.dead)
	v.active.logs++
	t.set.deltaRows.Add(int64(v.active.size() - before))
	fresh := v.fresh
	v.fresh = nil
	t.view.Store(&v)
	fresh.close()
}

// begun is the number of rows before group i.
func (tx *Tx) begun(i int) int {
	if i == 0 {
		return 0
	}
	return tx.groups[i-1].end
}
