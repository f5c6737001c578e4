//go:build unix

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sluice/host"
	"sluice/host/logbuf"
)

// serveForTest is set in a process that is the command line and no test.
const serveForTest = "SLUICE_TEST_MAIN"

// become runs the command line as the binary's main does.
func become() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return Main(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
}

// stoppable is a server in a process of its own.
type stoppable struct {
	server
	cmd *exec.Cmd
	log logbuf.Buffer
}

// launch starts a server on a data folder.
func launch(tb testing.TB, data, key string, grace time.Duration) *stoppable {
	tb.Helper()
	s := &stoppable{server: server{tb: tb, data: data}}
	s.cmd = exec.Command(os.Args[0], "serve", "--addr", "127.0.0.1:0", "--admin-addr", "", "--data", data, "--shutdown-grace", grace.String())
	s.cmd.Env = append(os.Environ(), serveForTest+"=1")
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill() // the test has failed
			_ = s.cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("serve: %v\n%s", err, s.log.String())
	}
	s.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	if key == "" {
		key = strings.TrimSpace(run(nil, "", "keys", "create", "--url", s.url, "--data", data, "--tenant", "acme", "--scopes", allScopes).want(tb, 0).stdout)
	}
	s.env = []string{"SLUICE_URL=" + s.url, "SLUICE_KEY=" + key}
	return s
}

func (s *stoppable) key() string { return strings.TrimPrefix(s.env[1], "SLUICE_KEY=") }

// stop sends SIGTERM and returns how long the process took to end, and how.
func (s *stoppable) stop() (took time.Duration, code int) {
	s.tb.Helper()
	began := time.Now()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.tb.Fatal(err)
	}
	_ = s.cmd.Wait() // the code says it
	return time.Since(began), s.cmd.ProcessState.ExitCode()
}

// stopJob is what a test looks at of a job.
type stopJob struct {
	ID      string `json:"job_id"`
	Status  string `json:"status"`
	Rows    int    `json:"row_count"`
	Created int    `json:"created_count"`
	Updated int    `json:"updated_count"`
	Skipped int    `json:"skipped_count"`
	Failed  int    `json:"failed_count"`
}

func (s *stoppable) job(id string) stopJob {
	s.tb.Helper()
	return decode[stopJob](s.tb, s.run("jobs", "show", id, "--json"))
}

// mixedRows is a file of rows of which every 100th is bad, and every other one comes
// twice, 1,000 rows apart: a row that is applied twice shows in the counts.
func mixedRows(n int) (csv string, want stopJob) {
	var b strings.Builder
	b.WriteString("name,domain\n")
	seen := map[int]bool{}
	for i := range n {
		domain := i
		if i%2 == 1 && i >= 1000 {
			domain = i - 1000
		}
		switch {
		case i%100 == 50:
			fmt.Fprintf(&b, "Company %d,bad\n", i)
			want.Failed++
			continue
		case seen[domain]:
			want.Updated++
		default:
			want.Created++
		}
		seen[domain] = true
		fmt.Fprintf(&b, "Company %d,c%d.example\n", i, domain)
	}
	want.Rows, want.Status = n, "completed"
	return b.String(), want
}

// A server that is told to stop in the middle of a job ends within the grace, with
// 0, and the job goes on in the next: its counts and its report are those of a run
// without a stop. So they are with a grace in which no commit can end, only that
// the server says so, with 1.
func TestStopDuringJob(t *testing.T) {
	for _, c := range []struct {
		name   string
		grace  time.Duration
		enough bool
	}{{"long", time.Minute, true}, {"short", time.Millisecond, false}} {
		t.Run(c.name, func(t *testing.T) {
			csv, want := mixedRows(400_000)
			file, data := writeFile(t, "rows.csv", csv), filepath.Join(t.TempDir(), "data")
			s := launch(t, data, "", c.grace)
			accepted := s.run("import", file, "--update", "--detach", "--json").want(t, 0)
			want.ID = decode[stopJob](t, accepted).ID
			stops, rows := 0, 0
			for {
				for {
					j := s.job(want.ID)
					if j.Status == "completed" || j.Rows > rows {
						rows = j.Rows
						break
					}
				}
				took, code := s.stop()
				if c.enough && code != 0 || took > time.Minute {
					t.Fatalf("exit %d after %s\n%s", code, took, s.log.String())
				}
				t.Logf("%d rows, exit %d after %s", rows, code, took)
				rep, err := host.Check(context.Background(), data, slog.New(slog.DiscardHandler))
				if err != nil || !rep.Sound() {
					t.Fatalf("%+v, %v", rep, err)
				}
				s = launch(t, data, s.key(), c.grace)
				if rep.PendingJobs == 0 {
					break
				}
				stops++
			}
			if got := s.job(want.ID); got != want {
				t.Fatalf("%+v, want %+v", got, want)
			}
			if stops == 0 {
				t.Error("the job ended before it could be stopped")
			}
			failed := map[int]bool{}
			for line := range strings.Lines(s.run("jobs", "errors", want.ID, "--json").want(t, 0).stdout) {
				var e struct {
					Row int `json:"row_number"`
				}
				if err := json.Unmarshal([]byte(line), &e); err != nil || failed[e.Row] {
					t.Fatalf("%q, %v", line, err)
				}
				failed[e.Row] = true
			}
			if len(failed) != want.Failed {
				t.Fatalf("%d failed rows are reported, want %d", len(failed), want.Failed)
			}
			if _, code := s.stop(); c.enough && code != 0 {
				t.Fatalf("exit %d\n%s", code, s.log.String())
			}
		})
	}
}
