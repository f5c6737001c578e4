package host

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"sluice/engine"
)

// serveForTest is the data folder of a process that is a server and no test.
const serveForTest = "SLUICE_TEST_SERVER"

// serveChild serves until its standard input ends.
func serveChild(data string) int {
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data = "127.0.0.1:0", "", data
	cfg.BodyTimeout, cfg.WriteTimeout, cfg.PluginCompileTime = hang, hang, time.Minute
	s, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	fmt.Println(s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Close(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	if err := <-ended; err != nil {
		return 1
	}
	return 0
}

// child is a server in a process of its own, whose memory is its own.
type child struct {
	tb   testing.TB
	pid  int
	addr string
	key  string
}

func startChild(tb testing.TB) *child {
	tb.Helper()
	data := tb.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveForTest+"="+data)
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("the server: %v", err)
		}
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("%q, %v", addr, err)
	}
	c := &child{tb: tb, pid: cmd.Process.Pid, addr: "http://" + strings.TrimSpace(addr)}
	admin, err := os.ReadFile(data + "/" + AdminKeyFile)
	if err != nil {
		tb.Fatal(err)
	}
	c.key = strings.TrimSpace(string(admin))
	_, body := c.post("/v1/admin/keys", strings.NewReader(`{"tenant":"acme","scopes":["write:companies","read:imports"],"rate_limit":100000}`), jsonType, "")
	c.key = body[strings.Index(body, `"key":"`)+7:][:tokenLen]
	return c
}

func (c *child) post(path string, body io.Reader, media, coding string) (int, string) {
	c.tb.Helper()
	req, err := http.NewRequest("POST", c.addr+path, body)
	if err != nil {
		c.tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", media)
	req.Header.Set("Prefer", "wait=60")
	if coding != "" {
		req.Header.Set("Content-Encoding", coding)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		c.tb.Fatalf("%s: %v", path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.tb.Fatal(err)
	}
	if resp.StatusCode == http.StatusAccepted { // the wait was too short for this machine
		return c.ended(resp.Header.Get("Location"))
	}
	return resp.StatusCode, string(text)
}

// ended polls a job to its end and tells it as an answer that waited would.
func (c *child) ended(path string) (status int, text string) {
	c.tb.Helper()
	until(c.tb, "the end of "+path, func() bool {
		req, err := http.NewRequest("GET", c.addr+path, nil)
		if err != nil {
			c.tb.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.key)
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err != nil {
			c.tb.Fatal(err)
		}
		defer resp.Body.Close()
		r := reply{Response: resp}
		if r.body, err = io.ReadAll(resp.Body); err != nil {
			c.tb.Fatal(err)
		}
		status, text = resp.StatusCode, string(r.body)
		d := r.importData(c.tb)
		if d.Status == engine.Failed {
			status = http.StatusUnprocessableEntity
		}
		return d.Status.Ended()
	})
	return status, text
}

// anonymous is the server's memory that no file backs, in bytes.
func (c *child) anonymous() int64 {
	c.tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		c.tb.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "RssAnon:")
	kb, err := strconv.ParseInt(strings.Fields(line)[0], 10, 64)
	if err != nil {
		c.tb.Fatal(err)
	}
	return kb << 10
}

// endless repeats a text to n bytes between a begin and an end.
func endless(begin, text string, n int64, end string) io.Reader {
	return io.MultiReader(strings.NewReader(begin), io.LimitReader(&repeated{text: text}, n), strings.NewReader(end))
}

type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n += k
		r.at = (r.at + k) % len(r.text)
	}
	return n, nil
}

// packed is a reader of what src compresses to.
func packed(coding string, src io.Reader) io.Reader {
	r, w := io.Pipe()
	go func() {
		var z io.WriteCloser = gzip.NewWriter(w)
		if coding == "zstd" {
			z, _ = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		}
		_, err := io.Copy(z, src)
		if err == nil {
			err = z.Close()
		}
		w.CloseWithError(err) // the server may have gone
	}()
	return r
}

