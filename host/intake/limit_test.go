package intake

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sluice/engine"
	"sluice/engine/fault"
)

// Rule 2.55: where bodies end, as sent and decompressed.
func TestLimits(t *testing.T) {
	f := func(s sent, want fault.Code) {
		t.Helper()
		for _, s.chunked = range []bool{true, false} {
			_, _, err := s.read()
			if code := codeOf(err); code != want {
				t.Fatalf("chunked %t: got %v, want %q", s.chunked, err, want)
			}
		}
	}
	small := Limits{MaxStreamBytes: 1000, MaxJSONBytes: 100, MaxRatio: 200}
	json := func(size int) string { return `{"csv":"` + strings.Repeat("x", size-10) + `"}` }
	for _, coding := range []string{"", "gzip", "zstd"} {
		f(sent{contentType: "text/csv", coding: coding, limits: small, body: compress(coding, strings.Repeat("x", 1000))}, "")
		f(sent{contentType: "text/csv", coding: coding, limits: small, body: compress(coding, strings.Repeat("x", 1001))}, fault.PayloadTooLarge)
		f(sent{contentType: "application/json", coding: coding, limits: small, body: compress(coding, json(100))}, "")
		f(sent{contentType: "application/json", coding: coding, limits: small, body: compress(coding, json(101))}, fault.PayloadTooLarge)
		f(sent{contentType: "application/json", coding: coding, limits: small, body: compress(coding, json(90)+strings.Repeat(" ", 11))}, fault.PayloadTooLarge)
		f(sent{contentType: formType, coding: coding, limits: small, body: compress(coding, form2("x")+strings.Repeat("x", 1000))}, fault.PayloadTooLarge)
	}
	// JSON has its own limit, whatever that of streams is.
	tight := Limits{MaxStreamBytes: 10, MaxJSONBytes: 1000, MaxRatio: 200}
	for _, coding := range []string{"", "gzip", "zstd"} {
		f(sent{contentType: "application/json", coding: coding, limits: tight, body: compress(coding, json(1000))}, "")
		f(sent{contentType: "application/json", coding: coding, limits: tight, body: compress(coding, json(1001))}, fault.PayloadTooLarge)
		f(sent{contentType: "text/csv", coding: coding, limits: tight, body: compress(coding, "name\nabcdef")}, fault.PayloadTooLarge)
	}
	// What holds nothing ends, too.
	f(sent{contentType: "application/json", coding: "gzip", limits: tight, body: compress("gzip", json(100)) + strings.Repeat(compress("gzip", ""), 100)}, fault.PayloadTooLarge)
	f(sent{contentType: "application/json", body: json(20 << 20)}, "")
	f(sent{contentType: "application/json", body: json(20<<20 + 1)}, fault.PayloadTooLarge)
	// Bombs: a ratio that no real file has, past what is free.
	for _, coding := range []string{"gzip", "zstd"} {
		f(sent{contentType: "text/csv", coding: coding, body: compress(coding, strings.Repeat("x", ratioFreeBytes))}, "")
		f(sent{contentType: "text/csv", coding: coding, body: compress(coding, strings.Repeat("x", ratioFreeBytes+100))}, fault.PayloadTooLarge)
	}
}

// A window beyond RFC 9659 is refused before memory is taken for it.
func TestZstdWindow(t *testing.T) {
	header := "\x28\xb5\x2f\xfd\x00\x90" // window descriptor of 256 MB
	_, _, err := sent{contentType: "text/csv", coding: "zstd", body: header + "\x01\x00\x00"}.read()
	if want := "validation_error: the zstd body is damaged or cut short: window size exceeded"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Fatalf("got %v", err)
	}
}

func codeOf(err error) fault.Code {
	if err == nil {
		return ""
	}
	return fault.CodeOf(err)
}

// examples are bodies of every form, raw and compressed.
func examples() []sent {
	var all []sent
	for _, s := range []sent{
		{contentType: "application/json", body: `{"rows":[{"name":"A"},{"name":"\u00e9"}],"tags":["a"]}`},
		{contentType: "application/json", body: `{"has_header":true,"csv":"name\nA\u00e9\n"}`},
		{contentType: "text/csv", body: "name\nA\n"},
		{contentType: "application/x-ndjson", body: "{\"name\":\"A\"}\n{}\n"},
		{contentType: formType, body: form([3]string{"tags", "", "a"}, [3]string{"f", "x.csv", "name\r\nA\r\n"})},
	} {
		for _, s.coding = range []string{"", "gzip", "zstd"} {
			c := s
			c.body = compress(s.coding, s.body)
			all = append(all, c)
		}
	}
	return all
}

