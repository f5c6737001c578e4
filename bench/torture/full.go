package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/bench/process"
)

// Sizes of the run on a full disk.
const (
	diskBytes = 512 << 20
	fillEvery = 5 * time.Millisecond

	// progressWait is how long a server may take to go on once there is room.
	progressWait = 2 * time.Minute
)

// errNoDisk says that no small disk can be had here.
var errNoDisk = errors.New("a file system of its own size can't be mounted here")

// Full loads a server whose disk is filled up again and again: by a file of
// somebody else, to the last byte, and by uploads that are larger than what is
// left. While it is full a request that writes is answered 503 overloaded with
// Retry-After, and jobs wait; when there is room the same process goes on. After
// each round what is stored is held to what was promised, as after a kill.
// Where no small disk can be mounted it says so, and that nothing was checked.
func Full(ctx context.Context, cfg Config) (err error) {
	r, err := newRun(cfg)
	if err != nil {
		return err
	}
	disk, err := mountDisk(r.dir, diskBytes)
	if errors.Is(err, errNoDisk) {
		fmt.Fprintf(r.Out, "full disk: not checked: %v\n", err)
		return r.cleanUp(nil)
	} else if err != nil {
		return err
	}
	fmt.Fprintf(r.Out, "full disk: seed %d, %d MB at %s\n", cfg.Seed, diskBytes>>20, r.dir)
	began := time.Now()
	for n := 0; n < cfg.Fills && err == nil; n++ {
		if err = r.fill(ctx, disk, n); err != nil {
			err = fmt.Errorf("full disk, seed %d, round %d: %w", cfg.Seed, n, err)
		}
	}
	if err == nil {
		err = r.last(ctx)
	}
	if err == nil && r.stats.refused.Load() == 0 {
		err = errors.New("full disk: nothing was refused, so nothing was shown")
	}
	fmt.Fprintf(r.Out, "full disk: %d times in %s; %d answers 503 overloaded; %s\n", cfg.Fills,
		time.Since(began).Round(time.Second), r.stats.refused.Load(), &r.stats)
	return r.cleanUp(errors.Join(err, disk.unmount()))
}

// fill starts the server, compares, loads it and fills the disk under it. Every
// third round the server is killed on the full disk and started on it.
func (r *run) fill(ctx context.Context, disk *disk, n int) error {
	p, err := process.Start(ctx, r.Binary, r.data)
	if err != nil {
		return err
	}
	kill := n%3 == 2
	err = r.live(ctx, p, n == 0, func(s *server, load *errgroup.Group) (orderly bool, err error) {
		load.Go(func() error { return r.gorge(ctx, s) })
		return !kill, r.fillUp(ctx, disk, p, kill)
	})
	if err != nil {
		return err
	}
	if kill {
		if err := r.startFull(ctx, disk); err != nil {
			return err
		}
	}
	return r.check(ctx, p)
}

// fillUp fills the disk until requests were refused, and makes room again, after
// which every lane must get on. With kill it leaves the disk full.
func (r *run) fillUp(ctx context.Context, disk *disk, p *process.Server, kill bool) error {
	time.Sleep(time.Duration(r.rng.Int64N(int64(r.MaxLife))))
	before := r.stats.refused.Load()
	for until := time.Now().Add(progressWait); ; {
		if err := disk.fill(); err != nil {
			return err
		}
		time.Sleep(fillEvery)
		if !p.Alive() || ctx.Err() != nil || r.stats.refused.Load() > before+20 {
			break
		}
		if time.Now().After(until) {
			return errors.New("the disk is full, and nothing is refused")
		}
	}
	for began := time.Now(); time.Since(began) < r.MaxLife/2; time.Sleep(fillEvery) {
		if err := disk.fill(); err != nil { // whatever the server gives back
			return err
		}
	}
	if kill {
		return nil
	}
	if err := disk.free(); err != nil {
		return err
	}
	at := map[*lane]int64{}
	for _, t := range r.tenants {
		for _, l := range t.lanes {
			at[l] = l.steps.Load()
		}
	}
	for until := time.Now().Add(progressWait); len(at) > 0 && p.Alive(); time.Sleep(fillEvery) {
		for l, steps := range at {
			if l.steps.Load() > steps+1 {
				delete(at, l)
			}
		}
		if time.Now().After(until) {
			return fmt.Errorf("there is room again, and %d lanes do not get on", len(at))
		}
	}
	return nil
}

// startFull starts the server on a full disk: it serves, or says what is wrong
// and ends. Then there is room.
func (r *run) startFull(ctx context.Context, disk *disk) error {
	if err := disk.fill(); err != nil {
		return err
	}
	p, err := process.Start(ctx, r.Binary, r.data)
	if err == nil {
		p.Kill()
	} else if !strings.Contains(err.Error(), "no space left on device") && !strings.Contains(err.Error(), "The disk is nearly full") {
		return fmt.Errorf("start on a full disk: %w", err)
	}
	return disk.free()
}

// gorge sends uploads that the disk has no room for, beside the lanes' small ones.
func (r *run) gorge(ctx context.Context, s *server) error {
	token, err := r.key(ctx, s, "glutton")
	if errors.Is(err, errKilled) {
		return nil
	} else if err != nil {
		return err
	}
	line := []byte(strings.Repeat("x", 200) + ",c1.example,\n")
	return s.whileAlive(func() error {
		body := io.MultiReader(strings.NewReader("Company,Domain,City\n"), io.LimitReader(&repeating{line: line}, diskBytes/2))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/import/companies?dry_run=true", body)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "text/csv")
		resp, err := s.http.Do(req)
		if err != nil {
			return s.lost(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			return s.lost(err)
		}
		switch resp.StatusCode {
		case http.StatusAccepted:
			var a struct{ Data answered }
			if err := json.Unmarshal(answer, &a); err != nil {
				return fmt.Errorf("glutton: %s: %w", answer, err)
			}
			_, err = s.do(ctx, token, request{method: http.MethodDelete, path: "/v1/import/jobs/" + a.Data.ID})
			return err
		case http.StatusServiceUnavailable:
			return s.refused(&reply{status: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), body: answer})
		}
		return fmt.Errorf("glutton: %d %.300s", resp.StatusCode, answer)
	})
}

// lost counts an upload whose sender was still writing when it was refused, and
// saw the connection's end before the answer.
func (s *server) lost(err error) error {
	if s.killed.Load() {
		return errKilled
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("glutton: %w", err)
	}
	s.stats.cuts.Add(1)
	return nil
}

// repeating gives a line again and again.
type repeating struct {
	line []byte
	at   int
}

func (r *repeating) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.line[r.at:])
		n += c
		r.at = (r.at + c) % len(r.line)
	}
	return n, nil
}

// disk is a small file system, and the file that fills it.
type disk struct {
	dir     string
	unmount func() error
}

func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// free removes the file.
func (d *disk) free() error { return os.Remove(d.filler()) }

// fill takes what is left of the disk, to the last byte.
func (d *disk) fill() error {
	f, err := os.OpenFile(d.filler(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	block := bytes.Repeat([]byte{'x'}, 1<<20)
	for err == nil {
		_, err = f.Write(block)
	}
	if !isFull(err) {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}
