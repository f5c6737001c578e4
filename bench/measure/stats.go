package measure

import (
	"math"
	"slices"
	"time"
)

// Series is one figure of several runs.
type Series struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Runs   int     `json:"runs"`
}

// NewSeries sums up the runs; without any it is all zeros.
func NewSeries(runs []float64) Series {
	if len(runs) == 0 {
		return Series{}
	}
	return Series{Median: Median(runs), Min: slices.Min(runs), Max: slices.Max(runs), Runs: len(runs)}
}

// Spread is how far the runs lie apart, as a share of the median.
func (s Series) Spread() float64 {
	if s.Median == 0 {
		return 0
	}
	return (s.Max - s.Min) / s.Median
}

// Median is the middle value, or the mean of the two in the middle; 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Percentile is the smallest value that at least p of 100 values don't exceed
// (nearest rank); it sorts values. 0 of none.
func Percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	rank := int(math.Ceil(p / 100 * float64(len(values))))
	return values[min(max(rank, 1), len(values))-1]
}
