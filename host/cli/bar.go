package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows progress on a terminal, and a plain line now and then elsewhere. A
// nil bar shows nothing.
type bar struct {
	out   io.Writer
	what  string
	total int64
	draw  *progressbar.ProgressBar // nil: plain lines

	began, said time.Time
	read        int64
	rows        uint64
}

// plainEvery is how often a plain line is written.
const plainEvery = 2 * time.Second

func newBar(p *process, what string, total int64, quiet bool) *bar {
	if quiet {
		return nil
	}
	b := &bar{out: p.stderr, what: what, total: total, began: time.Now(), said: time.Now()}
	if terminal(p.stderr) {
		b.draw = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.stderr), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription(what), progressbar.OptionThrottle(65*time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	return b
}

// Write counts what passes, for a TeeReader.
func (b *bar) Write(p []byte) (int, error) {
	if b != nil {
		b.at(b.read+int64(len(p)), 0)
	}
	return len(p), nil
}

// at says how far it is; rows 0: not known.
func (b *bar) at(read int64, rows uint64) {
	if b == nil {
		return
	}
	b.read, b.rows = read, rows
	if b.draw != nil {
		if rows > 0 {
			b.draw.Describe(b.what + " " + count(rows, "row", "rows"))
		}
		_ = b.draw.Set64(read) // a bar that can't be drawn is no reason to stop
		return
	}
	if now := time.Now(); now.Sub(b.said) >= plainEvery {
		b.said = now
		fmt.Fprintln(b.out, b.line(now))
	}
}

func (b *bar) line(now time.Time) string {
	const mb = 1e6
	took := now.Sub(b.began).Seconds()
	s := fmt.Sprintf("%s: %.1f MB", b.what, float64(b.read)/mb)
	if b.total > 0 {
		s += fmt.Sprintf(" of %.1f MB (%d %%)", float64(b.total)/mb, 100*b.read/b.total)
	}
	if b.rows > 0 {
		s += ", " + count(b.rows, "row", "rows")
	}
	if took > 0 && b.read > 0 {
		rate := float64(b.read) / took
		s += fmt.Sprintf(", %.1f MB/s", rate/mb)
		if left := b.total - b.read; b.total > 0 && left > 0 {
			s += ", " + (time.Duration(float64(left)/rate*1e9) * time.Nanosecond).Round(time.Second).String() + " left"
		}
	}
	return s
}

func (b *bar) done() {
	if b == nil {
		return
	}
	if b.draw != nil {
		_ = b.draw.Finish()
		return
	}
	fmt.Fprintln(b.out, b.line(time.Now()))
}
