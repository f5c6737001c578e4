package torture

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// dawdle sends one byte a second, of a header or of a body, on one connection
// after the other until ctx ends.
func dawdle(ctx context.Context, s *server, token string, header bool) error {
	head := "POST /v1/import/companies HTTP/1.1\r\nHost: torture\r\nContent-Type: text/csv\r\nAuthorization: Bearer " + token + "\r\n"
	quick, slow := "", head
	if !header {
		quick, slow = head+"Content-Length: 1000000\r\n\r\n", strings.Repeat("x", 1000)
	}
	var d net.Dialer
	for ctx.Err() == nil {
		conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			return gone(ctx, err)
		}
		trickle(ctx, conn, quick, slow)
		_ = conn.Close() // of a client that has no manners
	}
	return nil
}

// trickle writes quick at once and slow at a byte a second, until the server or ctx
// has enough.
func trickle(ctx context.Context, conn net.Conn, quick, slow string) {
	if _, err := io.WriteString(conn, quick); err != nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range len(slow) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := io.WriteString(conn, slow[i:i+1]); err != nil {
			return
		}
	}
}

// tooMany opens more connections than the server takes, each with a request, and
// returns how many were refused, which they must be as they should.
func tooMany(ctx context.Context, s *server) (refused int64, err error) {
	hold := make(chan struct{})
	var over atomic.Int64
	var all errgroup.Group
	var tried sync.WaitGroup
	tried.Add(maxConns)
	for range maxConns {
		all.Go(func() error {
			conn, err := s.knock(ctx, &over)
			tried.Done()
			if conn != nil {
				<-hold // the others are to find this one open
				_ = conn.Close()
			}
			return err
		})
	}
	tried.Wait()
	close(hold)
	if err = all.Wait(); err == nil && over.Load() == 0 {
		err = fmt.Errorf("%d connections and more, and none is refused", maxConns)
	}
	return over.Load(), err
}

// knock asks on a new connection whether the server is there, and counts where it
// has no room.
func (s *server) knock(ctx context.Context, over *atomic.Int64) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return conn, err
	}
	// One that is refused may have its answer already, and be closed for writing.
	_, _ = io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: torture\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return conn, fmt.Errorf("one connection more: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode == http.StatusOK {
		return conn, err
	}
	over.Add(1)
	return conn, s.refused(&reply{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), body: body})
}
