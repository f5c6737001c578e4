package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sync/semaphore"

	"sluice/engine"
	"sluice/engine/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// readAhead runs one intake of a CSV that may be read ahead, and checks that
// others may be after it.
func readAhead(t *testing.T, body io.Reader, length int64, w io.Writer) error {
	t.Helper()
	ahead := semaphore.NewWeighted(1)
	in := Request{Form: Form{MediaType: csvType}, Body: body, Length: length, Limits: DefaultLimits(), Ahead: ahead}
	_, err := Read(context.Background(), in, func(engine.Format) (io.Writer, error) { return w, nil })
	if !ahead.TryAcquire(1) {
		t.Fatal("the turn to read ahead was not given back")
	}
	return err
}

// Whatever the size and the reads, what is read ahead arrives as it came.
func TestReadAhead(t *testing.T) {
	f := func(size int, wrap func(io.Reader) io.Reader) {
		t.Helper()
		want := make([]byte, size)
		rnd := rand.New(rand.NewSource(int64(size)))
		for i := range want {
			want[i] = byte('a' + rnd.Intn(26))
		}
		var got bytes.Buffer
		if err := readAhead(t, wrap(bytes.NewReader(want)), int64(size), &got); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%d bytes arrived of %d, or they differ", got.Len(), size)
		}
	}
	whole := func(r io.Reader) io.Reader { return r }
	for _, size := range []int{aheadAfter - 1, aheadAfter, aheadAfter + 1, aheadAfter + aheadBytes, aheadAfter + 3*aheadBytes + 1, 20 << 20} {
		f(size, whole)
		f(size, iotest.HalfReader)
		f(size, iotest.DataErrReader)
	}
}

// taken takes so many writes and fails from then on.
type taken struct {
	left   int
	err    error
	beyond int // writes after the first that failed
}

func (w *taken) Write(p []byte) (int, error) {
	if w.left--; w.left >= 0 {
		return len(p), nil
	}
	if w.left < -1 {
		w.beyond++
	}
	return len(p) / 2, w.err
}

// The nth write fails. Then the body is read no further than the buffers reach.
func TestWriteAheadFails(t *testing.T) {
	full := fault.New(fault.Overloaded, "full")
	const size = 8 << 20
	for n := range aheadAfter/copyBytes + (size-aheadAfter)/aheadBytes {
		body := strings.NewReader(strings.Repeat("a,b\n", size/4))
		w := &taken{left: n, err: full}
		err := readAhead(t, body, size, w)
		if !errors.Is(err, full) || w.beyond != 0 {
			t.Fatalf("write %d: %v, and %d writes after it", n, err, w.beyond)
		}
		if n == aheadAfter/copyBytes && body.Len() < size-aheadAfter-5*aheadBytes {
			t.Fatalf("write %d: all but %d bytes were read", n, body.Len())
		}
	}
}

// A body that ends early is a fault, however much of it was written.
func TestReadAheadFails(t *testing.T) {
	const size = 4 << 20
	f := func(body io.Reader, want string) {
		t.Helper()
		var got bytes.Buffer
		if err := readAhead(t, body, size, &got); err == nil || err.Error() != want {
			t.Fatalf("%v, want %s", err, want)
		}
	}
	text := strings.Repeat("a,b\n", (size-aheadBytes)/4)
	f(strings.NewReader(text), "validation_error: the body was cut short: 3670016 bytes of 4194304 came")
	f(io.MultiReader(strings.NewReader(text), iotest.ErrReader(errors.New("gone"))),
		"validation_error: the body was cut short after 3670016 bytes: gone")
}

// A body that comes slowly keeps nobody else from reading ahead.
func TestSlowBodyGivesItsTurnBack(t *testing.T) {
	const size = 4 << 20
	text := strings.Repeat("a,b\n", size/4)
	ahead := semaphore.NewWeighted(1)
	reads, refused := 0, 0
	body := readerFunc(func(p []byte) (int, error) {
		left := len(text)
		switch n := size - left; {
		case left == 0:
			return 0, io.EOF
		case n >= aheadAfter && reads < 2:
			reads++
			if reads == 1 {
				time.Sleep(2 * aheadTime)
			} else if !ahead.TryAcquire(1) {
				refused++
			} else {
				ahead.Release(1)
			}
			p = p[:min(len(p), 10)]
		}
		n := copy(p, text)
		text = text[n:]
		return n, nil
	})
	var got bytes.Buffer
	in := Request{Form: Form{MediaType: csvType}, Body: body, Length: size, Limits: DefaultLimits(), Ahead: ahead}
	if _, err := Read(context.Background(), in, func(engine.Format) (io.Writer, error) { return &got, nil }); err != nil {
		t.Fatal(err)
	}
	if reads != 2 || refused != 0 || got.Len() != size {
		t.Fatalf("after %d slow reads the turn was kept %d times; %d bytes arrived", reads, refused, got.Len())
	}
}

// A panic where pieces are written is the request's, as it is without them.
func TestPanicWhileReadAhead(t *testing.T) {
	const size = 4 << 20
	written := 0
	w := writerFunc(func(p []byte) (int, error) {
		if written += len(p); written > aheadAfter {
			panic("BUG: test")
		}
		return len(p), nil
	})
	defer func() {
		if p := recover(); p != "BUG: test" {
			t.Fatalf("recovered %v", p)
		}
	}()
	err := readAhead(t, strings.NewReader(strings.Repeat("a,b\n", size/4)), size, w)
	t.Fatalf("no panic: %v", err)
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