// Invariant 1: a body cut short anywhere is a fault, whether its length was
// announced or its coding or form says that more must come.
func TestCutShort(t *testing.T) {
	for _, s := range examples() {
		for cut := range len(s.body) {
			form, err := ParseForm(s.contentType, s.coding)
			if err != nil {
				t.Fatal(err)
			}
			read := func(length int, body io.Reader) error {
				in := Request{Form: form, Body: body, Length: int64(length), Limits: DefaultLimits()}
				_, err := Read(context.Background(), in, discard)
				return err
			}
			// fasthttp's plain EOF before Content-Length.
			err = read(len(s.body), strings.NewReader(s.body[:cut]))
			if codeOf(err) != fault.Validation {
				t.Fatalf("%s %s, %d of %d bytes: %v", s.contentType, s.coding, cut, len(s.body), err)
			}
			// A read that fails; its cause stays in the chain for the log.
			broken := errors.New("connection reset by peer")
			err = read(-1, io.MultiReader(strings.NewReader(s.body[:cut]), iotest.ErrReader(broken)))
			if codeOf(err) != fault.Validation || !errors.Is(err, broken) {
				t.Fatalf("%s %s, broken at %d of %d bytes: %v", s.contentType, s.coding, cut, len(s.body), err)
			}
			// A whole body that holds a part of what it should.
			streamed := s.coding == "" && (s.contentType == "text/csv" || s.contentType == "application/x-ndjson")
			if streamed || s.contentType == formType && s.coding == "" && cut >= len(s.body)-2 {
				continue // any begin of a file is a file, and a form may lack its last line end
			}
			err = read(-1, strings.NewReader(s.body[:cut]))
			if codeOf(err) != fault.Validation {
				t.Fatalf("%s %s, begin of %d of %d bytes: %v", s.contentType, s.coding, cut, len(s.body), err)
			}
		}
	}
}

// A body that is longer than announced is as wrong as a shorter one.
func TestTooMuch(t *testing.T) {
	form, err := ParseForm("text/csv", "")
	if err != nil {
		t.Fatal(err)
	}
	in := Request{Form: form, Body: strings.NewReader("name\nA"), Length: 5, Limits: DefaultLimits()}
	_, err = Read(context.Background(), in, discard)
	if want := "validation_error: the body has 6 bytes, not the announced 5"; err == nil || err.Error() != want {
		t.Fatalf("got %v", err)
	}
}

// Invariant 1: each flipped bit of a gzip body is a fault or changes nothing.
func TestDamaged(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		whole := compress(coding, "name\nA\n")
		for i := range whole {
			for bit := range 8 {
				body := []byte(whole)
				body[i] ^= 1 << bit
				_, got, err := sent{contentType: "text/csv", coding: coding, body: string(body)}.read()
				if err == nil && got != "name\nA\n" {
					t.Fatalf("%s byte %d bit %d: read %q", coding, i, bit, got)
				}
			}
		}
	}
}

// Invariant 3: however the reads are cut, the result is the same.
func TestReadSizes(t *testing.T) {
	for _, s := range examples() {
		want, wantOut, err := s.read()
		if err != nil {
			t.Fatal(err)
		}
		for _, s.wrap = range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader} {
			got, out, err := s.read()
			if err != nil || out != wantOut || got.Digest != want.Digest || got.Bytes != want.Bytes || got.Encoding != want.Encoding {
				t.Fatalf("%s %s: %q, %+v, %v, want %q, %+v", s.contentType, s.coding, out, got, err, wantOut, want)
			}
		}
	}
}

// The sink's errors are no faults of the body, and come back as they are.
func TestSinkFails(t *testing.T) {
	full := fault.New(fault.Overloaded, "the disk is full")
	for _, s := range examples() {
		form, err := ParseForm(s.contentType, s.coding)
		if err != nil {
			t.Fatal(err)
		}
		for _, sink := range []Sink{
			func(engine.Format) (io.Writer, error) { return nil, full },
			func(engine.Format) (io.Writer, error) { return failing{full}, nil },
		} {
			in := Request{Form: form, Body: strings.NewReader(s.body), Length: int64(len(s.body)), Limits: DefaultLimits()}
			if _, err := Read(context.Background(), in, sink); !errors.Is(err, full) {
				t.Fatalf("%s %s: %v", s.contentType, s.coding, err)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, s := range examples() {
		form, err := ParseForm(s.contentType, s.coding)
		if err != nil {
			t.Fatal(err)
		}
		in := Request{Form: form, Body: strings.NewReader(s.body), Length: -1, Limits: DefaultLimits()}
		if _, err := Read(ctx, in, discard); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s %s: %v", s.contentType, s.coding, err)
		}
	}
}

func discard(engine.Format) (io.Writer, error) { return io.Discard, nil }

// A pooled decoder must not remember what it read before.
func TestReuse(t *testing.T) {
	for range 3 {
		for _, coding := range []string{"gzip", "zstd"} {
			body := compress(coding, strings.Repeat("name\n", 100_000))
			if _, _, err := (sent{contentType: "text/csv", coding: coding, body: body[:len(body)/2]}).read(); err == nil {
				t.Fatalf("%s: half a body was read", coding)
			}
			_, got, err := sent{contentType: "text/csv", coding: coding, body: body}.read()
			if err != nil || len(got) != 500_000 || !bytes.HasPrefix([]byte(got), []byte("name\n")) {
				t.Fatalf("%s: %d bytes, %v", coding, len(got), err)
			}
		}
	}
}
