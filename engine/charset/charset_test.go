package charset

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"sluice/engine/fault"
)

// pieces gives its parts one Read each.
type pieces [][]byte

func (p *pieces) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	if (*p)[0] = (*p)[0][n:]; len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	return n, nil
}

// text reads in through every kind of source, which must all give the same, and
// returns it with the encoding decided.
func text(t testing.TB, in []byte, forced string) (out, encoding string) {
	t.Helper()
	first := true
	read := func(how string, src io.Reader, wrap func(io.Reader) io.Reader) {
		r, err := NewReader(src, forced)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(wrap(r))
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if first {
			out, encoding, first = string(got), r.Encoding(), false
		} else if string(got) != out || r.Encoding() != encoding {
			t.Fatalf("%s: %q (%s), else %q (%s)", how, got, r.Encoding(), out, encoding)
		}
	}
	same := func(r io.Reader) io.Reader { return r }
	read("whole", bytes.NewReader(in), same)
	read("one byte in", iotest.OneByteReader(bytes.NewReader(in)), same)
	read("one byte out", bytes.NewReader(in), iotest.OneByteReader)
	read("half", iotest.HalfReader(bytes.NewReader(in)), iotest.HalfReader)
	read("end with data", iotest.DataErrReader(bytes.NewReader(in)), same)
	for i := 0; i < len(in); i += max(1, len(in)/200) {
		read("cut", &pieces{in[:i:i], in[i:]}, same)
	}
	return out, encoding
}

func TestSniff(t *testing.T) {
	long := strings.Repeat("name,domain\n", 500)
	run := func(n int) string { return strings.Repeat("é", n) }
	f := func(in, wantText, wantEncoding string) {
		t.Helper()
		got, encoding := text(t, []byte(in), "")
		if got != wantText || encoding != wantEncoding {
			t.Errorf("%.60q gives %.60q (%s), want %.60q (%s)", in, got, encoding, wantText, wantEncoding)
		}
	}
	f("", "", UTF8)
	f("a", "a", UTF8)
	f("a,b\n", "a,b\n", UTF8)
	f(long, long, UTF8)
	f("caf\u00e9,x", "café,x", UTF8)
	f("\u00e9", "é", UTF8)
	f("€", "€", UTF8)
	f("😀", "😀", UTF8)
	f("\xef\xbb\xbfa", "a", UTF8)
	f("\xef\xbb\xbf", "", UTF8)
	f("\xef\xbb\xbf\xe9", "\xe9", UTF8)
	f("\xef\xbb", "ï»", Windows1252)
	f("\xef", "ï", Windows1252)
	f("\xff", "ÿ", Windows1252)
	f("\xfe\xff\x00z", "z", UTF16BE)
	f("caf\xe9,x", "café,x", Windows1252)
	f("\xe9", "é", Windows1252)
	f("caf\xc3", "cafÃ", Windows1252)
	f("\xe2\x82", "â‚", Windows1252)
	f("\xe2\x82,", "â‚,", Windows1252)
	f("\xf0\x9f\x98", "ðŸ˜", Windows1252)
	f("\x80 \x99", "€ ™", Windows1252)
	f("\x81\x8d\x8f\x90\x9d", "\u0081\u008d\u008f\u0090\u009d", Windows1252)
	f("\xed\xa0\x80", "í\u00a0€", Windows1252) // a surrogate is not UTF-8
	f("\xc0\xaf", "À¯", Windows1252)           // nor is an overlong form
	f("\xf4\x90\x80\x80", "ô\u0090€€", Windows1252)
	f("é, then \xe9", "é, then \xe9", UTF8)      // fixed: the second is the row's fault
	f("\xe9, then é", "é, then Ã©", Windows1252) // fixed
	f("é\xe9", "Ã©é", Windows1252)               // the run as a whole decides
	f(long+"caf\xe9\n"+long, long+"café\n"+long, Windows1252)
	f(long+"café\n"+long, long+"café\n"+long, UTF8)
	f(run(31)+"\xe9\xe9", strings.Repeat("Ã©", 31)+"éé", Windows1252)
	f(run(32)+"\xe9", run(32)+"\xe9", UTF8)                                    // beyond the limit
	f("a"+strings.Repeat("€", 21)+"€x", "a"+strings.Repeat("€", 22)+"x", UTF8) // cut by the limit

	f("\xff\xfea\x00\xe9\x00", "aé", UTF16LE)
	f("\xfe\xff\x00a\x00\xe9", "aé", UTF16BE)
	f("\xff\xfe", "", UTF16LE)
	f("a\x00,\x00\xe9\x00", "a,é", UTF16LE)
	f("a\x00,\x00\xac\x20", "a\x00,\x00¬ ", Windows1252) // not obvious
	f("a\x00,\x00b\x00\n\x00", "a,b\n", UTF16LE)
	f("\x00a\x00,\x00b\x00\n", "a,b\n", UTF16BE)
	f("a\x00b", "a\x00b", UTF8)
	f("\x00\x00\x00\x00", "\x00\x00\x00\x00", UTF8)
	f("\xff\xfe\x3d\xd8\x00\xdea\x00", "😀a", UTF16LE)
	f("\xff\xfe\x3d\xd8a\x00", "\xed\xa0\xbda", UTF16LE) // a lone high surrogate
	f("\xff\xfe\x3d\xd8", "\xed\xa0\xbd", UTF16LE)       // at the end
	f("\xff\xfe\x00\xdea\x00", "\xed\xb8\x80a", UTF16LE) // a lone low one
	f("\xff\xfe\x3d\xd8\x3d\xd8\x00\xde", "\xed\xa0\xbd😀", UTF16LE)
	f("\xff\xfea\x00b", "a\xff", UTF16LE) // odd length
}

