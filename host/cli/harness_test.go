package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"sluice/engine/leaktest"
	"sluice/host"
	"sluice/host/logbuf"
	"sluice/plugins"
	"sluice/plugins/plugintest"
)

// The binary of the tests is also the child that compiles modules.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == host.CompileCommand {
		plugintest.BecomeChild()
		os.Exit(plugins.CompileChild(os.Stdin, os.Stdout, os.Stderr))
	}
	if os.Getenv(serveForTest) != "" {
		os.Exit(become())
	}
	remove := plugintest.BuildChild()
	code := leaktest.Run(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
	remove()
	os.Exit(code)
}

// result is what a run of the command line left.
type result struct {
	code           int
	stdout, stderr string
}

// patience is for the race detector, with which compiling a module takes many times
// as long.
const patience = "SLUICE_PLUGIN_COMPILE_TIME=1m"

// run runs one command, env being NAME=value.
func run(env []string, stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), args, append([]string{patience}, env...), strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// want holds the exit code and that the output has each text.
func (r result) want(tb testing.TB, code int, texts ...string) result {
	tb.Helper()
	if r.code != code {
		tb.Fatalf("exit %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.stdout, r.stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			tb.Fatalf("the output lacks %q\nstdout: %s\nstderr: %s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// refused holds that a command was not done and said exactly why.
func (r result) refused(tb testing.TB, stderr string) {
	tb.Helper()
	if r.code != exitNotDone || r.stdout != "" || r.stderr != "sluice: "+stderr+"\n" {
		tb.Fatalf("exit %d\nstdout: %s\nstderr: %s\nwant:   sluice: %s", r.code, r.stdout, r.stderr, stderr)
	}
}

// decode reads the JSON that a command printed.
func decode[T any](tb testing.TB, r result) T {
	tb.Helper()
	var v T
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
		tb.Fatalf("no JSON: %v\nexit %d\nstdout: %s\nstderr: %s", err, r.code, r.stdout, r.stderr)
	}
	return v
}

// server is sluice serve in a temporary folder, on a port of its own.
type server struct {
	tb   testing.TB
	url  string
	data string
	env  []string // with the key of a tenant that may do everything
}

const allScopes = "write:companies,read:companies,read:imports,read:plugins,write:plugins"

func startServer(tb testing.TB, args ...string) *server {
	tb.Helper()
	s := &server{tb: tb, data: filepath.Join(tb.TempDir(), "data")}
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var log logbuf.Buffer
	exited := make(chan int, 1)
	args = append([]string{"serve", "--addr", "127.0.0.1:0", "--admin-addr", "", "--data", s.data}, args...)
	go func() {
		code := Main(ctx, args, []string{patience}, strings.NewReader(""), in, &log)
		_ = in.Close()
		exited <- code
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		tb.Fatalf("serve: exit %d: %v\n%s", <-exited, err, log.String())
	}
	tb.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		stop()
		if code := <-exited; code != 0 {
			tb.Errorf("serve: exit %d\n%s", code, log.String())
		}
	})
	s.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	key := run(nil, "", "keys", "create", "--url", s.url, "--data", s.data, "--tenant", "acme", "--scopes", allScopes).want(tb, 0)
	s.env = []string{"SLUICE_URL=" + s.url, "SLUICE_KEY=" + strings.TrimSpace(key.stdout)}
	return s
}

func (s *server) run(args ...string) result { return run(s.env, "", args...) }

// writeFile writes a file of the test's own and returns its path.
func writeFile(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}
