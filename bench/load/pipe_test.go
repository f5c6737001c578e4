package load

import (
	"bufio"
	"net"
	"testing"
)

// pipe is a connection whose other end takes one byte, answers and closes; the
// function waits for that.
func pipe(t *testing.T, answer string) (*Conn, func()) {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan error, 1)
	go func() {
		defer server.Close()
		if _, err := server.Read(make([]byte, 1)); err != nil {
			done <- err
			return
		}
		_, err := server.Write([]byte(answer))
		done <- err
	}()
	c := &Conn{conn: client, in: bufio.NewReader(client)}
	return c, func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