func TestForced(t *testing.T) {
	f := func(forced, in, wantText, wantEncoding string) {
		t.Helper()
		got, encoding := text(t, []byte(in), forced)
		if got != wantText || encoding != wantEncoding {
			t.Errorf("%q as %s gives %q (%s), want %q (%s)", in, forced, got, encoding, wantText, wantEncoding)
		}
	}
	f("utf-8", "caf\xe9", "caf\xe9", UTF8)
	f("UTF8", "\xef\xbb\xbfcafé", "café", UTF8)
	f("utf-8", "\xff\xfea\x00", "\xff\xfea\x00", UTF8)
	f("windows-1252", "é", "Ã©", Windows1252)
	f("CP1252", "\xef\xbb\xbf", "ï»¿", Windows1252)
	f("windows_1252", "", "", Windows1252)
	f("utf-16le", "a\x00", "a", UTF16LE)
	f("UTF-16LE", "\xff\xfea\x00", "a", UTF16LE)
	f("utf-16be", "\x00a", "a", UTF16BE)
	f("utf-16be", "\xfe\xff\x00a", "a", UTF16BE)
	f("utf-16", "\xfe\xff\x00a", "a", UTF16BE)
	f("UTF 16", "\xff\xfea\x00", "a", UTF16LE)
	f("utf-16", "\x00a\x00b", "ab", UTF16BE)
	f("utf-16", "a\x00b\x00", "ab", UTF16LE)
	f("utf-16", "\xac\x20", "€", UTF16LE)
	f("utf-16", "\xef\xbb\xbf\x00", "\ubbef¿", UTF16LE)
	pairs := strings.Repeat("x😀", 30) // cut between surrogates when read bytewise
	f("utf-16le", string(Encode(nil, []byte(pairs), UTF16LE)), pairs, UTF16LE)
}

