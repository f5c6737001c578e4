// Package floor measures the least that any durable import of a body has to do
// on this machine: receive it over the loopback, scan it for line ends, hash it,
// compress it and have the disk confirm it. There is no parsing, no matching and
// no index, so that an engine's rate can be read as a share of what is possible.
//
// The work is spread over all cores as well as an engine could: one goroutine
// receives, one a core scans, hashes and compresses blocks, one writes them in
// order, and one has the disk confirm them meanwhile.
package floor

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Result is what one run took.
type Result struct {
	Seconds float64
	Bytes   int64 // decompressed
	Lines   int64
	Stored  int64 // compressed
}

// Run sends the files, one request each, to a receiver in this process that
// stores them in dir, and measures from the first byte to the last confirmation.
func Run(ctx context.Context, dir string, files []string, gzipped bool) (Result, error) {
	out, err := os.CreateTemp(dir, "floor-")
	if err != nil {
		return Result{}, err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Result{}, err
	}
	var res Result
	// One request after the other: the handler alone writes to res.
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := receive(out, r.Body, gzipped, &res); err != nil {
			_, _ = io.Copy(io.Discard, r.Body) // the connection's end waits for its body
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	client := &http.Client{Transport: &http.Transport{}}
	started := time.Now()
	for _, file := range files {
		if err = send(ctx, client, "http://"+listener.Addr().String(), file); err != nil {
			break
		}
	}
	res.Seconds = time.Since(started).Seconds()
	client.CloseIdleConnections()
	closed := server.Close()
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		closed = errors.Join(closed, serveErr)
	}
	if err = errors.Join(err, closed); err != nil {
		return Result{}, fmt.Errorf("floor: %w", err)
	}
	return res, nil
}

func receive(out *os.File, body io.Reader, gzipped bool, res *Result) error {
	if !gzipped {
		return store(out, body, res)
	}
	z, err := gzip.NewReader(body)
	if err != nil {
		return err
	}
	return store(out, z, res)
}

func send(ctx context.Context, client *http.Client, url, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, f)
	if err != nil {
		return err
	}
	req.ContentLength = info.Size()
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("send %s: %w", filepath.Base(file), err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("send %s: status %d: %s", filepath.Base(file), resp.StatusCode, bytes.TrimSpace(text))
	}
	return err
}
