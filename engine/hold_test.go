package engine

import (
	"testing"
	"testing/synctest"
)

// Batches wait while those before them hold too much, and never the next to be
// applied.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHold()
		begun := make([]bool, 5)
		begin := func(number int) {
			go func() {
				h.wait(number)
				begun[number] = true
			}()
			synctest.Wait()
		}
		want := func(what string, want ...bool) {
			t.Helper()
			for i, w := range want {
				if begun[i] != w {
					t.Errorf("%s: batch %d has begun: %v", what, i, begun[i])
				}
			}
		}
		begin(1)
		want("nothing is held", false, true)
		h.add(heldBytes + 1)
		begin(2)
		begin(3)
		begin(0)
		want("much is held by a later one", true, true, false, false)
		h.add(10)
		h.done(10)
		synctest.Wait()
		want("the first was applied", true, true, false, false)
		h.done(heldBytes + 1)
		synctest.Wait()
		want("the second was applied", true, true, true, true)
		h.add(2 * heldBytes)
		begin(4)
		want("much is held again", true, true, true, true, false)
		h.end()
		synctest.Wait()
		want("the end", true, true, true, true, true)
	})
}
