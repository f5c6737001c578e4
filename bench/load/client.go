// Package load is the client of the bench: it drives a server as its users do,
// over HTTP alone, counts from the answers, and asks the store afterwards.
//
// A Client may be used by several goroutines. Bodies are sent as they are given;
// nothing is retried, because a retry would be measured as if it were speed.
package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client talks to one server as one tenant.
type Client struct {
	base, key string
	http      *http.Client
}

// New makes a client with a pool of its own of at most connections; Close ends
// them.
func New(url, key string, connections int) *Client {
	return &Client{base: strings.TrimRight(url, "/"), key: key, http: &http.Client{Transport: &http.Transport{
		MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections,
		DisableCompression: true, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
	}}}
}

// Close ends the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// apiError is an answer that is no success.
type apiError struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("status %d, %s: %s", e.Status, e.Code, e.Message)
}

// call is one request; size is -1 where the body's length isn't known.
type call struct {
	method, path string
	header       map[string]string
	body         io.Reader
	size         int64
}

// String names the request in errors; a query may be long.
func (r call) String() string {
	path, _, _ := strings.Cut(r.path, "?")
	return r.method + " " + path
}

// open sends a request and returns its successful answer, for the caller to close.
func (c *Client) open(ctx context.Context, r call) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, r.body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.ContentLength = r.size
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	failed := &apiError{Status: resp.StatusCode}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil {
		envelope := struct{ Error *apiError }{failed}
		err = json.Unmarshal(raw, &envelope)
	}
	if err != nil {
		failed.Message = fmt.Sprintf("an answer that can't be read: %v", err)
	}
	return nil, fmt.Errorf("%s: %w", r, failed)
}

// data sends a request and decodes the data of its answer.
func (c *Client) data(ctx context.Context, r call, into any) error {
	return c.answer(ctx, r, &struct{ Data any }{into})
}

// answer sends a request and decodes its whole answer; the connection is free
// for another one then.
func (c *Client) answer(ctx context.Context, r call, into any) error {
	resp, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s: read answer: %w", r, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: read answer: %w", r, err)
	}
	return nil
}

// pollEvery is how often a job is asked for once the server's own wait is over.
const pollEvery = 50 * time.Millisecond
