package table

import (
	"fmt"
	"testing"
)

func (c *cache) check(t *testing.T, want ...*cached) {
	t.Helper()
	bytes := int64(0)
	for i, e := range c.ring {
		if e.place != i+1 || e.gone {
			t.Fatalf("%d of the ring: place %d, gone %v", i, e.place, e.gone)
		}
		bytes += e.bytes
	}
	for _, e := range c.ring[len(c.ring):cap(c.ring)] {
		if e != nil {
			t.Fatal("the ring keeps memory behind its end")
		}
	}
	if bytes != c.bytes || len(c.ring) != len(want) {
		t.Fatalf("%d things of %d bytes, counted %d; want %d", len(c.ring), bytes, c.bytes, len(want))
	}
	for _, w := range want {
		if w.place == 0 {
			t.Fatal("what should be there is not")
		}
	}
}

func TestCache(t *testing.T) {
	evicted := ""
	thing := func(name string, bytes int64) *cached {
		e := &cached{bytes: bytes}
		e.evict = func() { evicted += name }
		return e
	}
	c := &cache{limit: 10}
	a, b, d := thing("a", 4), thing("b", 3), thing("d", 3)
	c.add(a)
	c.add(b)
	c.add(d)
	c.check(t, a, b, d)
	c.drop(a) // its owner has replaced it: nothing keeps its memory
	c.check(t, b, d)
	c.drop(a)
	c.add(a)
	c.check(t, b, d)
	never := thing("n", 9) // replaced before it was counted
	c.drop(never)
	c.add(never)
	c.check(t, b, d)
	b.used.Store(true)
	e := thing("e", 5)
	c.add(e)
	c.check(t, b, e)
	if evicted != "d" {
		t.Errorf("evicted %q, of which b was used and d was not", evicted)
	}
	large := thing("l", 100)
	c.add(large)
	c.check(t, large)
	for i := range 1000 {
		x := thing(fmt.Sprint(i), 1)
		c.add(x)
		if i%3 == 0 {
			c.drop(x)
		}
	}
	if c.bytes > c.limit {
		t.Errorf("%d bytes of %d", c.bytes, c.limit)
	}
	c.check(t, c.ring...)
}
