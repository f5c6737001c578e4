package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sluice/engine/fault"
)

// remote says which server a command talks to, and as whom.
type remote struct {
	URL string `name:"url" default:"http://127.0.0.1:8080" help:"The server."`
	Key string `name:"key" help:"The API key."`
}

// admin is a remote whose key may be the one that the server made for itself.
type admin struct {
	remote
	Data string `name:"data" default:"./data" help:"The server's data folder, whose admin.key is used where no other key is given or may do it."`
}

// client uses the key that was given, and the server's own where there is none or
// where that one may not do it: SLUICE_KEY is usually a tenant's.
func (a admin) client() (*client, error) {
	own, err := os.ReadFile(filepath.Join(a.Data, "admin.key"))
	if err != nil && a.Key == "" {
		return nil, refuse(fault.InvalidKey, "no --key, and no admin key either (%w); give --key, or --data with the server's data folder", err)
	}
	spare := strings.TrimSpace(string(own))
	if a.Key == "" {
		a.Key, spare = spare, ""
	}
	c, err := a.remote.client()
	if err == nil {
		c.spare = spare
	}
	return c, err
}

func (r remote) client() (*client, error) {
	if r.Key == "" {
		return nil, refuse(fault.InvalidKey, "no API key; give --key or set SLUICE_KEY (sluice keys create makes one)")
	}
	return &client{base: strings.TrimRight(r.URL, "/"), key: r.Key}, nil
}

// client talks to one server.
type client struct {
	base, key string
	spare     string // a key to try where the first lacks a scope; empty: none
	http      http.Client
}

// apiError is an answer that is no success.
type apiError struct {
	status     int
	requestID  string // by which the operator finds the cause in the server's log
	retryAfter time.Duration
	Code       string          `json:"code"`
	Message    string          `json:"message"`
	Details    json.RawMessage `json:"details"`
}

func (e *apiError) Error() string {
	text := fmt.Sprintf("%s: %s", e.Code, e.Message)
	if e.Code == "" {
		text = fmt.Sprintf("the server answered %d %s", e.status, http.StatusText(e.status))
	}
	if e.status >= http.StatusInternalServerError && e.requestID != "" {
		text += fmt.Sprintf(" (request %s; the server's log says more)", e.requestID)
	}
	return text
}

// later reports whether the same request may succeed soon.
func (e *apiError) later() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable
}

// request is one call of the API.
type request struct {
	method, path string
	header       http.Header
	body         io.Reader
}

// open sends r and returns the answer's body, for the caller to close.
func (c *client) open(ctx context.Context, r request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, r.body)
	if err != nil {
		return nil, err
	}
	for k, v := range r.header {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("User-Agent", "sluice/"+version)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w (is a server running at %s?)", err, c.base)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusForbidden && c.spare != "" && (r.body == nil || req.GetBody != nil) {
		c.key, c.spare = c.spare, ""
		if req.GetBody != nil {
			if r.body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
		return c.open(ctx, r)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	failed := &apiError{status: resp.StatusCode, requestID: resp.Header.Get("X-Request-ID")}
	if s, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil {
		failed.retryAfter = s
	}
	var envelope struct{ Error *apiError }
	envelope.Error = failed
	// What is no envelope leaves the status to speak for itself.
	_ = json.Unmarshal(raw, &envelope)
	return nil, failed
}

// call sends a JSON request and decodes the answer's data; meta may be nil.
func (c *client) call(ctx context.Context, method, path string, in, data, meta any) error {
	r := request{method: method, path: path, header: http.Header{}}
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r.body = bytes.NewReader(raw)
		r.header.Set("Content-Type", "application/json")
	}
	resp, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if data == nil {
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	}
	var envelope struct{ Data, Meta json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if err := json.Unmarshal(envelope.Data, data); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if meta != nil && len(envelope.Meta) > 0 {
		if err := json.Unmarshal(envelope.Meta, meta); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
	}
	return nil
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
