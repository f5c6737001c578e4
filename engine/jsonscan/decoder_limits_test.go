package jsonscan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"sluice/engine/batch"
	"sluice/engine/fault"
)

func TestDecoderRowTooLarge(t *testing.T) {
	const message = "the row is longer than 1048576 bytes"
	row := func(n int) string { // n bytes in all
		return `{"a":"` + strings.Repeat("x", n-len(`{"a":""}`)) + `"}`
	}
	for _, end := range []string{"\n", "\r\n", ""} {
		for _, before := range []string{"", byteOrderMark, "{}\n"} {
			for n := MaxRowBytes - 4; n < MaxRowBytes+8; n++ {
				text := before + row(n) + end
				if end != "" {
					text += `{"b":1}`
				}
				var b batch.Batch
				if err := open(text, Options{Lines: true}).Next(&b, 10, 1<<30); err != nil {
					t.Fatal(err)
				}
				i := 0
				if before == "{}\n" {
					i = 1
				}
				r := b.Rows[i]
				if r.Failed != (n > MaxRowBytes) || r.Line != uint64(i+1) {
					t.Fatalf("a row of %d bytes: %+v", n, r)
				}
				if !r.Failed {
					if string(b.Raw(i)) != row(n) || b.Row(i)[0].Len() != n-8 {
						t.Fatalf("a row of %d bytes has %d, its cell %d", n, r.RawLen, b.Row(i)[0].Len())
					}
				} else if f := b.Faults[0]; f.Code != fault.RowTooLarge || f.Message != message || string(b.Raw(i)) != row(n)[:64<<10] {
					t.Fatalf("a row of %d bytes: %+v, %d bytes raw", n, f, r.RawLen)
				}
				if last := b.Rows[len(b.Rows)-1]; end != "" && (string(b.Raw(len(b.Rows)-1)) != `{"b":1}` || last.Line != uint64(i+2) || last.End != int64(len(text))) {
					t.Fatalf("after a row of %d bytes: %+v", n, last)
				}
			}
		}
	}
	// Blanks count too: what comes after them is no row of its own.
	for n := 1 << 20; n < 4<<20; n += 500_000 {
		var b batch.Batch
		if err := open(strings.Repeat(" ", n)+"{}\n{}", Options{}).Next(&b, 10, 1<<20); err != nil {
			t.Fatal(err)
		}
		if len(b.Rows) != 2 || !b.Rows[0].Failed || b.Faults[0].Code != fault.RowTooLarge || b.Rows[1].Failed {
			t.Fatalf("%d blanks: %+v %+v", n, b.Rows, b.Faults)
		}
	}
}

// repeated is size bytes of one letter, between a head and a tail.
type repeated struct {
	head, tail string
	size       int64
}

func (r repeated) ReadAt(p []byte, off int64) (int, error) {
	for i := range p {
		switch at := off + int64(i); {
		case at < int64(len(r.head)):
			p[i] = r.head[at]
		case at < r.size-int64(len(r.tail)):
			p[i] = 'x'
		case at < r.size:
			p[i] = r.tail[at-(r.size-int64(len(r.tail)))]
		default:
			return i, io.EOF
		}
	}
	return len(p), nil
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDecoderBoundedMemory(t *testing.T) {
	const size = 100 << 20
	src := repeated{head: `{"a":"`, tail: "\"}\n{\"b\":1}\n", size: size}
	var b batch.Batch
	n := allocated(func() {
		if err := New(src, size, Position{}, Options{}).Next(&b, 10, 1<<20); err != nil {
			t.Fatal(err)
		}
	})
	if len(b.Rows) != 2 || b.Faults[0].Code != fault.RowTooLarge || b.Rows[0].RawLen != 64<<10 || b.Rows[1].End != size {
		t.Fatalf("%+v", b.Rows)
	}
	if n > 8<<20 {
		t.Errorf("a row of %d bytes made it allocate %d", size, n)
	}
}

// A bomb of keys: each row brings new columns until there are too many.
func TestDecoderColumnBomb(t *testing.T) {
	var text bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&text, `{"k%d":1,"k%d":2,"dup":%d}`+"\n", 2*i, 2*i+1, i)
	}
	const maxBytes = 1 << 20
	var b batch.Batch
	d := New(bytes.NewReader(text.Bytes()), int64(text.Len()), Position{}, Options{})
	rows, failed := 0, 0
	for {
		err := d.Next(&b, 100000, maxBytes)
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if n := len(b.Cells) * cellBytes; n > 2*maxBytes {
			t.Fatalf("a table of %d rows and %d columns takes %d bytes", len(b.Rows), b.Cols, n)
		}
		for i, r := range b.Rows {
			n := rows + i
			if r.Number != uint64(n+1) {
				t.Fatalf("row %d is row %d", n+1, r.Number)
			}
			row := b.Row(i)
			// 4,096 columns are dup and 4,095 others.
			if r.Failed != (n >= 2047) {
				t.Fatalf("row %d failed: %v", n, r.Failed)
			}
			if r.Failed {
				continue
			}
			// The first row has k0, k1, dup; from then on a row's own are at the end.
			first := 2*n + 1
			if n == 0 {
				first = 0
			}
			for c, cell := range row {
				want := ""
				switch {
				case c == first:
					want = "1"
				case c == first+1:
					want = "2"
				case c == 2:
					want = fmt.Sprint(n)
				}
				if got := string(b.Bytes(cell)); got != want || (want == "") != (cell.Kind() == batch.Absent) {
					t.Fatalf("row %d, column %d: %q, want %q", n, c, got, want)
				}
			}
		}
		for _, f := range b.Faults {
			failed++
			if f.Code != fault.Malformed || f.Message != "the row brings more columns than the 4096 that an import may have" {
				t.Fatalf("%+v", f)
			}
		}
		rows += len(b.Rows)
	}
	// Row 2,048 would bring the 4,096th and the 4,097th and thus brings none.
	if rows != 3000 || failed != 953 || len(d.Columns()) != 4095 {
		t.Errorf("%d rows, %d failed, %d columns", rows, failed, len(d.Columns()))
	}
}

