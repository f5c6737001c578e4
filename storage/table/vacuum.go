package table

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sluice/storage"
)

// upkeep is one commit that changes how rows are stored, not what they say.
type upkeepCommit struct {
	t       *Table
	v       *view
	ops     []storage.Op
	bytes   int
	done    int
	fixes   []blockFix
	moved   bool // groups were written or deleted, so the log must tell
	payload []byte
}

func (t *Table) newUpkeep(v *view) *upkeepCommit { return &upkeepCommit{t: t, v: v} }

func (u *upkeepCommit) put(key []byte, kind byte, payload []byte) {
	value := storage.Seal(nil, key, kind, formatVersion, payload)
	u.ops = append(u.ops, storage.Op{Key: key, Value: value})
	u.bytes += len(key) + len(value)
}

func (u *upkeepCommit) delete(key []byte) {
	u.ops = append(u.ops, storage.Op{Key: key, Delete: true})
	u.bytes += len(key)
}

// fix says what is stored of a block from now on.
func (u *upkeepCommit) fix(block uint64, phys, groups int, vector bool) {
	u.fixes = append(u.fixes, blockFix{block, phys, groups, vector})
}

// kill adds dead rows to the vector of a block, or deletes the block where no
// row of it will be seen again.
func (u *upkeepCommit) kill(number uint64, dead []deadRow, horizon uint64) error {
	key := u.t.src.space.vector(number)
	var vec vector
	value, _, err := u.t.src.kv.Get(context.Background(), key)
	if err == nil {
		version, payload, err := storage.Open(key, value, sealVector)
		if err != nil || version != formatVersion || !vec.decode(payload) {
			return damaged("deletion vector", key)
		}
	} else if !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("read deletion vector: %w", err)
	}
	vec.settle(horizon)
	for _, d := range dead {
		if d.seq() <= horizon {
			vec.old.add(d.slot())
		} else {
			vec.add(d)
		}
	}
	e := u.v.dir.entry(number)
	if number < u.v.next>>blockBits && e.live() == 0 && len(vec.recent) == 0 && vec.old.len() >= e.phys() {
		return u.drop(number)
	}
	u.payload = vec.append(u.payload[:0])
	u.put(key, sealVector, u.payload)
	u.fix(number, e.phys(), e.groups(), true)
	return nil
}

// drop deletes all that is stored of a block.
func (u *upkeepCommit) drop(number uint64) error {
	prefix := u.t.src.space.block(number)
	err := u.t.src.kv.Scan(context.Background(), prefix, nil, func(key, _ []byte) error {
		u.delete(slices.Clone(key))
		return nil
	})
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	u.fix(number, 0, 0, false)
	u.moved = true
	return nil
}

// commit makes it durable and then visible.
func (u *upkeepCommit) commit() error {
	if len(u.ops) == 0 {
		return nil
	}
	t, v := u.t, *u.v
	if u.moved {
		e := entry{seq: v.seq + 1, start: v.next, live: v.live, blocks: u.fixes}
		key := t.src.space.log(e.seq)
		u.put(key, sealLog, e.append(nil))
		v.seq = e.seq
		v.active.logs++
	}
	if err := t.put(context.Background(), u.ops); err != nil {
		return err
	}
	edit := v.dir.edit()
	for _, fix := range u.fixes {
		e := edit.at(fix.block)
		*e = newDirEntry(e.live(), fix.phys, fix.groups, fix.vector)
		t.blocks.forget(fix.block)
	}
	dir := edit.directory
	v.dir = &dir
	t.view.Store(&v)
	for _, fix := range u.fixes {
		t.blocks.forget(fix.block)
	}
	return nil
}

// rewrite does a step of the blocks that are in pieces or mostly dead. Rows keep
// their record numbers, so nobody who walks the table sees one twice.
func (t *Table) rewrite() error {
	k, v := &t.keeper, t.view.Load()
	u := t.newUpkeep(v)
	tail := v.next >> blockBits
	horizon := t.horizon()
	at := max(k.at, t.base>>blockBits)
	for ; at < tail && u.bytes < stepBytes && len(u.ops) < stepKeys; at++ {
		e := v.dir.entry(at)
		inPieces := at >= k.tidy && e.groups() > 1
		mostlyDead := e.vector() && 2*e.live() <= e.phys()
		if !inPieces && !mostlyDead {
			continue
		}
		if err := u.rewrite(at, horizon); err != nil {
			return fmt.Errorf("rewrite rows: %w", err)
		}
	}
	if err := u.commit(); err != nil {
		return fmt.Errorf("rewrite rows: %w", err)
	}
	k.at = at
	if at >= tail {
		k.tidy = tail
		k.next()
	}
	return nil
}

// rewrite writes a block anew without the rows that nobody sees any more.
func (u *upkeepCommit) rewrite(number uint64, horizon uint64) error {
	var b block
	if err := b.read(context.Background(), &u.t.src, number, 0); err != nil {
		return err
	}
	before := b.dead.old
	b.dead.settle(horizon)
	var rows []groupRow
	var raw []byte
	total := 0
	for _, g := range b.groups {
		total += g.n
		for i := range g.n {
			if !b.dead.old.has(g.slot(i)) {
				rows = append(rows, g.row(i))
				raw = append(raw, g.record(i)...)
			}
		}
	}
	if len(rows) == 0 && len(b.dead.recent) == 0 {
		return u.drop(number)
	}
	cuts := cutGroups(rows)
	if len(rows) == total && len(cuts) >= len(b.groups) && b.dead.old == before {
		return nil // nothing to win
	}
	keys := make(map[uint8]bool)
	from := 0
	for i, end := range cuts {
		slot := rows[from].slot
		if i == 0 {
			slot = 0
		}
		size := 0
		for _, r := range rows[from:end] {
			size += int(r.size)
		}
		u.payload = appendGroup(u.payload[:0], number, rows[from:end], raw[:size])
		u.put(u.t.src.space.group(number, slot), sealGroup, u.payload)
		keys[slot], raw, from = true, raw[size:], end
	}
	for _, g := range b.groups {
		if !keys[g.key] {
			u.delete(u.t.src.space.group(number, g.key))
		}
	}
	// What is in old is no longer stored, so only recent remains.
	b.dead.old = slotSet{}
	if len(b.dead.recent) > 0 {
		u.payload = b.dead.append(u.payload[:0])
		u.put(u.t.src.space.vector(number), sealVector, u.payload)
	} else {
		u.delete(u.t.src.space.vector(number))
	}
	u.fix(number, len(rows), len(cuts), len(b.dead.recent) > 0)
	u.moved = true
	return nil
}

// cutGroups returns where the groups of rows end.
func cutGroups(rows []groupRow) []int {
	var cuts []int
	size := 0
	for i := range rows {
		if size >= maxGroupRaw {
			cuts, size = append(cuts, i), 0
		}
		size += int(rows[i].size)
	}
	if len(rows) > 0 {
		cuts = append(cuts, len(rows))
	}
	return cuts
}
