package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sluice/bench/dataset"
	"sluice/bench/load"
	"sluice/bench/measure"
)

// burst measures imports that are done before they are answered.
type burst struct {
	rows, connections int
}

// requests is how many are made beforehand: more than can be answered in the
// time of a burst.
func (b burst) requests(c Config) int {
	perSecond := 60_000 / b.rows
	if b.connections == 1 {
		perSecond = 10_000 / b.rows
	}
	return max(int(c.Burst.Seconds()*float64(perSecond)), 10*b.connections)
}

// set is requests that were made beforehand.
type set struct {
	requests [][]byte
	bytes    []int64 // of each body
}

// set makes the requests once; their rows are those of one clean file.
func (s *stage) set(b burst) *set {
	if made := s.bursts[b]; made != nil {
		return made
	}
	made := &set{}
	next := uint64(0)
	for range b.requests(s.cfg) {
		body := []byte(`{"rows":[`)
		for i := range b.rows {
			if i > 0 {
				body = append(body, ',')
			}
			body = dataset.AppendJSON(body, dataset.CleanRow(s.cfg.Seed, next))
			next++
		}
		body = append(body, "]}"...)
		made.requests = append(made.requests, load.Request(http.MethodPost, "/v1/import/companies", s.keys[0], "application/json", body))
		made.bytes = append(made.bytes, int64(len(body)))
	}
	s.bursts[b] = made
	return made
}

func (b burst) run(ctx context.Context, s *stage) (out Sample, err error) {
	made := s.set(b)
	err = s.use(ctx, func(h *host) error {
		requests := load.Burst{Connections: b.connections, Requests: made.requests, For: s.cfg.Burst,
			Check: load.WantCount("created_count", b.rows)}
		var answered load.Answered
		in := &Input{clean: dataset.Clean{Seed: s.cfg.Seed}}
		out, err = measured(h.Server, in, func() (err error) {
			answered, err = requests.Run(ctx, h.URL)
			return err
		})
		if err != nil {
			return err
		}
		if answered.Requests == 0 {
			return fmt.Errorf("no request was answered within %s", s.cfg.Burst)
		}
		in.clean.Rows, in.Rows = answered.Requests*b.rows, answered.Requests*b.rows
		out.Rows = in.Rows
		// The requests that were sent are the first ones: each is taken in turn.
		for _, n := range made.bytes[:answered.Requests] {
			out.Bytes += n
		}
		out.latencies(answered)
		if err := verify(ctx, h.client, uint64(in.Rows), in, true); err != nil {
			return err
		}
		return s.atRest(ctx, h, in, false, &out)
	})
	return out, err
}

// latencies takes over how many requests were answered and how fast.
func (r *Sample) latencies(a load.Answered) {
	r.Seconds, r.Requests = a.Elapsed.Seconds(), a.Requests
	r.P50 = milliseconds(measure.Percentile(a.Times, 50))
	r.P99 = milliseconds(measure.Percentile(a.Times, 99))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
