package plugins

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

// childRequest comes on the child's standard input, as JSON after its length (u32,
// little-endian) and before the metered module.
type childRequest struct {
	Limits   Limits `json:"limits"`
	CacheDir string `json:"cache_dir"`
}

// childReply is what the child writes to its standard output.
type childReply struct {
	Refused string  `json:"refused,omitempty"`
	Report  *Report `json:"report,omitempty"`
}

const (
	maxRequest = 64 << 10

	// childCPUVar is the only variable in the child's environment: its seconds of
	// processor time, which it must know before it reads anything.
	childCPUVar = "SLUICE_CHILD_CPU_SECONDS"
)

// CompileChild is the main of the child process that Config.Child starts. It
// limits itself before it reads anything, compiles one module, tries it on both
// of wazero's engines and reports. It returns the exit code. Whoever dispatches
// to it does so first of all, while the process holds nothing of the server.
func CompileChild(stdin io.Reader, stdout, stderr io.Writer) int {
	seconds, err := strconv.ParseUint(os.Getenv(childCPUVar), 10, 16)
	if err == nil {
		err = limitSelf(seconds)
	}
	if err != nil {
		fmt.Fprintln(stderr, "limit child:", err)
		return 1
	}
	debug.SetMemoryLimit(childMemory / 2) // collect harder rather than fail
	debug.SetGCPercent(50)
	reply, err := compileChild(context.Background(), stdin)
	if err == nil {
		err = json.NewEncoder(stdout).Encode(reply)
	}
	if err != nil {
		fmt.Fprintln(stderr, "child:", err)
		return 1
	}
	return 0
}

func compileChild(ctx context.Context, stdin io.Reader) (*childReply, error) {
	var length [4]byte
	if _, err := io.ReadFull(stdin, length[:]); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n > maxRequest {
		return nil, fmt.Errorf("read request: %d bytes are too many", n)
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(stdin, head); err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	var r childRequest
	if err := json.Unmarshal(head, &r); err != nil {
		return nil, fmt.Errorf("decode request: %w", err)
	}
	metered, err := io.ReadAll(stdin)
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	return tryModule(ctx, metered, r, interpretTime)
}

// tryModule compiles metered and runs it on both engines, the slow one within
// patience a step.
func tryModule(ctx context.Context, metered []byte, r childRequest, patience time.Duration) (*childReply, error) {
	config := moduleConfig{memoryPages: r.Limits.MemoryBytes / pageBytes, cacheDir: r.CacheDir, workers: runtime.GOMAXPROCS(0)}
	native, err := compileModule(ctx, metered, config)
	if err != nil {
		return &childReply{Refused: "the module is not valid: " + clip(err.Error(), 300)}, nil
	}
	defer native.close(ctx)
	first := dryRun(ctx, native, r.Limits, trialTime)
	if first.refused != "" {
		return &childReply{Refused: first.refused}, nil
	}
	interpreted, err := compileModule(ctx, metered, moduleConfig{memoryPages: config.memoryPages, interpret: true})
	if err != nil {
		return &childReply{Refused: "the module is not valid: " + clip(err.Error(), 300)}, nil
	}
	defer interpreted.close(ctx)
	second := dryRun(ctx, interpreted, r.Limits, patience)
	if what := first.differs(second); what != "" {
		return &childReply{Refused: "the module behaves differently on two engines, at " + what +
			"; it may have met a fault of the compiler: change the code near it, and report it"}, nil
	}
	return &childReply{Report: &first.Report}, nil
}
