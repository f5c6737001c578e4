package engine

import "sync/atomic"

// budget bounds the bytes that all uploads together hold in memory, so that many
// at once, or slow ones, cost disk and not memory.
type budget struct {
	max  int64
	used atomic.Int64
}

// take takes n bytes, or nothing where they are not left.
func (b *budget) take(n int) bool {
	if b.used.Add(int64(n)) > b.max {
		b.give(n)
		return false
	}
	return true
}

func (b *budget) give(n int) { b.used.Add(-int64(n)) }
