package engine

import "sync"

// heldBytes bounds what is made of the batches of one import before it is applied,
// but for the batches that are being made. Usual ones stay far below it; a plugin
// may make 64 MB of a few bytes.
const heldBytes = 64 << 20

// hold makes batches wait to be prepared while those before them hold too much. The
// next one to be applied never waits: nothing else would free what later ones hold.
type hold struct {
	mu      sync.Mutex
	freed   sync.Cond
	bytes   int
	applied int // batches
	ended   bool
}

func newHold() *hold {
	h := &hold{}
	h.freed.L = &h.mu
	return h
}

// wait waits until the batch with this number, from 0, may be prepared.
func (h *hold) wait(number int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.bytes > heldBytes && number > h.applied && !h.ended {
		h.freed.Wait()
	}
}

// add counts what was made of a batch.
func (h *hold) add(bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes += bytes
}

// done takes off what was made of the batch that was applied.
func (h *hold) done(bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes -= bytes
	h.applied++
	h.freed.Broadcast()
}

// end lets all go on: nobody will apply anything more.
func (h *hold) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.freed.Broadcast()
}
