package plugins

import "time"

// Events are told what plugins do, for metrics. Each may be nil, is called on the
// goroutine that did the work, and must be quick.
type Events struct {
	// Called tells of one call of process that ended well.
	Called func(tenant string, plugin Info, rows int, fuel int64, ran time.Duration)

	// Trapped tells of one call that ended in a trap.
	Trapped func(tenant string, plugin Info, reason string)

	// Opened tells of an instance that was started for a job.
	Opened func(tenant string, plugin Info, took time.Duration)

	// Compiled tells of one child process; err is why the module was refused.
	Compiled func(took time.Duration, err error)
}

func (e Events) withDefaults() Events {
	if e.Called == nil {
		e.Called = func(string, Info, int, int64, time.Duration) {}
	}
	if e.Trapped == nil {
		e.Trapped = func(string, Info, string) {}
	}
	if e.Opened == nil {
		e.Opened = func(string, Info, time.Duration) {}
	}
	if e.Compiled == nil {
		e.Compiled = func(time.Duration, error) {}
	}
	return e
}
