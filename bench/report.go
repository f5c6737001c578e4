package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"sluice/bench/measure"
)

// reportVersion is the version of the report's JSON.
const reportVersion = 1

// Kinds of results.
const (
	KindSluice = "sluice"
	KindPeer   = "peer"
	KindFloor  = "floor"
)

// Report is all that a run measured.
type Report struct {
	Version    int             `json:"version"`
	Started    time.Time       `json:"started"`
	Seconds    float64         `json:"seconds"`
	Revision   string          `json:"revision"` // of the server
	Machine    measure.Machine `json:"machine"`
	Command    string          `json:"command"` // that reproduces it
	Seed       uint64          `json:"seed"`
	Rows       int             `json:"rows"`
	Incomplete string          `json:"incomplete,omitempty"` // why it ended early
	Results    []*Result       `json:"results"`
}

// Result is one scenario, peer or floor over all rounds.
type Result struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Group    string   `json:"group"`
	About    string   `json:"about"`
	Headline bool     `json:"headline,omitempty"`
	Floor    string   `json:"floor,omitempty"`    // the floor of the same bytes
	Against  string   `json:"against,omitempty"`  // of a peer: the scenario that does the same
	Version  string   `json:"version,omitempty"`  // of a peer
	Settings string   `json:"settings,omitempty"` // of a peer
	Missing  string   `json:"missing,omitempty"`  // why there are no runs, and what to do
	Failed   string   `json:"failed,omitempty"`   // why there are no more
	Runs     []Sample `json:"runs"`
}

// Sample is one measurement. What a scenario doesn't measure is 0.
type Sample struct {
	Seconds     float64 `json:"seconds"`
	Rows        int     `json:"rows,omitempty"`
	Bytes       int64   `json:"bytes,omitempty"` // as sent, decompressed
	CPUSeconds  float64 `json:"cpu_seconds,omitempty"`
	PeakAnon    int64   `json:"peak_anon_bytes,omitempty"`
	WriteBytes  int64   `json:"write_bytes,omitempty"`
	DiskBytes   int64   `json:"disk_bytes,omitempty"`
	OpenSeconds float64 `json:"open_seconds,omitempty"` // from the start of a process to the first company read
	Requests    int     `json:"requests,omitempty"`
	P50         float64 `json:"p50_ms,omitempty"`
	P99         float64 `json:"p99_ms,omitempty"`
}

// Figures of a run, each 0 where it was not measured.
func (r Sample) rowsPerSecond() float64     { return per(float64(r.Rows), r.Seconds) }
func (r Sample) bytesPerSecond() float64    { return per(float64(r.Bytes), r.Seconds) }
func (r Sample) requestsPerSecond() float64 { return per(float64(r.Requests), r.Seconds) }
func (r Sample) cpuPerMillion() float64     { return per(r.CPUSeconds*1e6, float64(r.Rows)) }

func per(n, of float64) float64 {
	if of == 0 {
		return 0
	}
	return n / of
}

// series sums up one figure of all runs that have it.
func (r *Result) series(figure func(Sample) float64) measure.Series {
	var values []float64
	for _, run := range r.Runs {
		if v := figure(run); v != 0 {
			values = append(values, v)
		}
	}
	return measure.NewSeries(values)
}

// find returns the result of a name; nil where there is none.
func (r *Report) find(name string) *Result {
	for _, res := range r.Results {
		if res.Name == name {
			return res
		}
	}
	return nil
}

// shareOfFloor is how long the floor takes for the same bytes, as a share of how
// long res took; 0 where that is not known.
func (r *Report) shareOfFloor(res *Result) float64 {
	floor := r.find(res.Floor)
	if res.Floor == "" || floor == nil {
		return 0
	}
	rate := func(of *Result) float64 { return of.series(Sample.bytesPerSecond).Median }
	return per(rate(res), rate(floor))
}

// WriteFile writes the report as JSON.
func (r *Report) WriteFile(path string) error {
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(raw, '\n'), 0o644)
}

// ReadFile reads a report that WriteFile wrote.
func ReadFile(path string) (*Report, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(Report)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("read report %s: %w", path, err)
	}
	if r.Version != reportVersion {
		return nil, fmt.Errorf("read report %s: version %d; this bench knows %d", path, r.Version, reportVersion)
	}
	return r, nil
}
