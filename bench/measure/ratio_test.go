package measure

import (
	"math/rand/v2"
	"testing"
)

// runs are n runs around a mean, within the given share of it.
func runs(seed uint64, n int, mean, noise float64) []float64 {
	random := rand.New(rand.NewPCG(seed, 2))
	list := make([]float64, n)
	for i := range list {
		list[i] = mean * (1 + noise*(2*random.Float64()-1))
	}
	return list
}

func TestNewRatio(t *testing.T) {
	if got := NewRatio([]float64{2, 2, 2}, []float64{1, 1, 1, 99}); got != (Ratio{0.5, 0.5, 0.5}) {
		t.Errorf("%+v", got)
	}
	for _, none := range [][2][]float64{{nil, {1}}, {{1}, nil}, {{0, 1}, {1, 1}}} {
		if got := NewRatio(none[0], none[1]); got != (Ratio{}) {
			t.Errorf("%v: %+v", none, got)
		}
	}
	// A machine that becomes three times as slow meanwhile changes nothing.
	a, b := []float64{1, 1, 1, 3, 3, 3}, []float64{1.1, 1.1, 1.1, 3.3, 3.3, 3.3}
	if got := NewRatio(a, b); got.Low < 1.09 || got.High > 1.11 {
		t.Errorf("%+v", got)
	}
	a, b = runs(1, 9, 1, 0.05), runs(2, 9, 1, 0.05)
	got := NewRatio(a, b)
	if got.Low > got.Median || got.High < got.Median || got.High-got.Low < 0.005 || got != NewRatio(a, b) {
		t.Errorf("%+v", got)
	}
}

func TestJudge(t *testing.T) {
	f := func(r, noise Ratio, want Verdict) {
		t.Helper()
		if got := r.Judge(noise); got != want {
			t.Errorf("%+v beside noise %+v: %s, want %s", r, noise, got, want)
		}
	}
	quiet := Ratio{1, 0.99, 1.01}
	f(Ratio{0.9, 0.88, 0.93}, quiet, Less)
	f(Ratio{1.2, 1.1, 1.3}, quiet, More)
	f(Ratio{1, 0.98, 1.02}, quiet, Unclear)
	f(Ratio{0.9, 0.8, 1.01}, quiet, Unclear)
	f(Ratio{0.9, 0.88, 0.93}, Ratio{1, 0.85, 1.02}, Unclear)
	f(Ratio{1.1, 1.05, 1.2}, Ratio{1, 0.85, 1.02}, Unclear)
	f(Ratio{}, quiet, Unclear)
}

// TestVerdicts judges many comparisons whose truth is known.
func TestVerdicts(t *testing.T) {
	wrong, missed := 0, 0
	const tries, rounds = 60, 7
	for i := range uint64(tries) {
		a, again := runs(3*i, rounds, 1, 0.04), runs(3*i+1, rounds, 1, 0.04)
		noise := NewRatio(a, again)
		if NewRatio(a, runs(3*i+2, rounds, 1, 0.04)).Judge(noise) != Unclear {
			wrong++
		}
		if NewRatio(a, runs(3*i+2, rounds, 0.8, 0.04)).Judge(noise) != Less {
			missed++
		}
	}
	if wrong > tries/20 || missed > tries/20 {
		t.Errorf("of %d comparisons %d equal ones were told apart, and %d that differ by a fifth were not", tries, wrong, missed)
	}
}
