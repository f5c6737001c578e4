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
		if held, _ := uploadBytes(s.Size()); held != total {
			b.Fatalf("%d bytes", s.Size())
		}
		if err := s.Remove("job"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead is a decoder's way through an upload of 64 MB: reads that begin
// anywhere.
func BenchmarkRead(b *testing.B) {
	const total, block = 64 << 20, 150_000
	s := open(b, b.TempDir())
	w := create(b, s, "job")
	if _, err := w.Write(make([]byte, total)); err != nil {
		b.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		b.Fatal(err)
	}
	r, err := s.Reader("job")
	if err != nil {
		b.Fatal(err)
	}
	p := make([]byte, block)
	b.SetBytes(total)
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		for read < total {
			n, err := r.ReadAt(p, int64(read))
			if n == 0 {
				b.Fatal(err)
			}
			read += n
		}
		if read != total {
			b.Fatalf("%d bytes", read)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}
