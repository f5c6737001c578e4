package table

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"sluice/engine/company"
	"sluice/storage"
)

// block is a decoded block of rows. Once it can be shared it never changes.
type block struct {
	cached
	number uint64
	groups []*group
	dead   vector
}

// find returns the group and the index in it of a slot.
func (b *block) find(slot uint8) (*group, int, bool) {
	for _, g := range b.groups {
		if i, ok := g.find(slot); ok {
			return g, i, true
		}
	}
	return nil, 0, false
}

func (b *block) rawBytes() int {
	n := 0
	for _, g := range b.groups {
		n += len(g.raw)
	}
	return n
}

func (b *block) size() int64 {
	const overhead = 256
	n := int64(overhead)
	for _, g := range b.groups {
		n += int64(cap(g.raw) + len(g.slots) + 4*cap(g.offs) + 8*cap(g.births) + 8*cap(g.dates) + overhead)
	}
	return n
}

// add decodes one stored value of the block. The values come in the order of
// their keys, so slots rise from group to group.
func (b *block) add(key, value []byte, tag, slot uint8) error {
	if tag == tagVector {
		version, payload, err := storage.Open(key, value, sealVector)
		if err != nil || version != formatVersion || !b.dead.decode(payload) {
			return damaged("deletion vector", key)
		}
		return nil
	}
	version, payload, err := storage.Open(key, value, sealGroup)
	if err != nil || version != formatVersion {
		return damaged("row group", key)
	}
	var g *group
	if n := len(b.groups); n < cap(b.groups) {
		if b.groups = b.groups[:n+1]; b.groups[n] == nil {
			b.groups[n] = new(group)
		}
		g = b.groups[n]
	} else {
		g = new(group)
		b.groups = append(b.groups, g)
	}
	if !g.decode(b.number, payload) || g.first < slot {
		return damaged("row group", key)
	}
	g.key = slot
	if n := len(b.groups); n > 1 && b.groups[n-2].last() >= g.first {
		return damaged("row group", key)
	}
	return nil
}

// reset makes b ready for another block and keeps its memory.
func (b *block) reset(number uint64) {
	b.number, b.groups = number, b.groups[:0]
	b.dead.reset()
}

// read reads a block. Where the directory knows that it is one group and nothing
// else, that group is all that is read.
func (b *block) read(ctx context.Context, src *source, number uint64, known dirEntry) error {
	b.reset(number)
	if known.groups() == 1 && !known.vector() {
		key := src.space.group(number, 0)
		err := src.kv.View(ctx, key, func(value []byte) error { return b.add(key, value, tagGroup, 0) })
		if err == nil {
			return nil
		}
		if !errors.Is(err, storage.ErrNotFound) {
			return fmt.Errorf("read row group: %w", err)
		}
	}
	prefix := src.space.block(number)
	err := src.kv.Scan(ctx, prefix, nil, func(key, value []byte) error {
		_, tag, slot, ok := cutRow(key[len(prefix)-8:])
		if !ok {
			return damaged("row key", key)
		}
		return b.add(key, value, tag, slot)
	})
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	return nil
}

// blockCache is where the blocks of one table are found again. A block that was
// read before another commit touched it is not kept, since it may be older.
type blockCache struct {
	cache  *cache
	shards [16]struct {
		mu     sync.Mutex
		epoch  uint64
		blocks map[uint64]*block
	}
}

func (c *blockCache) get(number uint64) (b *block, epoch uint64) {
	s := &c.shards[number%16]
	s.mu.Lock()
	b, epoch = s.blocks[number], s.epoch
	s.mu.Unlock()
	if b != nil {
		b.touch()
	}
	return b, epoch
}

func (c *blockCache) put(b *block, epoch uint64) {
	s := &c.shards[b.number%16]
	b.bytes = b.size()
	b.evict = func() {
		s.mu.Lock()
		if s.blocks[b.number] == b {
			delete(s.blocks, b.number)
		}
		s.mu.Unlock()
	}
	b.used.Store(true)
	s.mu.Lock()
	fits := s.epoch == epoch && s.blocks[b.number] == nil
	if fits {
		if s.blocks == nil {
			s.blocks = make(map[uint64]*block)
		}
		s.blocks[b.number] = b
	}
	s.mu.Unlock()
	if fits {
		c.cache.add(&b.cached)
	}
}

// forget is called when a commit changed a block, before the commit is published,
// lest a reader of the new view finds the old block, and after it, since until
// then the directory may have led a reader to a part of the block only.
func (c *blockCache) forget(number uint64) {
	s := &c.shards[number%16]
	s.mu.Lock()
	s.epoch++
	b := s.blocks[number]
	delete(s.blocks, number)
	s.mu.Unlock()
	if b != nil {
		c.cache.drop(&b.cached)
	}
}

// block returns a block, read or kept. It asks the newest directory, whatever
// view the caller has: by an older one it would miss what came since, and keep
// that for others.
func (t *Table) block(ctx context.Context, number uint64) (*block, error) {
	b, epoch := t.blocks.get(number)
	if b != nil {
		return b, nil
	}
	b = new(block)
	if err := b.read(ctx, &t.src, number, t.view.Load().dir.entry(number)); err != nil {
		return nil, err
	}
	t.blocks.put(b, epoch)
	return b, nil
}

// company makes the caller's own copy of row i of g.
func (t *Table) company(g *group, i int) company.Company {
	r := g.row(i)
	return company.Company{
		ID:      t.keys.id(r.birth),
		Record:  append(company.Record(nil), g.record(i)...),
		Created: r.created,
		Updated: r.updated,
	}
}
