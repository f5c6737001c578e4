package table

import (
	"context"
	"math/rand"
	"testing"
	"time"

	"sluice/storage/storagetest"
)

// The same on the durable engine, closed and opened again on the way.
func TestOnDisk(t *testing.T) {
	dir, m, rnd := t.TempDir(), &model{}, rand.New(rand.NewSource(9))
	o := Options{DeltaRows: 200, Vacuum: true, Now: func() time.Time { return time.UnixMilli(1) }}
	for range 3 {
		kv := storagetest.OpenDir(t, dir)
		s, tab := mustOpen(t, kv, o)
		for range 8 {
			ops := randomOps(rnd, m, 150)
			m.check(t, ops, apply(t, tab, ops...), 1)
		}
		m.agree(t, tab)
		if err := tab.Vacuum(context.Background()); err != nil {
			t.Fatal(err)
		}
		m.agree(t, tab)
		mustClose(t, s)
		if err := kv.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