func TestUnknownEncoding(t *testing.T) {
	for name, shown := range map[string]string{"ebcdic": `"ebcdic"`, " ": `" "`, "utf-7": `"utf-7"`, "utf-8x": `"utf-8x"`} {
		_, err := NewReader(nil, name)
		var e *fault.Error
		want := "dialect.encoding " + shown + " is not known; it may be utf-8, utf-16, utf-16le, utf-16be or windows-1252"
		if !errors.As(err, &e) || e.Code != fault.Validation || e.Message != want {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

// TestSourceError holds that a failing source is an error after the same bytes,
// and never an end of the text.
func TestSourceError(t *testing.T) {
	broken := errors.New("broken")
	for _, in := range []string{"", "a", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwx\xe9", "\xff\xfea\x00b\x00", "\xef\xbb\xbfcafé",
		"abcdefghijklmnopqrstuvwxyz" + strings.Repeat("é", 50)} {
		r, err := NewReader(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, broken) {
			t.Errorf("%q: %v, want the source's error", in, err)
		}
		if _, err := r.Read(make([]byte, 10)); !errors.Is(err, broken) {
			t.Errorf("%q: a second time %v, want the source's error", in, err)
		}
	}
}

// TestNoCopy holds that ASCII and UTF-8 go straight into the caller's buffer.
func TestNoCopy(t *testing.T) {
	for _, fill := range []string{"a", "é"} {
		src := &spy{text: []byte(strings.Repeat(fill, 1<<20))}
		r, err := NewReader(src, "")
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 64<<10)
		for range 8 {
			if _, err := io.ReadFull(r, p); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.Read(p); err != nil {
			t.Fatal(err)
		}
		if &src.last[0] != &p[0] {
			t.Errorf("%s: the source read into another buffer", fill)
		}
		if n := testing.AllocsPerRun(20, func() { r.Read(p[:100]) }); n != 0 {
			t.Errorf("%s: %v allocations a read", fill, n)
		}
	}
}

type spy struct{ text, last []byte }

func (s *spy) Read(p []byte) (int, error) {
	s.last = p
	return copy(p, s.text), nil
}

// FuzzReader holds that what a Reader gives is what x/text decodes, that no split
// of the source changes it, and that valid text survives the way back.
func FuzzReader(f *testing.F) {
	for _, s := range []string{"", "a,b\n", "caf\xe9", "café", "\xff\xfea\x00", "\xfe\xff\x00a", "a\x00b\x00", "\xe2\x82",
		"\xff\xfe\x3d\xd8\x00\xde\x3d\xd8", "\xef\xbb\xbfx", strings.Repeat("ab", 40) + strings.Repeat("é", 40)} {
		f.Add([]byte(s), byte(0))
	}
	f.Fuzz(func(t *testing.T, in []byte, forced byte) {
		names := []string{"", UTF8, UTF16LE, UTF16BE, UTF16, Windows1252}
		name := names[int(forced)%len(names)]
		got, encoding := text(t, in, name)
		var want []byte
		var err error
		shown := got
		switch encoding {
		case UTF8:
			want = bytes.TrimPrefix(in, []byte("\xef\xbb\xbf"))
		case Windows1252:
			want, err = charmap.Windows1252.NewDecoder().Bytes(in)
			for _, c := range "\u0081\u008d\u008f\u0090\u009d" { // there undefined
				shown = strings.ReplaceAll(shown, string(c), "\ufffd")
			}
		case UTF16LE:
			want, err = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder().Bytes(bytes.TrimPrefix(in, []byte("\xff\xfe")))
		default:
			want, err = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder().Bytes(bytes.TrimPrefix(in, []byte("\xfe\xff")))
		}
		if err != nil {
			t.Fatal(err)
		}
		if encoding == UTF8 || utf8.ValidString(got) {
			if shown != string(want) {
				t.Fatalf("%q as %q (%s) gives %q, x/text %q", in, name, encoding, got, want)
			}
		}
		back := Encode(nil, []byte(got), encoding)
		odd := (encoding == UTF16LE || encoding == UTF16BE) && len(in)%2 != 0
		if !odd && !bytes.HasSuffix(in, back) {
			t.Fatalf("%q (%s) comes back as %q", in, encoding, back)
		}
		var out bytes.Buffer
		w := NewWriter(&out, encoding)
		for i := range len(got) {
			if _, err := w.Write([]byte(got[i : i+1])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if want := append(Mark(encoding), back...); !bytes.Equal(out.Bytes(), want) {
			t.Fatalf("%q (%s): written bytewise %q, at once %q", got, encoding, out.Bytes(), want)
		}
	})
}

func TestEncode(t *testing.T) {
	f := func(encoding, in, want string) {
		t.Helper()
		if got := string(Encode([]byte("#"), []byte(in), encoding)); got != "#"+want {
			t.Errorf("%q in %s is %q, want %q", in, encoding, got, "#"+want)
		}
	}
	f(UTF8, "é\xff", "é\xff")
	f(Windows1252, "café €", "caf\xe9 \x80")
	f(Windows1252, "日本 \U0001F600", "?? ?")
	f(Windows1252, "a\xffb", "a?b")
	f(Windows1252, "\ufffd", "?")
	f(UTF16LE, "aé", "a\x00\xe9\x00")
	f(UTF16BE, "a😀", "\x00a\xd8\x3d\xde\x00")
	f(UTF16BE, "\xff", "\xff\xfd")
	f(UTF16BE, "\xed\xa0\xbd", "\xd8\x3d")
	f(UTF16BE, "\ue000\uffff", "\xe0\x00\xff\xff")
}

func TestWriterError(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	out := NewWriter(w, UTF16LE)
	if _, err := out.Write([]byte("a")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v, want the error of the writer below", err)
	}
}
