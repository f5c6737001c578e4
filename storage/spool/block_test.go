package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/storage"
)

// written returns a spool folder with one upload in it, and that.
func written(tb testing.TB, id string, bytes int) (*Spool, []byte) {
	tb.Helper()
	s, err := Open(tb.TempDir(), Options{MinFreeBytes: 1, Calls: Calls{
		Sync: func(*os.File) error { return nil }, SyncDir: func(string) error { return nil }}})
	if err != nil {
		tb.Fatal(err)
	}
	data := make([]byte, bytes)
	rand.New(rand.NewSource(int64(bytes))).Read(data)
	w := create(tb, s, id)
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		tb.Fatal(err)
	}
	return s, data
}

// change rewrites the file of an upload.
func (s *Spool) change(tb testing.TB, id string, change func(file []byte) []byte) {
	tb.Helper()
	file, err := os.ReadFile(s.path(id, suffix))
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(s.path(id, suffix), change(file), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// sound reads an upload to its end: what comes before an error is what was
// written, and without one it is all there.
func (s *Spool) sound(tb testing.TB, id string, want []byte) error {
	tb.Helper()
	r, err := s.Reader(id)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if !bytes.HasPrefix(want, got) {
		tb.Fatalf("%d bytes were read that differ from those written", len(got))
	}
	return err
}

const told = "internal_error: the upload was damaged on the server's disk: %s; send the file again: storage: damaged value"

// A flipped bit in any part of any block is named, and what lies before its block
// is read.
func TestFlippedBits(t *testing.T) {
	const last = 100
	s, want := written(t, "job", 2*dataBytes+last)
	f := func(at int, block, from, to int) {
		t.Helper()
		for bit := range 8 {
			flip := func(file []byte) []byte { file[at] ^= 1 << bit; return file }
			s.change(t, "job", flip)
			err := s.sound(t, "job", want)
			text := fmt.Sprintf(told, fmt.Sprintf("block %d, bytes %d to %d, has another checksum", block, from, to))
			if err == nil || err.Error() != text || !errors.Is(err, storage.ErrDamaged) {
				t.Fatalf("byte %d bit %d: %v", at, bit, err)
			}
			r, err := s.Reader("job")
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, len(want))
			if n, err := r.ReadAt(p, 0); n != from || err == nil || !bytes.Equal(p[:n], want[:n]) {
				t.Fatalf("byte %d: read %d, %v", at, n, err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			s.change(t, "job", flip)
		}
	}
	for _, at := range []int{0, 1, dataBytes / 2, dataBytes - 1, dataBytes, fullBytes - 1} {
		f(at, 0, 0, dataBytes-1)
		f(fullBytes+at, 1, dataBytes, 2*dataBytes-1)
	}
	for _, at := range []int{0, last - 1, last, last + sumBytes - 1} {
		f(2*fullBytes+at, 2, 2*dataBytes, 2*dataBytes+last-1)
	}
	if err := s.sound(t, "job", want); err != nil {
		t.Fatal(err)
	}
}

// What is whole in itself is refused at another's place.
func TestMovedBlocks(t *testing.T) {
	s, want := written(t, "job", 3*dataBytes)
	other := fmt.Sprintf(told, "block 0, bytes 0 to 16383, has another checksum")
	s.change(t, "job", func(file []byte) []byte {
		return append(append(bytes.Clone(file[fullBytes:2*fullBytes]), file[:fullBytes]...), file[2*fullBytes:]...)
	})
	if err := s.sound(t, "job", want); err == nil || err.Error() != other {
		t.Fatal(err)
	}
	s, want = written(t, "one", 3*dataBytes)
	if err := os.Rename(s.path("one", suffix), s.path("two", suffix)); err != nil {
		t.Fatal(err)
	}
	if err := s.sound(t, "two", want); err == nil || err.Error() != other {
		t.Fatal(err)
	}
}

// A file that was cut has fewer bytes than were written, or says where it ends.
func TestTorn(t *testing.T) {
	const last = 100
	s, want := written(t, "job", dataBytes+last)
	var whole []byte
	s.change(t, "job", func(file []byte) []byte { whole = bytes.Clone(file); return file })
	for _, left := range []int{0, 1, sumBytes, sumBytes + 1, dataBytes, fullBytes - 1, fullBytes, fullBytes + 1, fullBytes + sumBytes,
		fullBytes + sumBytes + 1, len(whole) - 1, len(whole), len(whole) + 1} {
		s.change(t, "job", func([]byte) []byte { return append(bytes.Clone(whole), 0)[:left] })
		err := s.sound(t, "job", want)
		if left == len(whole) || left%fullBytes == 0 { // then the length tells
			if err != nil {
				t.Fatalf("cut to %d: %v", left, err)
			}
			continue
		}
		if !errors.Is(err, storage.ErrDamaged) {
			t.Fatalf("cut to %d: %v", left, err)
		}
		if rest := left % fullBytes; rest <= sumBytes && err.Error() != "open spool: "+fmt.Sprintf(told, fmt.Sprintf("it ends within a checksum, at byte %d of the file", left)) {
			t.Fatalf("cut to %d: %v", left, err)
		}
	}
	r, err := s.Reader("job")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(s.path("job", suffix), 50); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadAt(make([]byte, 10), 0); err == nil || err.Error() != fmt.Sprintf(told, "it ends in block 0 of 16384 bytes, after 50") {
		t.Fatal(err)
	}
}

// Reads of any place and length give what was written.
func TestReadAnywhere(t *testing.T) {
	s, want := written(t, "job", 3*groupBytes+77)
	r, err := s.Reader("job")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rnd := rand.New(rand.NewSource(3))
	f := func(off, n int) {
		t.Helper()
		p := make([]byte, n)
		got, err := r.ReadAt(p, int64(off))
		held := max(min(len(want)-off, n), 0)
		if got != held || !bytes.Equal(p[:got], want[min(off, len(want)):min(off, len(want))+held]) || (err == io.EOF) != (held < n) || err != nil && err != io.EOF {
			t.Fatalf("%d bytes at %d: %d, %v", n, off, got, err)
		}
	}
	f(0, 0)
	f(0, 1)
	f(0, len(want))
	f(0, len(want)+1)
	f(len(want)-1, 5)
	f(len(want), 1)
	f(len(want)+9*fullBytes, 1)
	f(dataBytes-1, 2)
	for range 500 {
		f(rnd.Intn(len(want)), rnd.Intn(2*groupBytes))
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Fatal("read before the file")
	}
}

// Uploads that an earlier program accepted are read, kept, counted and removed.
func TestPlainSpool(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"job", "old"} {
		if err := os.WriteFile(filepath.Join(dir, id+plainSuffix), []byte("name\nAcme\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	if s.Size() != 20 {
		t.Fatalf("%d bytes", s.Size())
	}
	if removed, err := s.Sweep(func(id string) bool { return id == "job" }); err != nil || removed != 1 {
		t.Fatalf("%d, %v", removed, err)
	}
	if got := read(t, s, "job"); string(got) != "name\nAcme\n" {
		t.Fatalf("%q", got)
	}
	if err := s.Remove("job"); err != nil || s.Size() != 0 || len(files(t, s)) != 0 {
		t.Fatalf("%v, %d bytes, files %q", err, s.Size(), files(t, s))
	}
}

// FuzzReader damages the file of an upload and reads anywhere in it: an error, or
// what was written.
func FuzzReader(f *testing.F) {
	f.Add(uint32(40_000), uint32(0), byte(0), uint32(50_000), []byte(nil), uint32(0), uint32(40_000))
	f.Add(uint32(40_000), uint32(17_000), byte(4), uint32(50_000), []byte(nil), uint32(16_000), uint32(1_000))
	f.Add(uint32(16_384), uint32(0), byte(0), uint32(16_390), []byte(nil), uint32(0), uint32(9))
	f.Add(uint32(100), uint32(0), byte(0), uint32(0), []byte(strings.Repeat("name\n", 4_000)), uint32(0), uint32(90))
	f.Fuzz(func(t *testing.T, size, at uint32, flip byte, cut uint32, tail []byte, off, n uint32) {
		s, want := written(t, "job", int(size%(3*groupBytes)))
		s.change(t, "job", func(file []byte) []byte {
			if len(file) > 0 {
				file[int(at)%len(file)] ^= flip
			}
			return append(file[:min(int(cut), len(file))], tail...)
		})
		r, err := s.Reader("job")
		if err != nil {
			if !errors.Is(err, storage.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		defer r.Close()
		p := make([]byte, n%(2*groupBytes))
		got, err := r.ReadAt(p, int64(off))
		if err != nil && err != io.EOF && !errors.Is(err, storage.ErrDamaged) {
			t.Fatal(err)
		}
		if got > 0 && (int(off)+got > len(want) || !bytes.Equal(p[:got], want[off:int(off)+got])) {
			t.Fatalf("%d bytes at %d are not what was written", got, off)
		}
		if got < len(p) && err == nil {
			t.Fatalf("%d of %d bytes without an error", got, len(p))
		}
	})
}
