// Package process runs the sluice binary as users do: as a process of its own,
// on a free port of the loopback, in a folder that is removed afterwards.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"sluice/host/logbuf"
)

// Server is a running sluice serve.
type Server struct {
	URL  string
	Data string

	binary string
	cmd    *exec.Cmd
	log    *logbuf.Buffer
	exited chan struct{}
	err    error
}

// Start starts the binary with the data folder and waits until it listens.
func Start(ctx context.Context, binary, data string, args ...string) (*Server, error) {
	return StartUnder(ctx, nil, binary, data, args...)
}

// StartUnder is Start by another command, which gets the server's as its last
// arguments and becomes it: strace -D, nice.
func StartUnder(ctx context.Context, by []string, binary, data string, args ...string) (*Server, error) {
	args = append([]string{"serve", "--addr", "127.0.0.1:0", "--admin-addr", "", "--data", data}, args...)
	s := &Server{Data: data, binary: binary, log: new(logbuf.Buffer), exited: make(chan struct{})}
	command := append(append([]string{}, by...), append([]string{binary}, args...)...)
	s.cmd = exec.CommandContext(ctx, command[0], command[1:]...)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, out) // the pipe's end is the process's end
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		s.Kill()
		return nil, fmt.Errorf("the server did not start: %w\n%s", errors.Join(readErr, s.err), s.log)
	}
	s.URL = url
	return s, nil
}

// PID is the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Log is what the server has logged so far.
func (s *Server) Log() string { return s.log.String() }

// Alive reports whether the process still runs.
func (s *Server) Alive() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Stop ends the server as an operator does, and waits for it.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(time.Minute):
		s.Kill()
		return errors.New("the server did not stop within a minute")
	}
	if s.err != nil {
		return fmt.Errorf("server: %w\n%s", s.err, s.log)
	}
	return nil
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may be gone
	<-s.exited
}

// Sluice runs the binary's command line against the server, its output going to
// stdout and stderr, and returns its exit code.
func (s *Server) Sluice(ctx context.Context, key string, stdout, stderr io.Writer, args ...string) (int, error) {
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Env = append(os.Environ(), "SLUICE_URL="+s.URL, "SLUICE_KEY="+key, "SLUICE_DATA="+s.Data)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// Key makes an API key.
func (s *Server) Key(ctx context.Context, tenant, scopes string, more ...string) (string, error) {
	var out, stderr bytes.Buffer
	args := append([]string{"keys", "create", "--tenant", tenant, "--scopes", scopes}, more...)
	code, err := s.Sluice(ctx, "", &out, &stderr, args...)
	if err != nil || code != 0 {
		return "", fmt.Errorf("keys create: exit %d: %w\n%s", code, err, &stderr)
	}
	return strings.TrimSpace(out.String()), nil
}