// Rule 2.98: no input makes the server large or takes it down. Each of these
// gets its answer, and none leaves the server above its memory.
func TestHostileInput(t *testing.T) {
	const mostMemory = 512 << 20
	mega := int64(1 << 20)
	if raced {
		mega /= 4 // it is slow, and its memory says nothing
	}
	c := startChild(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := io.LimitReader(rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}), 4*mega)
	f := func(what string, want int, says, media, coding string, body io.Reader) {
		t.Helper()
		began := time.Now()
		status, text := c.post(importPath, body, media, coding)
		memory := c.anonymous()
		t.Logf("%-24s %d in %4d ms, RssAnon %3d MB: %.160s", what, status, time.Since(began).Milliseconds(), memory>>20, text)
		if want != 0 && status != want || status >= 500 || !strings.Contains(text, says) {
			t.Errorf("%s: %d %.600s; want %d and %q", what, status, text, want, says)
		}
		if memory > mostMemory && !raced {
			t.Errorf("%s: the server has %d MB", what, memory>>20)
		}
		resp, err := http.Get(c.addr + "/healthz")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		resp.Body.Close()
	}
	const json, csv = jsonType, "text/csv"
	for _, coding := range []string{"gzip", "zstd"} {
		f(coding+" bomb", 413, "payload_too_large", csv, coding, packed(coding, endless("name\n", "\x00", 1<<30, "")))
		f(coding+" bomb of lines", 413, "payload_too_large", ndjsonType, coding, packed(coding, endless("", "{}\n", 1<<30, "")))
		f(coding+" bomb of JSON", 413, "payload_too_large", json, coding, packed(coding, endless(`{"csv":"`, " ", 1<<30, `"}`)))
	}
	f("one line", 200, "row_too_large", csv, "", endless("name,city\nA,b\n", "x", 64*mega, "\nC,d\n"))
	f("one line of JSON", 200, "row_too_large", ndjsonType, "", endless("{\"name\":\"A\"}\n{\"name\":\"", "x", 64*mega, "\"}\n"))
	f("a header", 400, "validation_error", csv, "", endless("name,", "x", 32*mega, "\nA,b\n"))
	f("an open quote", 200, "malformed", csv, "", endless("name,city\n\"A,b\n", "x,y\n", 4*mega, ""))
	f("100,000 columns", 400, "validation_error", csv, "", endless("name", ",x", 200_000, "\nA\n"))
	f("columns of commas", 400, "validation_error", csv, "", endless("", ",", 16*mega, "\n"))
	f("100,000 keys", 200, "", json, "", keys(100_000))
	f("nested arrays", 400, "validation_error", json, "", endless(`{"rows":[{"x":`, "[", 10*mega, ""))
	f("nested objects", 0, "", ndjsonType, "", endless("", `{"x":`, 10*mega, "\n"))
	f("empty rows", 200, "required", json, "", endless(`{"rows":[{}`, ",{}", mega/3*12, `]}`))
	f("numbers", 200, "invalid_type", json, "", endless(`{"rows":[1`, ",1", 4*mega, `]}`))
	f("an option", 400, "validation_error", json, "", endless(`{"rows":[],"tags":["`, "x", 18*mega, `"]}`))
	f("a member", 400, "validation_error", json, "", endless(`{"`, "x", 18*mega, `":1}`))
	f("random bytes", 0, "", csv, "", random)
	f("invalid UTF-8", 200, "invalid_encoding", csv, "", endless("\xef\xbb\xbfname\n", "\xff\xfe\n", 2*mega, ""))
	f("NULs", 0, "", csv, "", endless("name\n", "\x00\n", 2*mega, ""))
	f("parts", 400, "validation_error", "multipart/form-data; boundary=b", "",
		endless("", "--b\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\nx\r\n", 4*mega, ""))
	f("a part's headers", 400, "validation_error", "multipart/form-data; boundary=b", "", endless("--b\r\n", "X-A: b\r\n", 4*mega, ""))
}

// keys is a JSON body of one row with n keys.
func keys(n int) io.Reader {
	var b strings.Builder
	b.WriteString(`{"rows":[{"name":"A"`)
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":1`, i)
	}
	b.WriteString(`},{"name":"B"}]}`)
	return strings.NewReader(b.String())
}
