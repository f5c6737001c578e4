package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sluice/bench/dataset"
	"sluice/bench/load"
	"sluice/bench/measure"
	"sluice/bench/process"
)

// importing measures one import, from the first byte that is sent to the job's
// completion.
type importing struct {
	shape  shape
	guest  string
	clean  dataset.Clean // but for seed and rows, which are the run's
	loaded bool          // the clean file is imported before, unmeasured
	update bool
	want   func(rows int) load.Counts
	times  int  // the rows of the configuration; 0: once
	reopen bool // the store is opened again
	settle bool // the background's work is waited for before the disk is measured
}

func allCreated(rows int) load.Counts { return load.Counts{Created: uint64(rows), Rows: uint64(rows)} }
func allSkipped(rows int) load.Counts { return load.Counts{Skipped: uint64(rows), Rows: uint64(rows)} }
func allUpdated(rows int) load.Counts { return load.Counts{Updated: uint64(rows), Rows: uint64(rows)} }
func halfUpdated(rows int) load.Counts {
	return load.Counts{Created: uint64(rows / 2), Updated: uint64(rows - rows/2), Rows: uint64(rows)}
}

// inputs are the file of the measured import, and the one before it or nil.
func (i importing) inputs(s *stage) (in, before *Input, err error) {
	clean := i.clean
	clean.Seed, clean.Rows = s.cfg.Seed, s.cfg.Rows*max(i.times, 1)
	if in, err = s.files.get(i.shape, clean); err != nil || !i.loaded {
		return in, nil, err
	}
	before, err = s.files.get(i.shape, dataset.Clean{Seed: s.cfg.Seed, Rows: clean.Rows})
	return in, before, err
}

func (i importing) run(ctx context.Context, s *stage) (out Sample, err error) {
	in, before, err := i.inputs(s)
	if err != nil {
		return out, err
	}
	err = s.use(ctx, func(h *host) error {
		var stored uint64
		if before != nil {
			counts, err := upload(ctx, h.client, before, i.guest, false)
			if err != nil {
				return err
			}
			stored = counts.Created
		}
		var counts load.Counts
		out, err = measured(h.Server, in, func() (err error) {
			counts, err = upload(ctx, h.client, in, i.guest, i.update)
			return err
		})
		if err != nil {
			return err
		}
		if want := i.want(in.Rows); counts != want {
			return fmt.Errorf("the import answered %+v, not %+v", counts, want)
		}
		if err := verify(ctx, h.client, stored+counts.Created, in, counts.Skipped == 0); err != nil {
			return err
		}
		if i.settle {
			if err := settled(ctx, h.Data); err != nil {
				return err
			}
		}
		return s.atRest(ctx, h, in, i.reopen, &out)
	})
	return out, err
}

// upload sends an input's bodies one after the other, and then waits for all
// their jobs.
func upload(ctx context.Context, c *load.Client, in *Input, guest string, update bool) (load.Counts, error) {
	bodies := in.bodies(options(in.Shape, guest, update))
	if len(bodies) == 1 {
		return c.Import(ctx, bodies[0])
	}
	var total load.Counts
	var jobs []load.Job
	for _, b := range bodies {
		job, err := c.Post(ctx, b, 0)
		if err != nil {
			return total, err
		}
		jobs = append(jobs, job)
	}
	for _, job := range jobs {
		counts, err := c.Wait(ctx, job)
		if err != nil {
			return total, err
		}
		total.Add(counts)
	}
	return total, nil
}

// measured times work, and what the server uses for it.
func measured(server *process.Server, in *Input, work func() error) (Sample, error) {
	watch, err := measure.StartWatch(server.PID())
	if err != nil {
		return Sample{}, fmt.Errorf("watch server: %w", err)
	}
	defer watch.Close()
	started := time.Now()
	if err := work(); err != nil {
		return Sample{}, fmt.Errorf("%w\nthe server's log ends with:\n%s", err, tail(server.Log(), 2000))
	}
	took := time.Since(started)
	used, peak, err := watch.Stop()
	if err != nil {
		return Sample{}, fmt.Errorf("watch server: %w", err)
	}
	return Sample{Seconds: took.Seconds(), Rows: in.Rows, Bytes: in.Bytes, CPUSeconds: used.CPU.Seconds(),
		PeakAnon: peak, WriteBytes: used.WriteBytes}, nil
}

func tail(text string, n int) string { return text[max(len(text)-n, 0):] }

// samples is how many of the companies are read one by one.
const samples = 40

// verify asks the store itself: how many companies it says it has, how many an
// export gives, and whether some of the rows are there as they were sent.
// changed says that the rows' cells must be those of in.
func verify(ctx context.Context, c *load.Client, want uint64, in *Input, changed bool) error {
	total, err := c.Total(ctx)
	if err != nil {
		return err
	}
	exported, err := c.Exported(ctx)
	if err != nil {
		return err
	}
	if total != want || exported != want {
		return fmt.Errorf("the store has %d companies and exports %d, not %d", total, exported, want)
	}
	i, step := 0, max(in.Rows/samples, 1)
	for n := range in.clean.Numbers() {
		if i++; i%step != 0 {
			continue
		}
		row := in.clean.Row(n)
		found, err := c.ByDomain(ctx, row.Domain())
		if err != nil {
			return err
		}
		if found.Name != row.Company || changed && (found.Phone != row.Phone || found.Description != row.Description) {
			return fmt.Errorf("row %d is stored as %+v, not as %+v", n, found, row)
		}
	}
	return nil
}

// atRest stops the server and measures what it leaves on the disk, and how long
// it takes to open that again.
func (s *stage) atRest(ctx context.Context, h *host, in *Input, reopen bool, out *Sample) error {
	if err := h.Stop(); err != nil {
		return err
	}
	var err error
	if out.DiskBytes, err = measure.DiskBytes(h.Data); err != nil || !reopen {
		return err
	}
	started := time.Now()
	again, err := s.reopen(ctx, h.Data)
	if err != nil {
		return err
	}
	_, err = again.client.ByDomain(ctx, in.clean.Row(0).Domain())
	out.OpenSeconds = time.Since(started).Seconds()
	return errors.Join(err, again.close())
}

// settled waits until the disk has not changed for longer than the server's garbage
// collection, which looks once a minute, leaves alone.
func settled(ctx context.Context, data string) error {
	const quiet, most, every = 75 * time.Second, 5 * time.Minute, 250 * time.Millisecond
	last, since := int64(-1), time.Now()
	for begin := time.Now(); time.Since(begin) < most; {
		now, err := measure.DiskBytes(data)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) > quiet {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
	return nil // it never rests: measured as it is
}
