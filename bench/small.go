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

// requests is how many are made beforehand; when all are answered, the burst ends
// before its time. More of them would take more memory than the server.
func requests(rows int, c Config) int {
	perSecond := 40_000
	if rows > 1 {
		perSecond = 400_000 / rows
	}
	return max(int(c.Burst.Seconds()*float64(perSecond)), 1000/rows)
}

// set is requests that were made beforehand.
type set struct {
	requests [][]byte
	bytes    []int64 // of each body
}

// set makes the requests of so many rows once; all their rows together are those
// of one clean file.
func (s *stage) set(rows int) *set {
	if made := s.bursts[rows]; made != nil {
		return made
	}
	made := &set{}
	next := uint64(0)
	for range requests(rows, s.cfg) {
		body := []byte(`{"rows":[`)
		for i := range rows {
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
	s.bursts[rows] = made
	return made
}

func (b burst) run(ctx context.Context, s *stage) (out Sample, err error) {
	made := s.set(b.rows)
	err = s.use(ctx, func(h *host) error {
		all := load.Burst{Connections: b.connections, Requests: made.requests, For: s.cfg.Burst,
			Check: load.WantCount("created_count", b.rows)}
		var answered load.Answered
		in := &Input{clean: dataset.Clean{Seed: s.cfg.Seed}}
		out, err = measured(h.Server, in, func() (err error) {
			answered, err = all.Run(ctx, h.URL)
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
