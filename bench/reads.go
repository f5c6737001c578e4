package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sluice/bench/dataset"
	"sluice/bench/load"
)

// readsWhile measures reads of stored companies while as many rows are imported
// into the same table, half of them updates. Seconds and rows are the import's.
type readsWhile struct {
	path func(load.Company) string
}

func byID(c load.Company) string     { return "/v1/companies/" + c.ID }
func byDomain(c load.Company) string { return "/v1/companies?domain=" + c.Domain }

// Readers ask at a pace, not as fast as they can: the question is how long a
// user waits, not how many cores readers can take from an import.
const (
	readers   = 2
	readPause = time.Millisecond
	readRows  = 1000 // different companies
)

func (r readsWhile) run(ctx context.Context, s *stage) (out Sample, err error) {
	i := importing{shape: csvShape, guest: guestC, clean: dataset.Clean{Revision: 1, Order: dataset.HalfNew}, loaded: true}
	in, before, err := i.inputs(s)
	if err != nil {
		return out, err
	}
	err = s.use(ctx, func(h *host) error {
		if _, err := upload(ctx, h.client, before, i.guest, false); err != nil {
			return err
		}
		reads, err := r.reads(ctx, s, h.client)
		if err != nil {
			return err
		}
		var answered load.Answered
		out, err = measured(h.Server, in, func() (err error) {
			answered, err = whileReading(ctx, h, reads, func(ctx context.Context) error {
				counts, err := upload(ctx, h.client, in, i.guest, true)
				if want := halfUpdated(in.Rows); err == nil && counts != want {
					err = fmt.Errorf("the import answered %+v, not %+v", counts, want)
				}
				return err
			})
			return err
		})
		if err != nil {
			return err
		}
		if answered.Requests == 0 {
			return errors.New("no read was answered")
		}
		took := out.Seconds
		out.latencies(answered)
		out.Seconds = took
		if err := verify(ctx, h.client, uint64(before.Rows+in.Rows/2), in, true); err != nil {
			return err
		}
		return s.atRest(ctx, h, in, false, &out)
	})
	return out, err
}

// reads makes the requests for companies from all over the table.
func (r readsWhile) reads(ctx context.Context, s *stage, c *load.Client) ([][]byte, error) {
	var requests [][]byte
	n := min(readRows, s.cfg.Rows)
	for i := range n {
		row := dataset.CleanRow(s.cfg.Seed, uint64(i)*uint64(s.cfg.Rows/n))
		found, err := c.ByDomain(ctx, row.Domain())
		if err != nil {
			return nil, err
		}
		requests = append(requests, load.Request(http.MethodGet, r.path(found), s.keys[0], "", nil))
	}
	return requests, nil
}

// whileReading sends the reads over and over until work is done.
func whileReading(ctx context.Context, h *host, reads [][]byte, work func(context.Context) error) (load.Answered, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- work(ctx)
		close(over)
	}()
	b := load.Burst{Connections: readers, Requests: reads, Again: true, Until: over, Pause: readPause,
		Check: func(body []byte) error {
			if !bytes.Contains(body, []byte(`"domain":"`)) {
				return errors.New("no company")
			}
			return nil
		}}
	answered, err := b.Run(ctx, h.URL)
	if err != nil {
		cancel()
	}
	return answered, errors.Join(err, <-done)
}
