package host

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sluice/engine/leaktest"
	"sluice/plugins"
	"sluice/plugins/plugintest"
	"sluice/storage/memkv"
)

// fasthttp's pool notices its end within its idle time, and its clock runs on.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == CompileCommand {
		plugintest.BecomeChild()
		os.Exit(plugins.CompileChild(os.Stdin, os.Stdout, os.Stderr))
	}
	if data := os.Getenv(serveForTest); data != "" {
		os.Exit(serveChild(data))
	}
	remove := plugintest.BuildChild()
	code := leaktest.Run(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
	remove()
	os.Exit(code)
}

// hang is when a test gives up on what does not come. Nothing that a test proves
// depends on it, however slow the machine is.
const hang = 5 * time.Minute

// until waits for done.
func until(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for began := time.Now(); !done(); time.Sleep(time.Millisecond) {
		if time.Since(began) > hang {
			tb.Fatalf("waited for ever: %s", what)
		}
	}
}

// testServer is a real server on a loopback port.
type testServer struct {
	*Server
	tb    testing.TB
	admin string // token of the first key
	http  *http.Client
}

// startServer serves until the test ends.
func startServer(tb testing.TB, change ...func(*Config)) *testServer {
	tb.Helper()
	return startServerOn(tb, memoryBackend, change...)
}

// startServerOn does the same on a backend of the test's own.
func startServerOn(tb testing.TB, open func(testing.TB, Config, *slog.Logger) *backend, change ...func(*Config)) *testServer {
	tb.Helper()
	cfg := DefaultConfig()
	cfg.Addr, cfg.AdminAddr, cfg.Data = "127.0.0.1:0", "", tb.TempDir()
	cfg.ShutdownGrace = hang
	for _, f := range change {
		f(&cfg)
	}
	log := testLogger(tb)
	s, err := newServer(context.Background(), cfg, open(tb, cfg, log), log)
	if err != nil {
		tb.Fatal(err)
	}
	return runServer(tb, s)
}

// serve opens a server on its data folder and serves until the test ends.
func serve(tb testing.TB, cfg Config) *testServer {
	tb.Helper()
	s, err := Open(context.Background(), cfg, testLogger(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return runServer(tb, s)
}

func runServer(tb testing.TB, s *Server) *testServer {
	tb.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.Run() }()
	ts := &testServer{Server: s, tb: tb, http: &http.Client{Transport: contractTransport{tb, &http.Transport{}}}}
	tb.Cleanup(func() {
		ts.http.CloseIdleConnections()
		if err := s.Close(context.Background()); err != nil {
			tb.Errorf("close: %v", err)
		}
		if err := <-ended; err != nil {
			tb.Errorf("run: %v", err)
		}
	})
	token, err := os.ReadFile(filepath.Join(s.cfg.Data, AdminKeyFile))
	if err != nil {
		tb.Fatal(err)
	}
	ts.admin = strings.TrimSpace(string(token))
	return ts
}

func testLogger(tb testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(testLog{tb}, nil)) }

// memoryBackend is a backend without a disk, but for the spool.
func memoryBackend(tb testing.TB, cfg Config, log *slog.Logger) *backend {
	tb.Helper()
	b, err := newBackend(context.Background(), cfg, memkv.New(), log)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

type testLog struct{ tb testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.tb.Logf("%s", strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

// reply is an answer that was read to its end.
type reply struct {
	*http.Response
	body []byte
}

// do sends one request; headers are "Name: value".
func (ts *testServer) do(method, path, token, body string, headers ...string) reply {
	ts.tb.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, "http://"+ts.Addr()+path, in)
	if err != nil {
		ts.tb.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", jsonType)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := ts.http.Do(req)
	if err != nil {
		ts.tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		ts.tb.Fatal(err)
	}
	return reply{resp, b}
}

// key makes a key of a tenant.
func (ts *testServer) key(tenant string, scopes ...Scope) string {
	ts.tb.Helper()
	b, err := json.Marshal(map[string]any{"tenant": tenant, "scopes": scopes, "rate_limit": maxRateLimit})
	if err != nil {
		ts.tb.Fatal(err)
	}
	r := ts.do("POST", "/v1/admin/keys", ts.admin, string(b))
	r.want(ts.tb, 201, "")
	var answer struct{ Data struct{ Key string } }
	r.decode(ts.tb, &answer)
	return answer.Data.Key
}

// want checks the status and, of a failure, the code.
func (r reply) want(tb testing.TB, status int, code string) {
	tb.Helper()
	if r.StatusCode != status {
		tb.Fatalf("status %d, want %d: %s", r.StatusCode, status, r.body)
	}
	if code == "" {
		return
	}
	var answer struct{ Error struct{ Code string } }
	r.decode(tb, &answer)
	if answer.Error.Code != code {
		tb.Fatalf("code %q, want %q: %s", answer.Error.Code, code, r.body)
	}
}

func (r reply) decode(tb testing.TB, v any) {
	tb.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		tb.Fatalf("%v in %s", err, r.body)
	}
}

// message returns the message of a failure.
func (r reply) message(tb testing.TB) string {
	tb.Helper()
	var answer struct{ Error struct{ Message string } }
	r.decode(tb, &answer)
	return answer.Error.Message
}

// raw is a connection that a test writes bytes to.
type raw struct {
	net.Conn
	tb testing.TB
	br *bufio.Reader
}

func (ts *testServer) dial() *raw {
	ts.tb.Helper()
	c, err := net.Dial("tcp", ts.Addr())
	if err != nil {
		ts.tb.Fatal(err)
	}
	ts.tb.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(hang)); err != nil {
		ts.tb.Fatal(err)
	}
	return &raw{c, ts.tb, bufio.NewReader(c)}
}

// send writes lines, each with its line end.
func (c *raw) send(lines ...string) {
	c.tb.Helper()
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n"); err != nil {
		c.tb.Fatal(err)
	}
}

// answer reads the next answer, interim ones included.
func (c *raw) answer() reply {
	c.tb.Helper()
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		c.tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.tb.Fatal(err)
	}
	return reply{resp, b}
}

// wantEnd checks that nothing follows but the end of the connection.
func (c *raw) wantEnd() {
	c.tb.Helper()
	if b, err := io.ReadAll(c.br); err != nil || len(b) > 0 {
		c.tb.Fatalf("%q, %v; want the end", b, err)
	}
}
