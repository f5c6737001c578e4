package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"sluice/engine/fault"
	"sluice/engine/tuple"
)

// Config bounds an Engine.
type Config struct {
	UploadMemory   int           // bytes of an upload kept in memory before it is spooled
	UploadsMemory  int64         // bytes of all uploads kept in memory; then they are spooled sooner
	ImportMemory   int64         // bytes of uploads read into rows at once; then requests wait
	Workers        int           // goroutines that prepare batches, a job
	RunningJobs    int           // jobs that run at once
	QueuedJobs     int           // jobs of one tenant that have not ended; more are refused
	Turn           time.Duration // how long a job runs while another tenant's waits
	MaxReportBytes int64         // of failed rows' cells and results, a job
	Retention      time.Duration // of ended jobs and their reports
	Now            func() time.Time
}

// DefaultConfig suits a machine of any size.
func DefaultConfig() Config {
	return Config{
		UploadMemory:   1 << 20,
		UploadsMemory:  64 << 20,
		ImportMemory:   64 << 20,
		Workers:        runtime.GOMAXPROCS(0),
		RunningJobs:    max(2, runtime.GOMAXPROCS(0)),
		QueuedJobs:     10_000,
		Turn:           time.Second,
		MaxReportBytes: 1 << 30,
		Retention:      7 * 24 * time.Hour,
		Now:            time.Now,
	}
}

// Engine runs imports. Its methods may be called from any goroutine between
// Start and Close.
type Engine struct {
	cfg      Config
	store    Store
	spool    Spool
	plugins  Plugins // nil: there are none
	log      *slog.Logger
	ids      *jobIDs
	accepted atomic.Uint64 // number of the last job that was queued
	queue    *queue
	watch    *watchers
	works    workPool
	plans    *planCache
	uploads  budget
	reading  *semaphore.Weighted // by bytes, of Config.ImportMemory
	looking  *semaphore.Weighted // uploads that are looked at, see look
	saving   *semaphore.Weighted // uploads that are made durable, see Upload.persist

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// New makes an Engine; plugins may be nil.
func New(cfg Config, store Store, spool Spool, plugins Plugins, log *slog.Logger) *Engine {
	return &Engine{cfg: cfg, store: store, spool: spool, plugins: plugins, log: log,
		ids: newJobIDs(), queue: newQueue(), watch: newWatchers(), plans: newPlanCache(),
		uploads: budget{max: cfg.UploadsMemory}, reading: semaphore.NewWeighted(cfg.ImportMemory),
		looking: semaphore.NewWeighted(int64(max(1, cfg.Workers/2))), saving: semaphore.NewWeighted(savingAtOnce)}
}

// Start takes up the jobs that had not ended, drops uploads that no job knows,
// and begins to run jobs.
func (e *Engine) Start(ctx context.Context) error {
	type accepted struct {
		tenant, id string
		number     uint64
	}
	var pending []accepted
	known := map[string]bool{}
	err := e.store.Records(ctx, PendingPrefix(), nil, func(key tuple.Key, value []byte) (bool, error) {
		tenant, id, err := CutPending(key)
		pending = append(pending, accepted{tenant, id, pendingNumber(value)})
		known[id] = true
		return true, err
	})
	if err != nil {
		return fmt.Errorf("read pending jobs: %w", err)
	}
	err = e.spool.Sweep(func(id string) bool { return known[id] })
	if err != nil {
		return fmt.Errorf("sweep spool: %w", err)
	}
	slices.SortFunc(pending, func(a, b accepted) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.id, b.id))
	})
	for _, p := range pending {
		j := newEntry(p.tenant, p.id)
		j.lain = true
		e.queue.add(j)
		e.accepted.Store(p.number)
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	for range e.cfg.RunningJobs {
		e.wg.Go(func() { e.runJobs(run) })
	}
	e.wg.Go(func() { e.retain(run) })
	return nil
}

// Close stops every job at its next commit and waits for it; ctx bounds the wait.
func (e *Engine) Close(ctx context.Context) error {
	if e.stop == nil {
		return nil
	}
	e.stop()
	e.queue.close()
	e.watch.close()
	done := make(chan struct{})
	go func() { e.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Overloaded, ctx.Err(), "jobs did not stop in time")
	}
}

// Running tells how many jobs run and how many wait.
func (e *Engine) Running() (running, waiting int) { return e.queue.counts() }
