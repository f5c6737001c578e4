package plugins

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sluice/engine/fault"
	"sluice/plugins/meter"
)

// compiler makes modules of uploads: by the cache, or by the meter and a child
// process, of which one at a time runs.
type compiler struct {
	limits Limits
	dir    string // for folders that live as long as one compilation
	child  []string
	cpu    time.Duration
	cache  *cache
	turn   chan struct{}
	events Events
}

// Bounds of the child process, besides its processor time.
const (
	childMemory = 800 << 20
	childTime   = time.Minute // at least, on the wall: for one that is stuck or a machine that is far too busy
	childPart   = 8           // a child gets no smaller part of a processor
	maxReply    = 8 << 20     // bytes of its report
)

func newCompiler(c Config) (*compiler, error) {
	dir := filepath.Join(c.Dir, "work")
	// What a former process left there has no owner.
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return nil, fmt.Errorf("make work folder of plugins: %w", err)
	}
	cache, err := openCache(filepath.Join(c.Dir, "cache"), c.MaxCacheBytes, c.Limits.meter())
	if err != nil {
		return nil, err
	}
	return &compiler{limits: c.Limits, dir: dir, child: c.Child, cpu: c.ChildCPU, cache: cache,
		turn: make(chan struct{}, 1), events: c.Events}, nil
}

// load returns the module of an upload, ready to run.
func (c *compiler) load(ctx context.Context, hash string, source Source) (*module, error) {
	e := c.cache.get(hash)
	if e == nil {
		wasm, err := source(ctx)
		if err != nil {
			return nil, err
		}
		if e, err = c.compile(ctx, wasm); err != nil {
			return nil, err
		}
		if Hash(wasm) != hash {
			return nil, fmt.Errorf("load plugin: the stored module does not have the hash %s", hash)
		}
	}
	if e.Refused != "" {
		return nil, fault.New(fault.PluginInvalid, "%s", e.Refused)
	}
	return c.open(ctx, e)
}

// open hands an authenticated entry to wazero, in a folder that nobody else
// knows and that is gone afterwards.
func (c *compiler) open(ctx context.Context, e *entry) (*module, error) {
	dir, err := os.MkdirTemp(c.dir, "open-")
	if err != nil {
		return nil, fmt.Errorf("make folder for native code: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, e.NativeName)
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, e.native, 0o600)); err != nil {
		return nil, fmt.Errorf("write native code: %w", err)
	}
	return compileModule(ctx, e.wasm, moduleConfig{memoryPages: c.limits.MemoryBytes / pageBytes, cacheDir: dir})
}

// compile returns the entry of an upload, from the cache or by the child. A
// module that is not acceptable gives an error of code plugin_invalid; it is
// remembered, so that it costs little the next time.
func (c *compiler) compile(ctx context.Context, wasm []byte) (*entry, error) {
	hash := Hash(wasm)
	e := c.cache.get(hash)
	if e == nil {
		select {
		case c.turn <- struct{}{}:
			defer func() { <-c.turn }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		began := time.Now()
		var err error
		e, err = c.make(ctx, wasm)
		c.events.Compiled(time.Since(began), err)
		if fault.CodeOf(err) == fault.PluginInvalid {
			var f *fault.Error
			errors.As(err, &f)
			e = &entry{Refused: f.Message}
		} else if err != nil {
			return nil, err
		}
		if err := c.cache.put(hash, e); err != nil {
			return nil, err
		}
	}
	if e.Refused != "" {
		return nil, fault.New(fault.PluginInvalid, "%s", e.Refused)
	}
	return e, nil
}

func (c *compiler) make(ctx context.Context, wasm []byte) (*entry, error) {
	metered, info, err := meter.Rewrite(wasm, c.limits.meter())
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(c.dir, "make-")
	if err != nil {
		return nil, fmt.Errorf("make folder for native code: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	answer, err := c.runChild(ctx, childRequest{Limits: c.limits, CacheDir: dir}, metered)
	if err != nil {
		return nil, err
	}
	if answer.Refused != "" {
		return nil, fault.New(fault.PluginInvalid, "%s", answer.Refused)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("compile plugin: the child left %d files", len(found))
	}
	native, err := os.ReadFile(found[0])
	if err != nil {
		return nil, fmt.Errorf("read native code: %w", err)
	}
	name, err := filepath.Rel(dir, found[0])
	if err != nil {
		return nil, fmt.Errorf("read native code: %w", err)
	}
	report := answer.Report
	report.Functions, report.MemoryPages, report.MeteredBytes, report.NativeBytes =
		info.Functions, info.MemoryMinPages, len(metered), len(native)
	return &entry{Report: report, NativeName: name, wasm: metered, native: native}, nil
}

// runChild compiles and tries a module where that can do no harm.
func (c *compiler) runChild(ctx context.Context, r childRequest, metered []byte) (*childReply, error) {
	head, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode child's request: %w", err)
	}
	patience := max(childTime, childPart*c.cpu) // else a long processor time is never reached
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.child[0], c.child[1:]...)
	cmd.Env = []string{childCPUVar + "=" + strconv.Itoa(int(c.cpu.Seconds()))} // and nothing of ours
	cmd.WaitDelay = time.Second
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(head)))
	cmd.Stdin = io.MultiReader(bytes.NewReader(length), bytes.NewReader(head), bytes.NewReader(metered))
	stdout, stderr := &bounded{room: maxReply}, &bounded{room: 4 << 10}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	if err == nil {
		answer := &childReply{}
		if err := json.Unmarshal(stdout.bytes, answer); err != nil || answer.Report == nil && answer.Refused == "" {
			return nil, fmt.Errorf("read child's report: %w", err)
		}
		return answer, nil
	}
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Overloaded, err, "the plugin could not be compiled in %v on this busy machine; try again", patience)
	}
	if cmd.ProcessState == nil {
		return nil, fmt.Errorf("start child that compiles: %w", err)
	}
	if used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); used > c.cpu*3/4 { // it is killed a little early
		return nil, fault.Wrap(fault.PluginInvalid, err,
			"compiling the module takes more than %v (--plugin-compile-time); split its largest functions, and nest loops less", c.cpu)
	}
	if text := string(stderr.bytes); strings.Contains(text, "out of memory") || strings.Contains(text, "cannot allocate memory") {
		return nil, fault.Wrap(fault.PluginInvalid, err,
			"compiling the module takes more than %d MB of memory; split its largest functions and tables of jumps", childMemory>>20)
	}
	return nil, fault.Wrap(fault.PluginInvalid, fmt.Errorf("%w: %s", err, stderr.bytes), "the module makes the compiler fail")
}

// bounded keeps the first bytes of a stream and drops the rest.
type bounded struct {
	bytes []byte
	room  int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p[:min(len(p), b.room-len(b.bytes))]...)
	return len(p), nil
}
