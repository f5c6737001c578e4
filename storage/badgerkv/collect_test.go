package badgerkv

import (
	"errors"
	"testing"
)

// When a store collects, and which files: of each look, what was written since the
// last collection, and whether it is due.
func TestCollectPlan(t *testing.T) {
	const mb = 1 << 20
	type look struct {
		written int64
		full    bool
		want    float64 // 0: not due
		after   int64   // written while it was collected
		err     error
	}
	failed := errors.New("failed")
	for name, looks := range map[string][]look{
		"nothing written": {{}, {}, {}},
		"little written":  {{written: 10 * mb}, {written: 10 * mb}, {written: 10 * mb}},
		"at rest":         {{written: 20 * mb}, {written: 20 * mb, want: idleRatio}, {}, {}},
		"busy":            {{written: 255 * mb}, {written: 256 * mb, want: busyRatio}, {written: mb}, {written: 300 * mb, want: busyRatio}},
		"at rest after it was busy": {{written: 300 * mb, want: busyRatio, after: 9 * mb}, {written: 9 * mb, want: idleRatio},
			{}, {}, {written: 9 * mb}, {written: 9 * mb}},
		"at rest after it was busy long": {{written: 300 * mb, want: busyRatio}, {written: 300 * mb, want: busyRatio},
			{written: mb}, {written: mb, want: idleRatio}, {}},
		"full":                 {{written: mb, full: true, want: idleRatio}, {}, {full: true}},
		"full while busy":      {{written: 300 * mb, full: true, want: idleRatio}, {}, {}},
		"a failure is no debt": {{written: 300 * mb, want: busyRatio, err: failed}, {}, {}},
	} {
		var p plan
		for i, l := range looks {
			ratio, due := p.look(l.written, l.full)
			if due != (l.want > 0) || ratio != l.want {
				t.Errorf("%s: look %d: %v %v, want %v", name, i, ratio, due, l.want)
			}
			if due {
				p.collected(l.written, ratio, l.after, l.err)
			}
		}
	}
}
