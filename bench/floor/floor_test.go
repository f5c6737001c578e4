package floor

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/s2"
	"github.com/zeebo/xxh3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unpack reads what store wrote.
func unpack(t *testing.T, stored []byte) []byte {
	t.Helper()
	var all []byte
	for len(stored) > 0 {
		n := binary.LittleEndian.Uint32(stored[8:])
		in, err := s2.Decode(nil, stored[headBytes:headBytes+n])
		if err != nil || xxh3.Hash(in) != binary.LittleEndian.Uint64(stored) {
			t.Fatalf("a block of %d bytes is damaged: %v", n, err)
		}
		all, stored = append(all, in...), stored[headBytes+n:]
	}
	return all
}

func text(n int) []byte {
	return []byte(strings.Repeat("a line of text, as long as it is\n", n/33+1)[:n])
}

func TestStore(t *testing.T) {
	for _, size := range []int{0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 13*blockBytes + 5} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		body := text(size)
		var res Result
		if err := store(out, iotest.HalfReader(bytes.NewReader(body)), &res); err != nil {
			t.Fatal(err)
		}
		stored, err := os.ReadFile(out.Name())
		if err != nil || !bytes.Equal(unpack(t, stored), body) {
			t.Errorf("%d bytes came back changed: %v", size, err)
		}
		if want := (Result{Bytes: int64(size), Lines: int64(bytes.Count(body, []byte("\n"))), Stored: int64(len(stored))}); res != want {
			t.Errorf("%d bytes: %+v, want %+v", size, res, want)
		}
	}
}

func TestStoreFailures(t *testing.T) {
	closed, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store(closed, bytes.NewReader(text(40*blockBytes)), new(Result)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a file that is closed: %v", err)
	}
	broken := errors.New("broken")
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	body := io.MultiReader(bytes.NewReader(text(3*blockBytes)), iotest.ErrReader(broken))
	if err := store(out, body, new(Result)); !errors.Is(err, broken) {
		t.Errorf("a body that breaks: %v", err)
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	body := text(3<<20 + 7)
	plain, zipped := filepath.Join(dir, "plain"), filepath.Join(dir, "zipped")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(plain, body, 0o600), os.WriteFile(zipped, z.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files []string
		gzip  bool
		times int64
	}{{[]string{plain}, false, 1}, {[]string{plain, plain}, false, 2}, {[]string{zipped}, true, 1}} {
		res, err := Run(context.Background(), dir, c.files, c.gzip)
		if err != nil || res.Bytes != c.times*int64(len(body)) || res.Lines != c.times*int64(bytes.Count(body, []byte("\n"))) || res.Seconds <= 0 {
			t.Errorf("%v: %+v, %v", c.files, res, err)
		}
	}
	if _, err := Run(context.Background(), dir, []string{plain}, true); err == nil || !strings.Contains(err.Error(), "status 500: gzip: invalid header") {
		t.Errorf("a file that is no gzip: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "floor-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
