package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// errKilled is what a request ends with when the server was killed under it: its
// outcome is not known.
var errKilled = errors.New("torture: the server was killed")

// request is one call of the API, to be sent as often as one likes.
type request struct {
	method, path string
	media        string // of the body
	coding       string // of the content; empty: none
	key          string // Idempotency-Key; empty: none
	prefer       string
	body         []byte
}

// reply is a whole answer.
type reply struct {
	status     int
	replayed   bool
	retryAfter string
	body       []byte
}

// data decodes the answer's data.
func (r *reply) data(into any) error {
	envelope := struct{ Data any }{into}
	if err := json.Unmarshal(r.body, &envelope); err != nil {
		return fmt.Errorf("answer %d %.300s: %w", r.status, r.body, err)
	}
	return nil
}

// server is one life of the server, as its clients see it.
type server struct {
	url    string
	http   *http.Client
	stats  *stats
	killed atomic.Bool // from just before the signal on
}

// requestTimeout bounds a request: longer is a violation.
const requestTimeout = time.Minute

func newServer(url string, st *stats) *server {
	return &server{url: url, stats: st, http: &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		MaxIdleConnsPerHost: 64, DisableCompression: true}}}
}

// whileAlive takes steps until the server is killed. An error is a violation.
func (s *server) whileAlive(step func() error) error {
	for !s.killed.Load() {
		if err := step(); errors.Is(err, errKilled) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// ended drops the connections of a life that is over.
func (s *server) ended() { s.http.CloseIdleConnections() }

// do sends a request and reads its whole answer; errKilled where the server was
// killed before that.
func (s *server) do(ctx context.Context, token string, r request) (*reply, error) {
	for {
		rep, err := s.once(ctx, token, r)
		if err != nil && s.killed.Load() {
			return nil, errKilled
		}
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
		}
		// Overload and the replay of a request that still runs are asked again.
		if rep.status != http.StatusServiceUnavailable && rep.status != http.StatusTooManyRequests {
			return rep, nil
		}
		if err := s.refused(rep); err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if s.killed.Load() {
			return nil, errKilled
		}
	}
}

// refused counts an answer that asks for the request again, which must say why
// and when.
func (s *server) refused(rep *reply) error {
	code := "rate_limited"
	if rep.status == http.StatusServiceUnavailable {
		code = "overloaded"
		s.stats.refused.Add(1)
	}
	if !bytes.Contains(rep.body, []byte(`"code":"`+code+`"`)) || rep.retryAfter == "" {
		return fmt.Errorf("%d %.300s with Retry-After %q, want the code %s and Retry-After", rep.status, rep.body, rep.retryAfter, code)
	}
	return nil
}

func (s *server) once(ctx context.Context, token string, r request) (*reply, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, s.url+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for name, value := range map[string]string{"Content-Type": r.media, "Content-Encoding": r.coding,
		"Idempotency-Key": r.key, "Prefer": r.prefer} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return &reply{status: resp.StatusCode, replayed: resp.Header.Get("Idempotent-Replayed") == "true",
		retryAfter: resp.Header.Get("Retry-After"), body: body}, nil
}

// want holds the answer to r to its status.
func (rep *reply) want(r request, status int) error {
	if rep.status != status {
		return fmt.Errorf("%s %s: %d %.300s, want %d", r.method, r.path, rep.status, rep.body, status)
	}
	return nil
}

// get reads something and decodes its data.
func (s *server) get(ctx context.Context, token, path string, into any) error {
	rep, err := s.do(ctx, token, request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	if rep.status != http.StatusOK {
		return fmt.Errorf("GET %s: %d %.300s", path, rep.status, rep.body)
	}
	return rep.data(into)
}

// cut sends a request of which only a part of the body arrives.
func (s *server) cut(ctx context.Context, token string, r request, part int) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "http://"))
	if err == nil {
		coding := ""
		if r.coding != "" {
			coding = "Content-Encoding: " + r.coding + "\r\n"
		}
		_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: torture\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%sIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n%s",
			r.method, r.path, token, r.media, coding, r.key, len(r.body), r.body[:part])
		err = errors.Join(err, conn.Close())
	}
	if err != nil && s.killed.Load() {
		return errKilled
	}
	return err
}
