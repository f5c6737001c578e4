package engine

import (
	"bytes"
	"io"
	"math/rand"
	"sync"
	"testing"
)

// Whatever the sizes of the pieces, a memory gives what it was given, from anywhere.
func TestMemory(t *testing.T) {
	f := func(seed int64, total, piece int) {
		t.Helper()
		rnd := rand.New(rand.NewSource(seed))
		want := make([]byte, total)
		rnd.Read(want)
		var m memory
		for rest := want; len(rest) > 0; {
			n := min(1+rnd.Intn(piece), len(rest))
			m.add(rest[:n])
			rest = rest[n:]
		}
		var all bytes.Buffer
		if n, err := m.WriteTo(&all); n != int64(total) || err != nil || !bytes.Equal(all.Bytes(), want) {
			t.Errorf("%d of %d bytes in pieces of %d, %v", n, total, piece, err)
		}
		if m.size() != total {
			t.Errorf("size %d, want %d", m.size(), total)
		}
		model := bytes.NewReader(want)
		for range 50 {
			got, expect := make([]byte, rnd.Intn(2*memoryBlock)), make([]byte, 2*memoryBlock)
			off := int64(rnd.Intn(total + 2))
			n, err := m.ReadAt(got, off)
			k, _ := model.ReadAt(expect[:len(got)], off)
			if n != k || !bytes.Equal(got[:n], expect[:k]) || (n < len(got)) != (err == io.EOF) {
				t.Errorf("%d bytes at %d of %d: %d, %v; want %d", len(got), off, total, n, err, k)
			}
		}
		if _, err := m.ReadAt(nil, -1); err == nil {
			t.Error("read before the begin")
		}
		m.free()
		if m.size() != 0 {
			t.Errorf("%d bytes are left", m.size())
		}
	}
	f(1, 0, 1)
	f(2, 1, 1)
	f(3, 1000, 7)
	f(4, memoryBlock, memoryBlock)
	f(5, memoryBlock+1, 100)
	f(6, 3*memoryBlock, 2*memoryBlock)
	f(7, 10*memoryBlock+17, memoryBlock/3)
	f(8, 10*memoryBlock, 5*memoryBlock)
}

// Memories that come and go at once never share a block.
func TestMemoryHammer(t *testing.T) {
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			want := bytes.Repeat([]byte{byte(g)}, 3*memoryBlock/2)
			got := make([]byte, len(want))
			for range 100 {
				var m memory
				m.add(want[:100])
				m.add(want[100:])
				if n, err := m.ReadAt(got, 0); n != len(want) || err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, %v", n, err)
				}
				m.free()
			}
		})
	}
	all.Wait()
}
