package spool

import "testing"

// BenchmarkWrite is an upload of 64 MB, to the disk and durable.
func BenchmarkWrite(b *testing.B) {
	const total, block = 64 << 20, 1 << 20
	s := open(b, b.TempDir())
	p := make([]byte, block)
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		w := create(b, s, "job")
		for range total / block {
			if _, err := w.Write(p); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Commit(); err != nil {
			b.Fatal(err)
		}
		if s.Size() != total {
			b.Fatalf("%d bytes", s.Size())
		}
		if err := s.Remove("job"); err != nil {
			b.Fatal(err)
		}
	}
}
