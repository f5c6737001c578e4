package measure

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Ratio is how the runs of one thing compare with those of another: the median of
// the ratios of runs that were made one after the other, which what disturbs the
// machine for longer than a run doesn't touch, and the interval that holds it in
// 95 of 100 resamplings of the pairs.
type Ratio struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// NewRatio compares b with a, pair by pair; the longer one's rest is left out.
// Without a pair, or with a zero in a, it is all zeros.
func NewRatio(a, b []float64) Ratio {
	n := min(len(a), len(b))
	ratios := make([]float64, n)
	for i := range n {
		if a[i] == 0 {
			return Ratio{}
		}
		ratios[i] = b[i] / a[i]
	}
	if n == 0 {
		return Ratio{}
	}
	const resamplings = 2000
	random := rand.New(rand.NewPCG(1, uint64(n))) // the same figures give the same interval
	medians := make([]float64, resamplings)
	sample := make([]float64, n)
	for i := range medians {
		for j := range sample {
			sample[j] = ratios[random.IntN(n)]
		}
		medians[i] = Median(sample)
	}
	slices.Sort(medians)
	return Ratio{Median: Median(ratios), Low: medians[resamplings*25/1000], High: medians[resamplings*975/1000-1]}
}

// Verdict says what a ratio means.
type Verdict string

// The verdicts. Unclear is not the same as equal: more runs may tell.
const (
	Less    Verdict = "less"
	More    Verdict = "more"
	Unclear Verdict = "unclear"
)

// Judge compares a ratio with the noise, which is the ratio of a thing to itself
// measured in the same way. A difference counts where its interval leaves out
// both 1 and all that the noise reached.
func (r Ratio) Judge(noise Ratio) Verdict {
	reach := max(math.Abs(noise.Low-1), math.Abs(noise.High-1))
	switch {
	case r.Median == 0:
		return Unclear
	case r.High < 1 && r.Median < 1-reach:
		return Less
	case r.Low > 1 && r.Median > 1+reach:
		return More
	default:
		return Unclear
	}
}