func TestDecoderKeyLimits(t *testing.T) {
	object := func(n int) string {
		var s strings.Builder
		s.WriteByte('{')
		for i := range n {
			fmt.Fprintf(&s, `"%d":%d,`, i%2, i)
		}
		return strings.TrimSuffix(s.String(), ",") + "}"
	}
	var b batch.Batch
	if err := open(object(4096)+"\n"+object(4097), Options{}).Next(&b, 10, 1<<20); err != nil {
		t.Fatal(err)
	}
	if b.Rows[0].Failed || string(b.Bytes(b.Row(0)[1])) != "4095" {
		t.Errorf("4,096 keys: %+v", b.Faults)
	}
	if !b.Rows[1].Failed || b.Faults[0].Message != "the row has more than 4096 keys" {
		t.Errorf("4,097 keys: %+v", b.Faults)
	}

	// Keys that are thrown away again with their row leave nothing behind.
	var text strings.Builder
	for i := range 50 {
		text.WriteByte('{')
		for k := range 4000 {
			fmt.Fprintf(&text, `"%d-%d":0,`, i, k)
		}
		text.WriteString("oops\n")
	}
	text.WriteString(`{"a":1}`)
	d := open(text.String(), Options{})
	got := decode(t, d, 100, 1<<20)
	if len(got.Rows) != 51 || len(got.Columns) != 1 || len(d.keys.list) != 2 {
		t.Errorf("%d rows, %d columns, %d keys", len(got.Rows), len(got.Columns), len(d.keys.list))
	}

	// Endless new keys that are no columns don't fill the table.
	text.Reset()
	for i := range 20000 {
		fmt.Fprintf(&text, `{"no%d":1,"a":%d}`+"\n", i, i)
	}
	d = open(text.String(), Options{Known: noNo})
	got = decode(t, d, 1000, 1<<20)
	if len(got.Rows) != 20000 || len(got.Columns) != 1 || len(d.keys.list) > maxKnownKeys+1 {
		t.Errorf("%d rows, %d columns, %d keys", len(got.Rows), len(got.Columns), len(d.keys.list))
	}
	if got.Rows[19999] != `20000/0 {"no19999":1,"a":19999} | a number 19999` {
		t.Error(got.Rows[19999])
	}
}

func TestDecoderDepth(t *testing.T) {
	for _, c := range []struct{ open, close string }{{"[", "]"}, {`{"x":`, "}"}} {
		row := func(n int, middle string) string {
			return `{"a":` + strings.Repeat(c.open, n) + middle + strings.Repeat(c.close, n) + "}"
		}
		text := row(63, "1") + "\n" + row(64, "1") + "\n" + `{"a":` + strings.Repeat(c.open, 100000)
		got := decode(t, open(text, Options{}), 10, 1<<20)
		for i, fails := range []bool{false, true, true} {
			if strings.Contains(got.Rows[i], "! malformed: arrays and objects are nested deeper than 64 levels") != fails {
				t.Errorf("row %d: %.200s", i+1, got.Rows[i])
			}
		}
	}
}

// failing fails every read from the nth on.
type failing struct {
	io.ReaderAt
	n   *int
	err error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if *f.n--; *f.n < 0 {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestDecoderReadErrors(t *testing.T) {
	// The long row makes reads fail while it is skipped, too.
	text := string(companies(3000)) + `{"x":"` + strings.Repeat("y", 3<<20) + "\"}\n" + string(companies(2000))
	broken := errors.New("disk on fire")
	for n := 0; ; n++ {
		left := n
		d := New(failing{strings.NewReader(text), &left, broken}, int64(len(text)), Position{}, Options{})
		var (
			b   batch.Batch
			err error
		)
		for err == nil {
			err = d.Next(&b, 1000, 1<<20)
		}
		if err == io.EOF {
			if n < 8 {
				t.Fatalf("it took only %d reads", n)
			}
			break
		}
		if !errors.Is(err, broken) || fault.CodeOf(err) != fault.Internal || err.Error() != "read rows: disk on fire" {
			t.Fatalf("read %d fails: %v", n, err)
		}
	}
	// A source that ends before its size is no end of the rows.
	for _, cut := range []int{0, 10, 300 << 10} {
		d := New(strings.NewReader(text[:cut]), int64(len(text)), Position{}, Options{})
		var (
			b   batch.Batch
			err error
		)
		for err == nil {
			err = d.Next(&b, 1000, 1<<20)
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestDecoderAllocatesNothing(t *testing.T) {
	data := companies(100000)
	d := New(bytes.NewReader(data), int64(len(data)), Position{}, Options{Lines: true})
	var b batch.Batch
	if err := d.Next(&b, 1000, 1<<20); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(50, func() {
		if err := d.Next(&b, 1000, 1<<20); err != nil || len(b.Rows) != 1000 {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a batch of 1,000 rows allocates %v times", n)
	}
}
