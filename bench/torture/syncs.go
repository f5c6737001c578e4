package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sluice/bench/process"
)

// traced are the system calls that a judge looks at.
const traced = "trace=read,write,writev,openat,mmap,munmap,mremap,msync,fsync,fdatasync"

// tracedLife is how long the load goes on under the trace.
const tracedLife = 5 * time.Second

// errNoTrace says that the server can't be traced here.
var errNoTrace = errors.New("no trace of system calls can be had here")

// Syncs runs the load on a server under strace and looks, for each acknowledgement,
// for the sync that came before it: SIGKILL keeps the page cache, so that no kill
// shows one that is missing. Where there is no strace it says so, and that nothing
// was checked.
func Syncs(ctx context.Context, cfg Config) error {
	if err := canTrace(ctx); err != nil {
		fmt.Fprintf(cfg.Out, "syncs: not checked: %v\n", err)
		return nil
	}
	r, err := newRun(cfg)
	if err != nil {
		return err
	}
	j, err := r.trace(ctx)
	if err == nil && len(j.problems) > 0 {
		err = fmt.Errorf("syncs: %d of the acknowledgements came too early; the first: %s\nthe trace is kept: %s",
			len(j.problems), j.problems[0], r.traceFile())
	}
	if err == nil && (j.acks["POST 200"] == 0 || j.acks["POST 202"] == 0) {
		err = fmt.Errorf("syncs: %v were acknowledged, which shows nothing of imports", j.acks)
	}
	if err == nil {
		fmt.Fprintf(r.Out, "syncs: acknowledged %v, each after the sync of its logs, its upload and their folders\n", j.acks)
	}
	return r.cleanUp(err)
}

func (r *run) traceFile() string { return filepath.Join(r.dir, "trace") }

// canTrace tries strace on a process that ends at once.
func canTrace(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "strace", "-D", "-f", "-o", os.DevNull, "true").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %w %s", errNoTrace, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// trace loads a traced server and judges it.
func (r *run) trace(ctx context.Context) (*judge, error) {
	// The server is the child and strace its companion, so that signals reach it.
	p, err := process.StartUnder(ctx, []string{"strace", "-D", "-f", "-yy", "-s", "700", "-o", r.traceFile(), "-e", traced}, r.Binary, r.data)
	if err != nil {
		return nil, err
	}
	err = r.live(ctx, p, true, func(*server, *errgroup.Group) (orderly bool, err error) {
		time.Sleep(tracedLife)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return judgeTrace(r.traceFile())
}

func judgeTrace(path string) (*judge, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	j := newJudge()
	err = readTrace(f, j.see)
	return j, errors.Join(err, f.Close())
}
